"""Segments as the doors ask for them: made once, shared, kept, made ahead, and refused in the right words."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from mutagen.id3 import ID3, TIT2

from mediaserver.core.clock import SystemClock
from mediaserver.core.errors import Gone, NotFound
from mediaserver.streaming import build, caches, encoder
from mediaserver.streaming.ladder import RANK_FLAC, parse_recipe
from mediaserver.streaming.source import Source
from tests import audio
from tests.streaming.desk import HIGH, LADDER, LOW, MAIN, MIDDLE, Desk


async def test_twenty_askers_share_one_encode(desk: Desk) -> None:
    sound = await desk.sound()
    bodies = await asyncio.gather(*(desk.body(sound, HIGH, "3.m4s") for _ in range(20)))
    assert len(set(bodies)) == 1
    assert desk.segments.encodes == 1
    assert await desk.body(sound, HIGH, "3.m4s") == bodies[0]
    assert desk.segments.encodes == 1


async def test_who_asks_for_one_segment_finds_the_next_one_made(desk: Desk) -> None:
    sound = await desk.sound()
    await desk.body(sound, LOW, "1.m4s")
    await desk.settled()
    assert desk.files() == [f"{LOW}/1.m4s", f"{LOW}/2.m4s"]
    await desk.body(sound, LOW, "2.m4s")
    await desk.settled()
    assert desk.segments.encodes == 3
    await desk.body(sound, LOW, "3.m4s")  # the last one: there is nothing ahead
    await desk.settled()
    assert desk.segments.encodes == 3


async def test_the_multivariant_playlist_has_the_middle_rung_begun(desk: Desk) -> None:
    sound = await desk.sound()
    await desk.body(sound, MAIN, "main.m3u8")
    await desk.settled()
    assert desk.files() == [f"{MIDDLE}/0.m4s"]


async def test_nothing_is_made_ahead_while_somebody_waits(desk: Desk) -> None:
    sound = await desk.sound()
    await asyncio.gather(desk.body(sound, LOW, "0.m4s"), desk.body(sound, HIGH, "0.m4s"))
    await desk.settled()
    assert desk.segments.encodes == 3, "two that were asked for, and one ahead of the last"


async def test_an_asker_who_leaves_does_not_end_the_work_of_the_others(desk: Desk) -> None:
    sound = await desk.sound()
    first = asyncio.create_task(desk.body(sound, HIGH, "0.m4s"))
    second = asyncio.create_task(desk.body(sound, HIGH, "0.m4s"))
    while not desk.segments._making:
        await asyncio.sleep(0.001)
    first.cancel()
    assert await second == encoder.segment(
        sound.path, sound.index, LADDER.rendition(sound.index, parse_recipe(HIGH)), 0
    )
    assert desk.segments.encodes == 1


@pytest.mark.parametrize(
    ("cap", "listed"), [(99, [LOW, MIDDLE, HIGH]), (29, [LOW, MIDDLE]), (20, [LOW, MIDDLE]), (10, [LOW]), (9, [])]
)
async def test_the_multivariant_playlist_lists_the_rungs_up_to_the_cap(cap: int, listed: list[str], desk: Desk) -> None:
    sound = await desk.sound(seconds=1.0)
    if not listed:
        with pytest.raises(NotFound):
            await desk.body(sound, MAIN, "main.m3u8", cap=cap)
        return
    media = await desk.segments.get(sound.digest, MAIN, "main.m3u8", cap=cap)
    lines = media.body.decode().splitlines()
    assert [line for line in lines if line.startswith("../")] == [f"../{recipe}/media.m3u8" for recipe in listed]
    assert not media.is_immutable
    assert media.content_type == "application/vnd.apple.mpegurl"


async def test_what_never_was_is_not_found(desk: Desk) -> None:
    sound = await desk.sound(seconds=5.0)
    recipe = parse_recipe(LOW)
    for text, file in (
        (LOW, "2.m4s"),
        (LOW, "00.m4s"),
        (LOW, "-1.m4s"),
        (LOW, "9999999.m4s"),
        (LOW, "٣.m4s"),
        (LOW, "main.m3u8"),
        (LOW, "../0.m4s"),
        (LOW, "0.m4s.part"),
        (MAIN, "media.m3u8"),
        (MAIN, "0.m4s"),
        (f"aac.10.{'0' * 12}", "0.m4s"),
        (f"aac.30.{recipe.hash}", "0.m4s"),
        (f"flac.{RANK_FLAC + 10}.{LADDER._hash('flac/0')}", "0.m4s"),
        (f"opus.15.{recipe.hash}", "0.m4s"),
        ("aac.10", "0.m4s"),
    ):
        with pytest.raises(NotFound):
            await desk.body(sound, text, file)
    with pytest.raises(NotFound):
        await desk.segments.get("A" * 22, LOW, "0.m4s", cap=99)
    assert desk.segments.encodes == 0


async def test_a_changed_file_is_gone_and_its_new_sound_has_its_own_address(desk: Desk) -> None:
    sound = await desk.sound(seconds=5.0)
    changed = await asyncio.to_thread(audio.write, desk.folder / "x.flac", seconds=5.0, seed=2)
    with pytest.raises(Gone):
        await desk.body(sound, LOW, "0.m4s")
    other = await desk.sounds.of_file(str(changed))
    assert other.digest != sound.digest
    assert await desk.body(other, LOW, "0.m4s")
    with pytest.raises(Gone):
        await desk.body(sound, LOW, "media.m3u8")


async def test_another_file_with_the_same_sound_serves_when_one_leaves(desk: Desk) -> None:
    sound = await desk.sound("a.flac", seconds=5.0)
    twin = await desk.sound("b.flac", seconds=5.0)
    assert twin.digest == sound.digest
    (desk.folder / "a.flac").unlink()
    (desk.folder / "b.flac").rename(desk.folder / "c.flac")
    with pytest.raises(Gone):
        await desk.body(sound, LOW, "0.m4s")
    await desk.sounds.of_file(str(desk.folder / "c.flac"))
    assert await desk.body(sound, LOW, "0.m4s")


async def test_what_was_read_from_a_file_that_changed_meanwhile_is_not_kept(desk: Desk) -> None:
    sound = await desk.sound(seconds=5.0)
    rendition = LADDER.rendition(sound.index, parse_recipe(LOW))
    source = Source(sound.path, sound.packed, sound.looked)
    target = desk.folder / "segment"
    body, not_kept = encoder.segment_file(source, rendition, 0, str(target))
    assert not not_kept
    assert body == await desk.body(sound, LOW, "0.m4s")
    target.unlink()
    looked = sound.looked
    for other in (replace(looked, mtime_ns=looked.mtime_ns - 1), replace(looked, path=f"{looked.path}.away")):
        with pytest.raises(Gone):
            encoder.segment_file(replace(source, looked=other), rendition, 0, str(target))
        assert not target.exists()
    Path(sound.path).unlink()  # as a tagger does that writes a new one: what cannot be read then is not damaged
    with pytest.raises(Gone):
        encoder.segment_file(source, rendition, 0, str(target))


async def test_a_file_with_a_hole_keeps_its_timeline_and_a_cut_one_is_gone(desk: Desk) -> None:
    sound = await desk.sound("x.mp3", seconds=13.0)
    whole = [await desk.body(sound, LOW, f"{n}.m4s") for n in range(4)]
    await desk.settled()
    shutil.rmtree(desk.kept)
    path = Path(sound.path)
    stat = path.stat()
    raw = bytearray(path.read_bytes())
    hole = range(len(raw) * 13 // 20, len(raw) * 15 // 20)  # within the third segment
    raw[hole.start : hole.stop] = bytes(len(hole))
    path.write_bytes(raw)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    holed = [await desk.body(sound, LOW, f"{n}.m4s") for n in range(4)]
    assert [one == other for one, other in zip(whole, holed, strict=True)] == [True, True, False, True]
    init = await desk.body(sound, LOW, "init.mp4")
    assert (
        audio.decoded(io.BytesIO(init + b"".join(holed))).shape
        == audio.decoded(io.BytesIO(init + b"".join(whole))).shape
    )
    await desk.settled()
    shutil.rmtree(desk.kept)
    os.truncate(path, stat.st_size // 2)
    with pytest.raises(Gone):
        await desk.body(sound, LOW, "2.m4s")


async def test_copies_with_other_tags_share_a_sound_but_not_their_places(desk: Desk) -> None:
    """The packets of the second file lie elsewhere; whichever of the two serves, the bytes are the same."""
    sound = await desk.sound("a.mp3", seconds=13.0)
    first = await desk.body(sound, LOW, "1.m4s")
    await desk.settled()
    copy = desk.folder / "b.mp3"
    shutil.copy(desk.folder / "a.mp3", copy)
    tags = ID3()
    tags.add(TIT2(text="another title " * 2000))
    tags.save(copy)
    twin = await desk.sounds.of_file(str(copy))
    assert twin.digest == sound.digest
    shutil.rmtree(desk.kept)
    again = build(desk.workers, desk.database, SystemClock(), desk.sounds, *caches(desk.folder / "again", 100_000_000))
    await desk.sounds.of_file(str(desk.folder / "a.mp3"))
    bodies = []
    for gone in (copy, desk.folder / "a.mp3"):
        media = await again.segments.get(sound.digest, LOW, "1.m4s", cap=99)
        bodies.append(media.body)
        assert (await desk.sounds.of_file(str(gone))).digest == sound.digest
        gone.rename(gone.with_suffix(".away"))
        shutil.rmtree(desk.folder / "again")
        if gone == copy:
            media = await again.segments.get(sound.digest, LOW, "1.m4s", cap=99)
            bodies.append(media.body)
            shutil.rmtree(desk.folder / "again")
    assert bodies == [first] * 3
    await again.segments.close()


async def test_inits_and_media_playlists_belong_to_the_segments(desk: Desk) -> None:
    sound = await desk.sound()
    for recipe in (LOW, MIDDLE, HIGH):
        playlist = await desk.segments.get(sound.digest, recipe, "media.m3u8", cap=99)
        assert playlist.is_immutable
        lines = playlist.body.decode().splitlines()
        assert [line for line in lines if line.endswith(".m4s")] == [f"{n}.m4s" for n in range(4)]
    inits = {await desk.body(sound, recipe, "init-mse.mp4") for recipe in (LOW, MIDDLE, HIGH)}
    assert len(inits) == 1, "a page must not have to send it again when it changes rungs"
    assert await desk.body(sound, LOW, "init.mp4") not in inits
