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
from mediaserver.media.decode import read_packets, read_range
from mediaserver.media.packets import PacketIndex
from mediaserver.media.probe import index_file
from mediaserver.streaming import encoder, hls, initial, ladder, pcm
from mediaserver.streaming.ladder import Ladder, Rendition
from tests import audio

LADDER = Ladder(encoder.identity())
Sound = tuple[str, PacketIndex]


def sound(path: Path) -> Sound:
    index, _ = index_file(str(path), side_dir=str(path.parent / "sides"))
    return (str(path.parent / "sides" / index.side) if index.side else str(path)), index


def renditions(index: PacketIndex, family: str) -> list[Rendition]:
    return [LADDER.rendition(index, LADDER.recipe(rung)) for rung in ladder.rungs(index, family)]


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


@pytest.mark.parametrize(
    ("kind", "layout", "rate_hz"), [("flac", "stereo", 44_100), ("wav", "mono", 48_000), ("mp3", "stereo", 44_100)]
)
def test_opus_is_the_sound_at_its_place_for_pages_and_for_players(
    kind: str, layout: str, rate_hz: int, tmp_path: Path
) -> None:
    """A page drops the priming by time, a player by the edit list. Behind the end is less than a packet."""
    path, index = sound(audio.write(tmp_path / f"x.{kind}", seconds=4.9, layout=layout, rate_hz=rate_hz))
    top = renditions(index, "opus")[-1]
    source = pcm.floats(path, index, rate_hz=48_000, channels=top.channels, start=0, stop=top.length_samples)
    for edit_list, early in ((True, 0), (False, 312)):
        heard = audio.decoded(io.BytesIO(whole(path, index, top, edit_list=edit_list)))
        assert heard.shape[0] == top.channels
        assert 0 <= heard.shape[1] - early - top.length_samples < 960
        closeness = {}
        for lag in (-1, 0, 1):
            got = heard[0, early + 100 + lag : early + lag + top.length_samples - 100]
            closeness[lag] = np.corrcoef(got, source[0, 100:-100])[0, 1]
        assert closeness[0] > 0.98
        assert max(closeness, key=lambda lag: closeness[lag]) == 0


OWN = {"m4a": ("aac", 18), "aac": ("aac", 18), "opus": ("opus", 23)}


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("layout", ["stereo", "mono"])
def test_untouched_packets_sound_as_the_file_does(kind: str, layout: str, tmp_path: Path) -> None:
    file = audio.write(tmp_path / f"x.{kind}", seconds=9.3, layout=layout)
    path, index = sound(file)
    own = renditions(index, OWN[kind][0])[-1]
    assert own.is_passthrough
    wanted = audio.decoded(str(file))
    heard = audio.decoded(io.BytesIO(whole(path, index, own)))
    assert 0 <= heard.shape[1] - own.length_samples < 1088
    count = min(own.length_samples, wanted.shape[1])
    assert count > 9.2 * own.rate_hz
    assert np.array_equal(heard[:, :count], wanted[:, :count])
    packets = read_packets(path, index, range(100, 110))
    body = encoder.segment(path, index, own, 0)
    assert all(packet[7 if kind == "aac" else 0 :] in body for packet in packets)


@pytest.mark.parametrize("kind", OWN)
def test_all_rungs_of_a_family_share_one_initialisation_segment(kind: str, tmp_path: Path) -> None:
    """A page sends it once, and changes rungs at the borders of segments."""
    _, index = sound(audio.write(tmp_path / f"x.{kind}", seconds=5.0))
    for family in ("aac", "opus"):
        made = renditions(index, family)
        for edit_list in (True, False):
            assert len({initial.init(index, one, edit_list=edit_list) for one in made}) == 1
        assert len({hls.media(one) for one in made}) == 1


@pytest.mark.parametrize("kind", OWN)
def test_a_segment_of_broken_packets_is_encoded_from_what_can_be_decoded(kind: str, tmp_path: Path) -> None:
    file = audio.write(tmp_path / f"x.{kind}", seconds=9.3)
    path, index = sound(file)
    own = renditions(index, OWN[kind][0])[-1]
    whole_before = encoder.segment(path, index, own, 1)
    body = bytearray(file.read_bytes())
    at, size = int(index.positions[100]), int(index.sizes[100])
    body[at : at + size] = bytes([255]) * size
    file.write_bytes(body)
    made = encoder.segment(path, index, own, 0)
    assert bytes(body[int(index.positions[90]) + 7 :][:50]) not in made
    heard = audio.decoded(io.BytesIO(initial.init(index, own, edit_list=False) + made))
    assert heard.shape[1] == own.packets_per_segment * own.packet_samples
    assert encoder.segment(path, index, own, 1) == whole_before


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
    assert renditions(index, "flac") == renditions(index, "flac16") == []


def test_segments_in_any_order_from_two_processes_are_the_same_bytes(long_flac: Sound) -> None:
    path, index = long_flac
    jobs = [(r, n) for f in ("aac", "opus", "flac") for r in renditions(index, f) for n in range(r.segment_count)]

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
    for family in ("aac", "opus", "flac"):
        for rendition in renditions(index, family):
            text = hls.media(rendition)
            times = [float(line[8:-1]) for line in text.splitlines() if line.startswith("#EXTINF:")]
            assert len(times) == rendition.segment_count
            lasting_s = (rendition.length_samples + rendition.priming_samples) / rendition.rate_hz
            assert sum(times) == pytest.approx(lasting_s, abs=1e-5)
            target = int(text.split("#EXT-X-TARGETDURATION:")[1].split()[0])
            assert all(round(time) <= target for time in times)
            assert text.rstrip().endswith("#EXT-X-ENDLIST")


def test_families_never_share_a_multivariant_playlist(long_flac: Sound) -> None:
    _, index = long_flac
    aac = hls.multivariant(LADDER, ladder.rungs(index, "aac"))
    flac = hls.multivariant(LADDER, ladder.rungs(index, "flac"))
    assert aac.count("#EXT-X-STREAM-INF") == 3
    assert "fLaC" not in aac
    assert "mp4a" not in flac
    assert flac.count("#EXT-X-STREAM-INF") == 1
