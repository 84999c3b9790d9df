"""Timelines as the doors ask for them: playlists with tracks, segments of several files, and what leaves."""

from __future__ import annotations

import asyncio
import gc
import io
import shutil
import sys
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mediaserver.core.errors import Damaged, Gone, NotFound
from mediaserver.core.folders import FolderAway, Folders
from mediaserver.storage.database import Database, StorageFull
from mediaserver.streaming import build, caches, hls, ladder
from mediaserver.streaming.timeline import Part, Timeline, joined
from mediaserver.streaming.timelines import Timelines
from tests import audio
from tests.clock import FakeClock
from tests.streaming.desk import HIGH, LADDER, LOW, MAIN, Desk

FLAC = str(LADDER.recipe(ladder.Rung("flac", ladder.RANK_FLAC, 0, 0, 0)))


async def album(desk: Desk, *seconds: float, crossfade_ms: int = 0) -> Timeline:
    sounds = [await desk.sound(f"{n}.flac", seconds=one, seed=n) for n, one in enumerate(seconds, 1)]
    line = joined([Part.of(sound.digest, sound.index) for sound in sounds], crossfade_ms)
    await desk.streaming.timelines.keep(line, await desk.person())
    return line


async def body(desk: Desk, line: Timeline, recipe: str, file: str) -> bytes:
    return (await desk.segments.get(line.digest, recipe, file, cap=99)).body


async def test_an_album_is_served_as_a_sound_is(desk: Desk) -> None:
    line = await album(desk, 3.0, 2.5, 4.0)
    assert b"media.m3u8" in await body(desk, line, MAIN, "main.m3u8")
    assert b"<MPD" in await body(desk, line, str(LADDER.multivariant(ladder.DASH)), "main.mpd")
    assert (await body(desk, line, LOW, "media.m3u8")).count(b".m4s") == 3
    heard = [await body(desk, line, FLAC, file) for file in ("init.mp4", "0.m4s", "1.m4s", "2.m4s")]
    wanted = [audio.decoded(str(desk.folder / f"{n}.flac")) for n in (1, 2, 3)]
    assert np.array_equal(audio.decoded(io.BytesIO(b"".join(heard))), np.concatenate(wanted, axis=1))
    with pytest.raises(NotFound):
        await body(desk, line, FLAC, "3.m4s")
    await desk.settled()
    made = desk.segments.encodes
    assert await body(desk, line, FLAC, "1.m4s") == heard[2]
    await desk.settled()
    assert desk.segments.encodes == made


async def test_its_playlists_tell_where_the_tracks_are(desk: Desk) -> None:
    line = await album(desk, 3.0, 2.5, crossfade_ms=1000)
    media = await desk.segments.get(line.digest, HIGH, "media.m3u8", cap=99)
    assert media.is_immutable
    told = [one for one in media.body.decode().splitlines() if "DATE" in one]
    assert told == [
        "#EXT-X-PROGRAM-DATE-TIME:1999-12-31T23:59:59.977Z",  # with the priming, 23 ms
        '#EXT-X-DATERANGE:ID="track-1",CLASS="track",START-DATE="2000-01-01T00:00:00.000Z",DURATION=3.000000,X-TRACK=1',
        '#EXT-X-DATERANGE:ID="track-2",CLASS="track",START-DATE="2000-01-01T00:00:02.000Z",DURATION=2.500000,X-TRACK=2',
    ]
    assert "DATE" not in hls.media(ladder.lossy_rendition(line.index, ladder.AAC_RUNGS[0]))


async def test_a_file_that_leaves_ends_the_segments_that_need_it_alone(desk: Desk) -> None:
    line = await album(desk, 9.0, 9.0, 9.0)
    (desk.folder / "3.flac").unlink()
    await asyncio.to_thread(audio.write, desk.folder / "2.flac", seconds=9.0, seed=8)
    assert await body(desk, line, LOW, "0.m4s")
    for n in (2, 3, 4, 5, 6):
        with pytest.raises(Gone):
            await body(desk, line, LOW, f"{n}.m4s")
    assert await body(desk, line, LOW, "1.m4s")


async def test_a_file_that_changes_while_it_is_read_is_gone_and_nothing_is_kept(desk: Desk) -> None:
    line = await album(desk, 3.0, 3.0)
    parts = await desk.segments._parts(line, LADDER.rendition_of(line.index, ladder.AAC_RUNGS[0]), 0)
    changed = {n: replace(sound, mtime_ns=sound.mtime_ns - n) for n, sound in parts.items()}
    rendition = LADDER.rendition_of(line.index, ladder.AAC_RUNGS[0])
    with pytest.raises(Gone):
        await desk.segments._encoded_line(line, changed, rendition, 0, "segments/x/0.m4s")
    assert not desk.files()


@pytest.mark.filterwarnings("error")
async def test_where_a_disk_is_away_nothing_is_begun(desk: Desk) -> None:
    names = ("one", "two", "three")
    for name in names:
        (desk.folder / name).mkdir()
    sounds = [await desk.sound(f"{name}/x.flac", seconds=1.0, seed=n) for n, name in enumerate(names, 1)]
    line, rung = joined([Part.of(sound.digest, sound.index) for sound in sounds]), ladder.AAC_RUNGS[0]
    desk.sounds.folders = Folders([desk.folder / name for name in names], patience_s=0.05)
    answers = threading.Event()
    for name in names[1:]:
        with pytest.raises(FolderAway):
            await desk.sounds.folders.ask(str(desk.folder / name), answers.wait)
    rendition, unraised = LADDER.rendition_of(line.index, rung), []
    sys.unraisablehook, before = unraised.append, sys.unraisablehook
    try:
        with pytest.raises(FolderAway):
            await desk.segments._encoded_line(line, dict(enumerate(sounds)), rendition, 0, "segments/x/0.m4s")
        gc.collect()
    finally:
        sys.unraisablehook = before
        answers.set()
    assert not unraised, "work that nobody began was left behind"
    assert not desk.files()


async def test_side_files_that_went_are_made_again(desk: Desk) -> None:
    path = await asyncio.to_thread(audio.write, desk.folder / "a.wma", seconds=3.0)
    sounds = [await desk.sounds.of_file(str(path)), await desk.sound("b.flac", seconds=3.0)]
    assert sounds[0].index.side
    line = joined([Part.of(sound.digest, sound.index) for sound in sounds])
    await desk.streaming.timelines.keep(line, await desk.person())
    first = await body(desk, line, LOW, "0.m4s")
    await desk.settled()
    shutil.rmtree(desk.folder / "cache")
    assert await body(desk, line, LOW, "0.m4s") == first


async def test_what_is_kept_is_found_by_another_server_and_what_never_was_is_not(desk: Desk) -> None:
    line = await album(desk, 2.0, 2.0)
    here = await body(desk, line, LOW, "0.m4s")
    cache = caches(desk.folder / "again", 100_000_000)
    again = build(desk.workers, desk.database, FakeClock(), desk.sounds, *cache)
    assert (await again.segments.get(line.digest, LOW, "0.m4s", cap=99)).body == here
    with pytest.raises(NotFound):
        await again.segments.get("A" * 22, LOW, "0.m4s", cap=99)
    await again.close()


async def test_one_is_kept_for_as_long_as_an_address_of_it_may_hold(desk: Desk) -> None:
    clock, anna = FakeClock(), await desk.person()
    line, other = (joined([Part("A" * 22, n * 3600 * 44_100, 44_100, 2, "stereo", 16, 1)]) for n in (24, 1))

    async def is_there() -> bool:
        try:
            return (await Timelines(desk.database, clock).get(line.digest)).parts == line.parts
        except NotFound:
            return False

    async def tick(days: float) -> None:
        clock.advance(seconds=days * 86_400)
        await Timelines(desk.database, clock).keep(other, anna)

    keeper = Timelines(desk.database, clock)
    await keeper.keep(line, anna)
    await tick(7.5)  # its length and a week
    assert await is_there()
    await keeper.keep(line, anna)  # an address was made again
    await tick(7.5)
    assert await is_there()
    await tick(6.0)
    assert not await is_there()


def short_ones(count: int, *, begin: int = 0) -> list[Timeline]:
    return [joined([Part("A" * 22, 44_100 + n, 44_100, 2, "stereo", 16, 1)]) for n in range(begin, begin + count)]


async def kept(desk: Desk) -> set[str]:
    return {row["digest"] for row in await desk.database.all("SELECT digest FROM timelines")}


async def test_one_who_asks_for_very_many_pushes_out_none_of_others(desk: Desk) -> None:
    clock = FakeClock()
    timelines = Timelines(desk.database, clock, most=20, most_of_one=3)
    anna, bela = await desk.person("Anna"), await desk.person("Bela")
    ours, shared, *many = short_ones(8)
    for line, person in ((ours, bela), (shared, bela), (shared, anna)):
        await timelines.keep(line, person)
    for line in many:
        clock.advance(seconds=1)
        await timelines.keep(line, anna)
        await timelines.keep(line, anna)
    assert await kept(desk) == {line.digest for line in (ours, shared, *many[-3:])}, "the shared one is still Bela's"


async def test_where_there_are_too_many_in_sum_who_has_most_gives_way(desk: Desk) -> None:
    clock = FakeClock()
    timelines = Timelines(desk.database, clock, most=4, most_of_one=3)
    anna, bela = await desk.person("Anna"), await desk.person("Bela")
    hers, his = short_ones(3), short_ones(3, begin=50)
    await timelines.keep(his[0], bela)
    for line in hers:
        clock.advance(seconds=1)
        await timelines.keep(line, anna)
    assert len(await kept(desk)) == 4
    clock.advance(seconds=1)
    await timelines.keep(his[1], bela)
    assert await kept(desk) == {his[0].digest, his[1].digest, hers[1].digest, hers[2].digest}


async def test_those_that_nobody_holds_go_first(desk: Desk) -> None:
    """Of an older server, or of a person who was removed."""
    clock = FakeClock()
    timelines = Timelines(desk.database, clock, most=2, most_of_one=2)
    anna, bela = await desk.person("Anna"), await desk.person("Bela")
    left, hers, new = short_ones(3)
    await timelines.keep(left, bela)
    async with desk.database.write() as tx:
        await tx.run("DELETE FROM users WHERE id = :id", {"id": bela})
    await timelines.keep(hers, anna)
    assert await kept(desk) == {left.digest, hers.digest}
    await timelines.keep(new, anna)
    assert await kept(desk) == {hers.digest, new.digest}
    with pytest.raises(NotFound):
        await timelines.keep(short_ones(1, begin=90)[0], bela)


class _Full:
    """A database whose disk is full."""

    def __init__(self, database: Database) -> None:
        self.one = database.one

    def write(self, *, durable: bool = True) -> Any:
        raise StorageFull("the disk is full")


async def test_on_a_full_disk_the_music_goes_on(desk: Desk) -> None:
    line = joined((await album(desk, 1.0)).parts * 2)
    full: Any = _Full(desk.database)
    keeper, anna = Timelines(full, FakeClock()), await desk.person()
    await keeper.keep(line, anna)
    assert await keeper.get(line.digest) is line
    with pytest.raises(NotFound):
        await Timelines(full, FakeClock()).get(line.digest)


async def test_a_row_that_is_damaged_is_said_to_be(desk: Desk) -> None:
    line = await album(desk, 1.0)
    async with desk.database.write() as tx:
        await tx.run("UPDATE timelines SET parts = :parts", {"parts": b"no such thing"})
    with pytest.raises(Damaged):
        await Timelines(desk.database, FakeClock()).get(line.digest)
