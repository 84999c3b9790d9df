"""Progressive streams of the room: the whole sound, any range of it from a cold cache, and what is offered to whom."""

from __future__ import annotations

import asyncio
import io
import random
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from mediaserver.core.errors import Gone, Invalid, NotFound
from mediaserver.core.folders import FolderAway, Folders
from mediaserver.media.decode import read_range
from mediaserver.sound.index import Sound
from mediaserver.streaming import fragments, ladder, layout
from mediaserver.streaming.ladder import AAC_RUNGS
from mediaserver.streaming.progressive import FILES, Stream, Streams
from mediaserver.streaming.turns import Asker
from tests import audio, ffmpeg
from tests.streaming.desk import LADDER, Desk
from tests.streaming.desk import streams as streams_of

FORMATS = ("mp3", "opus", "aac", "flac")
KINDS = ("flac", "wav", "m4a", "aac", "opus", "mp3")
LONG = pytest.mark.long


async def opened(
    desk: Desk, sound: Sound, name: str, *, max_rank: int = 99, offset_s: int = 0, streams: Streams | None = None
) -> Stream:
    recipe, file = streams_of(sound, max_rank)[name].split("/")
    return await (streams or desk.streaming.streams).open(sound.digest, recipe, file, offset_s=offset_s)


async def taken(stream: Stream, span: range | None = None) -> bytes:
    return b"".join([piece async for piece in stream.body(range(stream.size_bytes) if span is None else span)])


async def emptied(desk: Desk) -> None:
    """Nothing made is left."""
    await desk.settled()
    await asyncio.to_thread(shutil.rmtree, desk.kept, ignore_errors=True)


@pytest.mark.parametrize("kind", ["alac.m4a", *(pytest.param(kind, marks=LONG) for kind in KINDS)])
async def test_every_range_is_a_slice_of_the_whole_in_any_order_from_a_cold_cache(kind: str, desk: Desk) -> None:
    sound = await desk.sound(f"x.{kind}", seconds=17.0)
    chance = random.Random(5)
    for name in streams_of(sound, 99):
        await emptied(desk)
        stream = await opened(desk, sound, name)
        assert stream.is_sized
        size = stream.size_bytes
        spans = [range(size - 1, size), range(1), range(size // 2, size // 2 + 1000)]
        for _ in range(25):
            begin = chance.randrange(size)
            spans.append(range(begin, min(size, begin + 1 + int(chance.expovariate(1 / 20_000)))))
        chance.shuffle(spans)
        parts = [(span, await taken(stream, span)) for span in spans]
        whole = await taken(stream)
        assert len(whole) == size
        assert all(part == whole[span.start : span.stop] for span, part in parts), name
        await emptied(desk)
        assert await taken(stream) == whole, "made anew it has the same bytes"


@pytest.mark.parametrize(
    ("kind", "seconds"),
    [
        ("wav", 9.3),
        *((kind, 0.1) for kind in KINDS),
        *(pytest.param(kind, 9.3, marks=LONG) for kind in KINDS if kind != "wav"),
    ],
)
async def test_decoders_hear_every_sample_and_none_more(kind: str, seconds: float, desk: Desk) -> None:
    sound = await desk.sound(f"x.{kind}", seconds=seconds)
    index = sound.index
    formats = streams_of(sound, 99)
    assert set(formats) == set(FORMATS if index.is_lossless else FORMATS[:3])
    for name in formats:
        body = await taken(await opened(desk, sound, name))
        file = desk.folder / FILES[name]
        await asyncio.to_thread(file.write_bytes, body)
        rate_hz = 48_000 if name == "opus" else index.rate_hz
        wanted = -(-index.length_samples * rate_hz // index.rate_hz)
        by_pyav, by_ffmpeg = audio.decoded(io.BytesIO(body)).shape[1], ffmpeg.decoded(file, 2).shape[1]
        if name == "aac":  # ffmpeg reads no edit list of fragments: padding, and in 5.1 the priming
            assert 0 <= by_pyav - wanted <= 1024
            assert 0 <= by_ffmpeg - wanted <= 2048
        else:
            assert (by_pyav, by_ffmpeg) == (wanted, wanted), name


@pytest.mark.parametrize("kind", ["flac", "wav", "alac.m4a"])
async def test_flac_is_the_sources_own_samples(kind: str, desk: Desk) -> None:
    sound = await desk.sound(f"x.{kind}", seconds=9.3)
    body = await taken(await opened(desk, sound, "flac"))
    wanted = read_range(sound.path, sound.index, 0, sound.index.length_samples)
    assert np.array_equal(audio.decoded(io.BytesIO(body)), wanted)


async def test_who_may_have_16_bits_has_a_stream_of_them_from_a_source_of_more(desk: Desk) -> None:
    path = desk.folder / "x.flac"
    await asyncio.to_thread(audio.write, path, seconds=5.2, rate_hz=96_000, sample_format="s32")
    sound = await desk.sounds.of_file(str(path))
    assert streams_of(sound, 99)["flac"].startswith("flac.80.")
    for max_rank in (79, 70):
        assert streams_of(sound, max_rank)["flac"].startswith("flac16.70.")
    assert "flac" not in streams_of(sound, 69)
    body = await taken(await opened(desk, sound, "flac", max_rank=75))
    with av.open(io.BytesIO(body)) as heard:
        stream = heard.streams.audio[0]
        assert (stream.rate, stream.format.name) == (48_000, "s16")
    assert audio.decoded(io.BytesIO(body)).shape == (2, round(5.2 * 48_000))
    file = desk.folder / "out.flac"
    await asyncio.to_thread(file.write_bytes, body)
    assert ffmpeg.decoded(file, 2).shape[1] == round(5.2 * 48_000)


async def test_a_lossy_file_that_is_read_by_a_side_file_is_not_encoded_up_to_that(desk: Desk) -> None:
    sound = await desk.sound("x.wma", seconds=9.0)  # of 128 kb/s; its side file takes several times that
    assert sound.index.side
    assert int(sound.index.sizes.sum()) > 3 * sound.index.source_bytes
    assert sound.index.source_bytes == sound.size_bytes
    assert [rung.rank for rung in ladder.rungs(sound.index, "aac")] == [10, 20]
    assert streams_of(sound, 99)["mp3"].startswith("mp3.18.")
    again = await desk.sounds.by_digest(sound.digest)
    assert again.index.source_bytes == sound.size_bytes


async def test_the_packets_of_flac_mp3_and_opus_files_leave_as_they_are_and_nothing_is_encoded(desk: Desk) -> None:
    for kind, name in (("flac", "flac"), ("mp3", "mp3"), ("opus", "opus")):
        sound = await desk.sound(f"x.{kind}", seconds=9.3)
        body = await taken(await opened(desk, sound, name))
        index = sound.index
        raw = await asyncio.to_thread(Path(sound.path).read_bytes)
        if kind != "opus":
            frames = b"".join(raw[at : at + size] for at, size in zip(index.positions, index.sizes, strict=True))
            assert body.endswith(frames)
        mine, theirs = audio.decoded(io.BytesIO(body)), audio.decoded(sound.path)
        assert np.array_equal(mine, theirs)
    assert desk.segments.encodes == 0


@pytest.mark.parametrize(
    ("rate_hz", "layout", "options"),
    [
        (44_100, "stereo", {"write_xing": "0"}),
        (48_000, "mono", {}),
        (22_050, "stereo", {}),
        (16_000, "mono", {}),
        (11_025, "mono", {}),
    ],
)
async def test_mp3_files_of_every_kind_leave_with_their_length(
    rate_hz: int, layout: str, options: dict[str, str], desk: Desk
) -> None:
    path = desk.folder / "x.mp3"
    await asyncio.to_thread(audio.write, path, seconds=5.2, rate_hz=rate_hz, layout=layout, options=options)
    sound = await desk.sounds.of_file(str(path))
    body = await taken(await opened(desk, sound, "mp3"))
    file = desk.folder / "out.mp3"
    await asyncio.to_thread(file.write_bytes, body)
    channels = audio.CHANNELS[layout]
    mine, theirs = audio.decoded(io.BytesIO(body)), audio.decoded(str(path))
    assert np.array_equal(mine, theirs)
    assert ffmpeg.decoded(file, channels).shape[1] == mine.shape[1] == sound.index.length_samples
    assert desk.segments.encodes == 0


@pytest.mark.long
async def test_a_disk_that_hangs_holds_nobody_who_reads_a_side_file_of_another(desk: Desk) -> None:
    for name in ("away", "here"):
        (desk.folder / name).mkdir()
        await asyncio.to_thread(audio.dsf, desk.folder / name / "x.dsf", seconds=1.0 if name == "here" else 2.0)
    away, here = [await desk.sounds.of_file(str(desk.folder / name / "x.dsf")) for name in ("away", "here")]
    assert away.index.side and here.index.side
    streams = {one.file: await opened(desk, one, "flac") for one in (away, here)}
    assert await taken(streams[away.file])
    assert desk.segments.encodes == 0
    folders, answers = Folders([desk.folder / "away", desk.folder / "here"], patience_s=0.05), threading.Event()
    desk.sounds.folders = folders
    with pytest.raises(FolderAway):
        await folders.ask(away.file, answers.wait)
    try:
        with pytest.raises(FolderAway):
            await taken(streams[away.file])  # its file would be looked at, by a thread that others need
        assert await taken(streams[here.file])
    finally:
        answers.set()


async def test_what_has_to_be_made_whole_is_made_once_and_its_length_is_kept(desk: Desk) -> None:
    sound = await desk.sound("x.wav", seconds=13.0)
    streams = await asyncio.gather(*(opened(desk, sound, "flac") for _ in range(20)))
    assert len({stream.size_bytes for stream in streams}) == 1
    await desk.settled()
    assert desk.segments.encodes == 4
    for file in desk.kept.rglob("*.m4s"):  # the parts may leave the cache: their sizes stay
        await asyncio.to_thread(file.unlink)
    again = await opened(desk, sound, "flac")
    assert (again.size_bytes, desk.segments.encodes) == (streams[0].size_bytes, 4)


async def test_it_leaves_without_a_length_where_the_making_takes_long(desk: Desk) -> None:
    hasty = Streams(desk.segments, desk.sounds, desk.cache, lanes=1, patience_s=0.0)
    sound = await desk.sound("x.wav", seconds=13.0)
    stream = await opened(desk, sound, "flac", streams=hasty)
    assert not stream.is_sized
    body = b"".join([piece async for piece in stream.body(range(0))])
    wanted = read_range(sound.path, sound.index, 0, sound.index.length_samples)
    assert np.array_equal(audio.decoded(io.BytesIO(body)), wanted)
    await desk.settled()
    async with asyncio.timeout(60):
        while not (stream := await opened(desk, sound, "flac", streams=hasty)).is_sized:
            await asyncio.sleep(0.02)
    await hasty.close()
    assert stream.size_bytes == len(body)


async def test_one_chunk_of_a_stream_is_one_encode_for_all_who_wait(desk: Desk) -> None:
    sound = await desk.sound("x.flac", seconds=7.0)
    streams = [await opened(desk, sound, "mp3") for _ in range(30)]
    bodies = await asyncio.gather(*map(taken, streams))
    assert len(set(bodies)) == 1
    assert desk.segments.encodes == 1


async def test_the_next_chunk_is_made_ahead(desk: Desk) -> None:
    sound = await desk.sound("x.flac", seconds=23.0)
    stream = await opened(desk, sound, "mp3")
    assert await taken(stream, range(5000))  # beyond the header
    await desk.settled()
    assert desk.segments.encodes == 2


async def test_aac_is_the_segments_of_hls(desk: Desk) -> None:
    sound = await desk.sound("x.flac", seconds=9.0)
    body = await taken(await opened(desk, sound, "aac"))
    recipe = streams_of(sound, 99)["aac"].split("/")[0]
    await desk.settled()
    made = desk.segments.encodes
    for n in range(3):
        assert await desk.body(sound, recipe, f"{n}.m4s") in body
    assert desk.segments.encodes == made


async def test_a_segment_that_is_too_large_for_its_place_is_that_of_a_lower_rung(desk: Desk) -> None:
    """No sound was found that is too large for the top rung, not even white noise: its place is made smaller here."""
    sound = await desk.sound("x.flac", seconds=9.0)
    high, middle = [await desk.body(sound, str(LADDER.recipe(rung)), "0.m4s") for rung in AAC_RUNGS[:0:-1]]
    rendition = LADDER.rendition(sound.index, LADDER.recipe(AAC_RUNGS[-1]))
    narrow = replace(rendition.rung, bandwidth_bps=(len(high) + len(middle)) // 2 * 8 // 4)
    filled = fragments.Filled(sound.index, replace(rendition, rung=narrow))
    fetch = desk.streaming.streams._fitting(sound, LADDER, filled, Asker("", lambda: True))
    assert await fetch(0) == middle
    body = filled.head + b"".join([filled.framed(n, await fetch(n)) for n in filled.chunks])
    assert len(body) == layout.size_bytes(filled)
    assert 0 <= audio.decoded(io.BytesIO(body)).shape[1] - 44_100 * 9 <= 1024


async def test_nothing_is_encoded_up(desk: Desk) -> None:
    async def ranks(name: str, sound: Sound, max_rank: int = 99) -> int | None:
        found = streams_of(sound, max_rank).get(name)
        return None if found is None else int(found.split(".")[1])

    flac = await desk.sound("x.flac", seconds=1.0)
    assert [await ranks("mp3", flac, cap) for cap in (99, 39, 27, 17)] == [40, 28, 18, None]
    assert [await ranks("opus", flac, cap) for cap in (99, 34, 24, 14)] == [35, 25, 15, None]
    assert [await ranks("flac", flac, cap) for cap in (99, 70, 69)] == [70, 70, None]
    lossy = await desk.sound("x.opus", seconds=3.0)  # of 96 kb/s
    assert await ranks("flac", lossy) is None
    assert await ranks("mp3", lossy) == 18, "the lowest that there is"
    own = await desk.sound("y.mp3", seconds=3.0)  # of 128 kb/s
    assert await ranks("mp3", own) == 18
    assert await ranks("opus", own) == 25
    rich = replace(own, index=replace(own.index, sizes=own.index.sizes * 2, firsts=own.index.sizes * 2))
    assert await ranks("mp3", rich) == 40
    assert await ranks("mp3", rich, 39) == 28, "below its own, it is encoded down"


async def test_an_offset_is_for_what_is_encoded_and_lies_within(desk: Desk) -> None:
    sound = await desk.sound("x.flac", seconds=9.0)
    for name in ("aac", "flac"):
        with pytest.raises(Invalid):
            await opened(desk, sound, name, offset_s=1)
    for name in ("mp3", "opus"):
        with pytest.raises(Invalid):
            await opened(desk, sound, name, offset_s=9)
        stream = await opened(desk, sound, name, offset_s=8)
        rate_hz = 48_000 if name == "opus" else 44_100
        assert audio.decoded(io.BytesIO(await taken(stream))).shape[1] == rate_hz
        assert stream.tag != (await opened(desk, sound, name)).tag
    own = await desk.sound("y.mp3", seconds=9.0)
    rest = await taken(await opened(desk, own, "mp3", offset_s=8))
    assert audio.decoded(io.BytesIO(rest)).shape[1] == own.index.length_samples - 8 * 44_100


async def test_what_never_was_and_what_has_changed_are_told(desk: Desk) -> None:
    sound = await desk.sound("x.flac", seconds=9.0)
    recipes = {name: one.split("/") for name, one in streams_of(sound, 99).items()}
    open_ = desk.streaming.streams.open
    for recipe, file in (
        (recipes["mp3"][0], "stream.opus"),
        (recipes["mp3"][0], "stream.aac"),
        (f"mp3.40.{'0' * 12}", "stream.mp3"),
        (recipes["mp3"][0].replace(".40.", ".41."), "stream.mp3"),
    ):
        with pytest.raises(NotFound):
            await open_(sound.digest, recipe, file)
    with pytest.raises(NotFound):
        await desk.body(sound, recipes["mp3"][0], "0.m4s")
    streams = {name: await opened(desk, sound, name) for name in FORMATS}
    await asyncio.to_thread(audio.write, Path(sound.path), seconds=9.0, seed=2)
    for name, stream in streams.items():
        with pytest.raises(Gone):
            await taken(stream)
        with pytest.raises(Gone):
            await opened(desk, sound, name)


@pytest.mark.long
async def test_the_last_second_of_twelve_hours_is_made_without_the_rest(desk: Desk) -> None:
    """A file of 12 hours, hollow on the disk; what is heard at its end stands only there."""
    seconds, rate_hz = 12 * 3600, 8000
    path = desk.folder / "long.wav"
    await asyncio.to_thread(audio.write, path, seconds=1, rate_hz=rate_hz, layout="mono")

    def stretch() -> None:
        size = seconds * rate_hz * 2
        with path.open("r+b") as file:
            head = file.read(200)
            begin = head.index(b"data") + 8
            file.truncate(begin + size)
            file.seek(4)
            file.write((begin - 8 + size).to_bytes(4, "little"))
            file.seek(begin - 4)
            file.write(size.to_bytes(4, "little"))
            file.seek(begin + size - rate_hz * 2)
            file.write((np.sin(np.arange(rate_hz) / 3) * 9000).astype("<i2").tobytes())

    await asyncio.to_thread(stretch)
    sound = await desk.sounds.of_file(str(path))
    assert sound.index.length_samples == seconds * rate_hz
    for name, rate in (("mp3", 32_000), ("opus", 48_000)):
        stream = await opened(desk, sound, name)
        assert await taken(stream, range(stream.size_bytes - 1000, stream.size_bytes))
        end = await taken(await opened(desk, sound, name, offset_s=seconds - 1))
        assert audio.decoded(io.BytesIO(end)).shape[1] == rate
    await desk.settled()
    assert desk.segments.encodes < 10
