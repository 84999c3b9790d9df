"""Segments that are kept: the same bytes, one limit, full disks, workers that die."""

from __future__ import annotations

import asyncio
import resource
import shutil
import time
from pathlib import Path

import pytest

from mediaserver.core.clock import SystemClock
from mediaserver.core.errors import Damaged
from mediaserver.core.folders import Folders
from mediaserver.sound.index import Sounds
from mediaserver.streaming import build, caches, encoder, work
from mediaserver.streaming.ladder import parse_recipe
from tests import audio
from tests.streaming import dying
from tests.streaming.desk import HIGH, LADDER, LOW, MIDDLE, Desk


async def test_the_same_bytes_after_the_cache_was_emptied_and_after_a_restart(desk: Desk) -> None:
    sound = await desk.sound()
    asked = [(recipe, n) for recipe in (LOW, HIGH) for n in (2, 0, 3, 1)]
    first = {each: await desk.body(sound, each[0], f"{each[1]}.m4s") for each in asked}
    await desk.settled()
    for path in desk.kept.rglob("*.m4s"):
        path.unlink()
    assert {each: await desk.body(sound, each[0], f"{each[1]}.m4s") for each in reversed(asked)} == first
    await desk.settled()
    kept, covers = caches(desk.folder / "cache", 100_000_000)
    await kept.open()
    again = build(desk.workers, desk.database, SystemClock(), desk.sounds, kept, covers)
    for recipe, n in asked:
        media = await again.segments.get(sound.digest, recipe, f"{n}.m4s", cap=99)
        assert media.body == first[recipe, n]
    await again.segments.close()
    assert again.segments.encodes == 0


async def test_a_full_disk_serves_without_keeping(desk: Desk) -> None:
    sound = await desk.sound()
    await desk.workers.urgent(resource.setrlimit, resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
    body = await desk.body(sound, HIGH, "0.m4s")
    await desk.settled()
    assert len(body) > 1000
    assert desk.files() == []
    assert desk.cache.size_bytes == 0
    await desk.workers.urgent(resource.setrlimit, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    assert await desk.body(sound, HIGH, "0.m4s") == body
    await desk.settled()
    assert f"{HIGH}/0.m4s" in desk.files()


async def test_the_limit_holds_while_a_whole_track_is_played(desk: Desk) -> None:
    sound = await desk.sound(seconds=29.0)
    small = build(desk.workers, desk.database, SystemClock(), desk.sounds, *caches(desk.folder / "small", 500_000))
    for n in range(7):
        assert (await small.segments.get(sound.digest, HIGH, f"{n}.m4s", cap=99)).body
        kept = [path.stat().st_size for path in (desk.folder / "small").rglob("*.m4s")]
        assert sum(kept) <= 500_000
    await small.segments.close()
    assert small.segments.encodes >= 7


async def test_a_worker_that_dies_is_a_damaged_part_which_is_not_tried_again_at_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = await desk.sound(seconds=13.0)
    healthy = await desk.body(sound, LOW, "0.m4s")
    await desk.settled()
    with monkeypatch.context() as patched:
        patched.setattr(work, "segment_file", dying.crash)
        with pytest.raises(Damaged, match="died"):
            await desk.body(sound, HIGH, "0.m4s")
    assert desk.workers.killed == 1
    with pytest.raises(Damaged, match="a moment ago"):
        await desk.body(sound, HIGH, "0.m4s")
    assert desk.workers.killed == 1
    assert await desk.body(sound, LOW, "0.m4s") == healthy
    assert await desk.body(sound, MIDDLE, "0.m4s")


async def test_an_error_that_nobody_foresaw_is_a_damaged_part_and_told_in_the_log(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sound = await desk.sound(seconds=5.0)
    monkeypatch.setattr(work, "segment_file", dying.fail)
    for _ in range(2):
        with pytest.raises(Damaged):
            await desk.body(sound, LOW, "0.m4s")
    assert [record.message for record in caplog.records].count("a segment could not be made") == 1
    assert desk.workers.killed == 0


async def test_a_segment_whose_worker_was_killed_by_others_is_made_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = await desk.sound(seconds=5.0)
    monkeypatch.setattr(work, "segment_file", dying.be_killed_once)
    killed = await desk.body(sound, LOW, "0.m4s")
    monkeypatch.undo()
    assert desk.workers.killed == 1
    assert killed == encoder.segment(sound.path, sound.index, LADDER.rendition(sound.index, parse_recipe(LOW)), 0)


async def test_a_side_file_may_go_in_the_middle_of_a_track(desk: Desk) -> None:
    sound = await desk.sound("x.wma")
    whole = [await desk.body(sound, MIDDLE, f"{n}.m4s") for n in range(4)]
    await desk.settled()
    shutil.rmtree(desk.kept)
    for n in range(4):
        Path(sound.path).unlink()
        assert await desk.body(sound, MIDDLE, f"{n}.m4s") == whole[n]
        await desk.settled()
    assert Path(sound.path).exists()


async def test_a_side_file_that_goes_before_the_worker_opens_it_is_made_again(desk: Desk) -> None:
    sound = await desk.sound("x.wma")
    held = asyncio.gather(*(desk.workers.urgent(time.sleep, 0.5) for _ in range(2)))  # the worker has another task
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(desk.body(sound, MIDDLE, "1.m4s"))
    while not desk.segments._making:
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.1)
    Path(sound.path).unlink()
    assert await waiting
    await held


async def test_segments_and_side_files_share_one_limit(desk: Desk) -> None:
    """A side file that is heard stays; older ones go before the limit is passed."""
    limit_bytes = 3_000_000
    sound_cache, cover_cache = caches(desk.folder / "small", limit_bytes)
    sounds = Sounds(desk.database, desk.workers, SystemClock(), shelf=sound_cache, folders=Folders())
    small = build(desk.workers, desk.database, SystemClock(), sounds, sound_cache, cover_cache)
    for n in range(6):
        path = await asyncio.to_thread(audio.write, desk.folder / f"{n}.tta", seconds=6.0, seed=n)
        sound = await sounds.of_file(str(path))
        for rank in (LOW, HIGH):
            assert (await small.segments.get(sound.digest, rank, "0.m4s", cap=99)).body
        await desk.settled(small)
        assert Path(sound.path).exists()
        files = [path for path in (desk.folder / "small").rglob("*") if path.is_file()]
        assert sum(path.stat().st_size for path in files) == sound_cache.size_bytes <= limit_bytes
    assert len(list((desk.folder / "small" / "sides").iterdir())) < 6
    await small.close()
    await sounds.close()


async def test_a_killed_worker_leaves_no_half_segment_and_is_tried_but_twice(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = await desk.sound(seconds=5.0)
    monkeypatch.setattr(work, "segment_file", dying.be_killed)
    with pytest.raises(Damaged, match="died"):
        await desk.body(sound, LOW, "0.m4s")
    assert desk.workers.killed == 2
    await desk.settled()
    assert desk.files() == []
