"""Segments made singly are one stream: the source's samples, the same bytes in any order, joins without a seam."""

from __future__ import annotations

import hashlib
import io
import random
from pathlib import Path

import numpy as np
import pytest

from mediaserver.core.errors import Damaged, NotFound
from mediaserver.core.workers import Workers
from mediaserver.media.decode import read_range
from mediaserver.media.packets import PacketIndex
from mediaserver.media.probe import index_file
from mediaserver.streaming import encoder, hls, initial
from mediaserver.streaming.ladder import Ladder, Rendition
from tests import audio

LADDER = Ladder(encoder.identity())
Sound = tuple[str, PacketIndex]


def sound(path: Path) -> Sound:
    index, _ = index_file(str(path), side_dir=str(path.parent / "sides"))
    return (str(path.parent / "sides" / index.side) if index.side else str(path)), index


def renditions(index: PacketIndex, family: str) -> list[Rendition]:
    return [LADDER.rendition(index, LADDER.recipe(rung)) for rung in LADDER.rungs(index, family)]


def whole(path: str, index: PacketIndex, rendition: Rendition, *, edit_list: bool = True) -> bytes:
    segments = [encoder.segment(path, index, rendition, n) for n in range(rendition.segment_count)]
    return initial.init(index, rendition, edit_list=edit_list) + b"".join(segments)


@pytest.fixture(scope="module")
def long_flac(tmp_path_factory: pytest.TempPathFactory) -> Sound:
    """Five segments, the last one short."""
    return sound(audio.write(tmp_path_factory.mktemp("long") / "x.flac", seconds=17.3))


@pytest.mark.parametrize("kind", sorted(audio.FORMATS))
def test_aac_loses_no_sample_and_adds_at_most_one_frame_and_priming(kind: str, tmp_path: Path) -> None:
    path, index = sound(audio.write(tmp_path / f"x.{kind}", seconds=4.9))
    for rendition in renditions(index, "aac"):
        heard = audio.decoded(io.BytesIO(whole(path, index, rendition)))
        assert 0 <= heard.shape[1] - rendition.length_samples <= 1088
        assert rendition.length_samples == -(-index.length_samples * rendition.rate_hz // index.rate_hz)


@pytest.mark.parametrize("kind", ["flac", "alac.m4a", "wav", "aiff", "wv", "tta"])
def test_flac_of_lossless_sources_is_bit_exact(kind: str, tmp_path: Path) -> None:
    path, index = sound(audio.write(tmp_path / f"x.{kind}", seconds=4.9))
    (rendition,) = renditions(index, "flac")
    heard = audio.decoded(io.BytesIO(whole(path, index, rendition)))
    assert np.array_equal(heard, read_range(path, index, 0, index.length_samples))


@pytest.mark.parametrize(
    ("layout", "rate_hz", "fmt"), [("mono", 44_100, "s16"), ("5.1", 48_000, "s16"), ("stereo", 96_000, "s32")]
)
@pytest.mark.parametrize("kind", ["flac", "wv"])
def test_flac_keeps_channels_rate_and_depth(kind: str, layout: str, rate_hz: int, fmt: str, tmp_path: Path) -> None:
    fmt = f"{fmt}p" if kind == "wv" else fmt
    path, index = sound(
        audio.write(tmp_path / f"x.{kind}", seconds=4.5, layout=layout, rate_hz=rate_hz, sample_format=fmt)
    )
    (rendition,) = renditions(index, "flac")
    heard = audio.decoded(io.BytesIO(whole(path, index, rendition)))
    if heard.dtype == np.int32:
        heard = np.right_shift(heard, 8)
    assert np.array_equal(
        heard,
        np.right_shift(read_range(path, index, 0, index.length_samples), (index.bit_depth or 0) - rendition.bit_depth),
    )


def test_a_lossy_source_has_no_lossless_rendition(tmp_path: Path) -> None:
    _, index = sound(audio.write(tmp_path / "x.mp3"))
    assert renditions(index, "flac") == []


def test_segments_in_any_order_from_two_processes_are_the_same_bytes(long_flac: Sound) -> None:
    path, index = long_flac
    jobs = [(r, n) for f in ("aac", "flac") for r in renditions(index, f) for n in range(r.segment_count)]

    async def made() -> list[dict[str, str]]:
        workers = Workers(processes=2)
        results = []
        for seed in (1, 2):
            order = random.Random(seed).sample(range(len(jobs)), len(jobs))
            digests = {}
            for at in order:
                rendition, n = jobs[at]
                body = await workers.urgent(encoder.segment, path, index, rendition, n)
                digests[f"{rendition.rung}{n}"] = hashlib.sha256(body).hexdigest()
            results.append(digests)
        await workers.close()
        return results

    import asyncio

    first, second = asyncio.run(made())
    assert first == second
    here = {f"{r.rung}{n}": hashlib.sha256(encoder.segment(path, index, r, n)).hexdigest() for r, n in jobs}
    assert here == first


@pytest.mark.parametrize(("rate_hz", "layout"), [(96_000, "stereo"), (88_200, "mono"), (96_000, "5.1")])
def test_resampled_segments_join_without_a_seam(rate_hz: int, layout: str, tmp_path: Path) -> None:
    """A sine through the resampler stays a sine at the joins: any seam would stand far above the encoder's noise."""
    path, index = sound(audio.write(tmp_path / "x.flac", seconds=9, rate_hz=rate_hz, layout=layout))
    rendition = renditions(index, "aac")[-1]
    from mediaserver.streaming import pcm

    channels = rendition.channels
    all_at_once = pcm.floats(
        path, index, rate_hz=rendition.rate_hz, channels=channels, start=0, stop=rendition.length_samples
    )
    chance = random.Random(2)
    for _ in range(12):
        start = chance.randrange(rendition.length_samples - 5000)
        part = pcm.floats(path, index, rate_hz=rendition.rate_hz, channels=channels, start=start, stop=start + 5000)
        assert np.array_equal(part, all_at_once[:, start : start + 5000])


def test_full_scale_surround_does_not_overload(tmp_path: Path) -> None:
    from mediaserver.streaming import pcm

    path, index = sound(audio.write(tmp_path / "x.flac", layout="5.1", rate_hz=48_000))
    mixed = pcm.floats(path, index, rate_hz=48_000, channels=2, start=0, stop=48_000)
    raw = read_range(path, index, 0, 48_000)[:, :] / 32768
    left = (raw[0] + 0.7071 * raw[2] + 0.7071 * raw[4]) / 2.4142
    assert np.abs(mixed[0] - left).max() < 1e-4


def test_past_the_end_is_not_found_and_a_cut_source_is_damaged(tmp_path: Path) -> None:
    file = audio.write(tmp_path / "x.wav", seconds=9)
    path, index = sound(file)
    rendition = renditions(index, "aac")[0]
    with pytest.raises(NotFound):
        encoder.segment(path, index, rendition, rendition.segment_count)
    file.write_bytes(file.read_bytes()[: 44_100 * 4 * 5])
    assert encoder.segment(path, index, rendition, 0)
    with pytest.raises(Damaged):
        encoder.segment(path, index, rendition, 2)


def test_the_playlist_is_the_arithmetic_of_the_segments(long_flac: Sound) -> None:
    _, index = long_flac
    for family in ("aac", "flac"):
        for rendition in renditions(index, family):
            text = hls.media(rendition)
            times = [float(line[8:-1]) for line in text.splitlines() if line.startswith("#EXTINF:")]
            assert len(times) == rendition.segment_count
            assert sum(times) == pytest.approx(index.length_samples / index.rate_hz, abs=1e-5)
            target = int(text.split("#EXT-X-TARGETDURATION:")[1].split()[0])
            assert all(round(time) <= target for time in times)
            assert text.rstrip().endswith("#EXT-X-ENDLIST")


def test_families_never_share_a_multivariant_playlist(long_flac: Sound) -> None:
    _, index = long_flac
    aac = hls.multivariant(LADDER, LADDER.rungs(index, "aac"))
    flac = hls.multivariant(LADDER, LADDER.rungs(index, "flac"))
    assert aac.count("#EXT-X-STREAM-INF") == 3
    assert "fLaC" not in aac
    assert "mp4a" not in flac
    assert flac.count("#EXT-X-STREAM-INF") == 1
