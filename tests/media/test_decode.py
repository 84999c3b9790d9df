"""Any range of any format equals the same range of the whole decode."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mediaserver.core.errors import Damaged, Unavailable
from mediaserver.media.decode import read_packets, read_range
from mediaserver.media.packets import PacketIndex
from mediaserver.media.probe import index_file
from tests import audio, rarefiles


def indexed(path: Path, side_dir: Path) -> tuple[str, PacketIndex, str]:
    index, digest = index_file(str(path), side_dir=str(side_dir))
    return (str(side_dir / index.side) if index.side else str(path)), PacketIndex.unpacked(index.packed()), digest


def worst_range(path: str, index: PacketIndex, whole: np.ndarray[Any, Any], tries: int = 30) -> float:
    chance = random.Random(5)
    ranges = [(0, 1), (index.length_samples - 1, index.length_samples), (0, index.length_samples), (7, 7)]
    for _ in range(tries):
        start = chance.randrange(index.length_samples)
        ranges.append((start, min(index.length_samples, start + chance.choice((1, 100, 5_000, 40_000)))))
    worst = 0.0
    for start, stop in ranges:
        part = read_range(path, index, start, stop)
        assert part.shape == (index.channels, stop - start)
        if stop > start:
            worst = max(worst, float(np.abs(part.astype(float) - whole[:, start:stop]).max()))
    return worst


# By how much the length may differ from what was encoded: ADTS tells neither priming nor padding, FFmpeg's WMA decoder
# keeps its last block to itself, its Vorbis encoder pads the last one.
# Its muxer of Matroska notes no padding of AAC, AC-3 and Vorbis; what CodecDelay says is taken off.
LENGTHS = {
    "aac": (0, 2048),
    "wma": (-2048, 2048),
    "ogg": (0, 128),
    "aac.mkv": (0, 1024),
    "ac3.mka": (0, 1536),
    "vorbis.webm": (0, 128),
}


@pytest.mark.parametrize("kind", sorted(audio.FORMATS))
def test_every_range_is_the_range_of_the_whole_decode(kind: str, tmp_path: Path) -> None:
    path = audio.write(tmp_path / f"x.{kind}", seconds=1.7)
    source, index, digest = indexed(path, tmp_path / "sides")
    expected = round(1.7 * index.rate_hz)
    least, most = LENGTHS.get(kind, (0, 0))
    assert least <= index.length_samples - expected <= most
    assert len(digest) == 22
    whole = read_range(source, index, 0, index.length_samples).astype(float)
    reference = audio.decoded(source).astype(float)
    if index.side and not index.is_lossless:
        reference = reference / 2**31
    # PNS, which FFmpeg's AAC encoder uses, is random noise by the decoder's history, which is another here than in one
    # decode of the whole, but one and the same for every range; 25 packets give Opus 1e-5.
    tolerance = 0.5 if index.codec == "aac" else 1e-4 if index.codec == "opus" else 0.0
    overlap = min(reference.shape[1], whole.shape[1])
    assert overlap >= expected + least
    assert np.abs(whole[:, :overlap] - reference[:, :overlap]).max() <= tolerance
    assert worst_range(source, index, whole) <= (1e-4 if index.codec == "opus" else 0.0)


RARE = {"dsf": audio.dsf, "dff": audio.dff, "mpc": rarefiles.mpc, "ape": lambda path, seconds: rarefiles.ape(path)}


@pytest.mark.parametrize("kind", sorted(RARE))
def test_every_range_of_what_a_side_file_holds_is_that_of_the_whole(kind: str, tmp_path: Path) -> None:
    if kind == "mpc" and not rarefiles.HAS_MUSEPACK:
        pytest.skip("left out: mpcenc is not installed")
    path = RARE[kind](tmp_path / f"x.{kind}", seconds=1.7)
    source, index, _ = indexed(path, tmp_path / "sides")
    assert index.side
    whole = read_range(source, index, 0, index.length_samples).astype(float)
    reference = audio.decoded(source)
    heard = whole / 2 ** ((index.bit_depth or 16) - 1) if index.is_lossless else whole
    assert np.allclose(heard, reference / 2 ** (8 * reference.itemsize - 1), rtol=0, atol=1e-7)
    assert worst_range(source, index, whole) == 0.0


def test_rf64_is_read_as_wav_is(tmp_path: Path) -> None:
    plain = audio.write(tmp_path / "plain.wav")
    large = audio.write(tmp_path / "large.wav", options={"rf64": "always"})
    assert large.read_bytes()[:4] == b"RF64"
    (one, first, _), (other, second, _) = (indexed(path, tmp_path / "sides") for path in (plain, large))
    assert first.length_samples == second.length_samples
    assert np.array_equal(
        read_range(one, first, 0, first.length_samples), read_range(other, second, 0, second.length_samples)
    )


@pytest.mark.parametrize("kind", ["m4a", "aac"])
def test_the_noise_that_aac_decoders_invent_is_the_same_in_every_range(kind: str, tmp_path: Path) -> None:
    """Else two segments that overlap would be made of two different sounds, and their join is heard."""
    wave = np.random.default_rng(1).standard_normal((2, 6 * 44_100)) * 0.1
    source, index, _ = indexed(audio.write(tmp_path / f"x.{kind}", wave=wave), tmp_path)
    whole = read_range(source, index, 0, index.length_samples).astype(float)
    assert worst_range(source, index, whole, 60) == 0.0
    reference = audio.decoded(source).astype(float)[:, : index.length_samples]
    borders = np.abs(np.subtract.outer(np.arange(whole.shape[1]), index.starts[64::64])).min(axis=1) < 2048
    share = np.sum(whole[:, borders] ** 2) / np.sum(reference[:, borders] ** 2)
    assert 0.98 < share < 1.02, "where a fresh decoder begins it is as loud as elsewhere"


@pytest.mark.parametrize(
    ("layout", "rate_hz", "fmt"), [("mono", 22_050, "s16"), ("5.1", 48_000, "s16"), ("stereo", 96_000, "s32")]
)
def test_channels_rates_and_depths_are_kept(layout: str, rate_hz: int, fmt: str, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.flac", layout=layout, rate_hz=rate_hz, sample_format=fmt)
    source, index, _ = indexed(path, tmp_path)
    assert (index.channels, index.rate_hz, index.bit_depth) == (
        audio.CHANNELS[layout],
        rate_hz,
        24 if fmt == "s32" else 16,
    )
    exact = audio.samples(1.0, rate_hz, index.channels)
    scale = 8388607 if fmt == "s32" else 32767
    assert np.array_equal(read_range(source, index, 0, index.length_samples), (exact * scale).astype(np.int32))


@pytest.mark.parametrize("kind", ["flac", "wv", "m4a", "opus"])
def test_eight_channels_are_read_as_they_are(kind: str, tmp_path: Path) -> None:
    source, index, _ = indexed(audio.write(tmp_path / f"x.{kind}", layout="7.1", rate_hz=48_000), tmp_path)
    found = read_range(source, index, 0, index.length_samples)
    exact = audio.samples(1.0, 48_000, 8)
    if index.is_lossless:
        assert np.array_equal(found, (exact * 32767).astype(np.int16))
        return
    for channel in {*range(8)} - {3}:  # the one for low frequencies has nothing else
        assert np.corrcoef(found[channel, :48_000], exact[channel])[0, 1] > 0.6, channel


def test_the_digest_names_the_sound_and_not_its_tags(tmp_path: Path) -> None:
    from mutagen.flac import FLAC

    first = audio.write(tmp_path / "a.flac")
    same = audio.write(tmp_path / "b.flac")
    tagged = FLAC(same)
    tagged["title"] = "x" * 9000
    tagged.save()
    other = audio.write(tmp_path / "c.flac", seed=2)
    digests = [indexed(path, tmp_path)[2] for path in (first, same, other)]
    assert digests[0] == digests[1] != digests[2]


def test_two_mp3s_that_differ_in_their_delay_alone_are_two_sounds(tmp_path: Path) -> None:
    with_frame = audio.write(tmp_path / "a.mp3")
    without = audio.write(tmp_path / "b.mp3", options={"write_xing": "0"})
    first, second = indexed(with_frame, tmp_path), indexed(without, tmp_path)
    assert first[1].length_samples == 44_100
    assert second[1].length_samples > 44_100
    assert first[2] != second[2]


def test_a_cut_file_is_damaged_and_a_hit_packet_is_silence(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.flac", seconds=3)
    source, index, _ = indexed(path, tmp_path)
    whole = read_range(source, index, 0, index.length_samples)
    body = bytearray(path.read_bytes())
    hit = len(index.sizes) // 2
    at = int(index.positions[hit])
    path.write_bytes(body[:at] + bytes(int(index.sizes[hit])) + body[at + int(index.sizes[hit]) :])
    start, stop = int(index.starts[hit]), int(index.starts[hit + 1])
    mended = read_range(source, index, 0, index.length_samples)
    assert np.array_equal(mended[:, :start], whole[:, :start])
    assert np.array_equal(mended[:, stop:], whole[:, stop:])
    path.write_bytes(bytes(body)[: len(body) // 2])
    with pytest.raises(Damaged, match="shorter"):
        read_range(source, index, index.length_samples - 10, index.length_samples)


@pytest.mark.parametrize("kind", ["flac", "ogg"])
def test_a_disk_that_gives_out_says_nothing_of_the_file(kind: str, tmp_path: Path) -> None:
    path = audio.write(tmp_path / f"x.{kind}", seconds=3)
    source, index, _ = indexed(path, tmp_path)
    path.unlink()
    path.symlink_to("/proc/self/mem")  # whose first bytes nobody can read: EIO
    with pytest.raises(Unavailable):
        read_range(source, index, 0, index.length_samples)
    with pytest.raises(Unavailable):
        read_packets(source, index, range(3))
    path.unlink()
    with pytest.raises(Damaged, match="opened"):
        read_range(source, index, 0, index.length_samples)


@pytest.mark.parametrize(
    "body", [b"", b"not audio at all" * 50, b"fLaC" + bytes(5000), b"OggS" * 300, b"ID3\x04" + b"\xff" * 500]
)
def test_what_is_no_audio_is_damaged(body: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.flac"
    path.write_bytes(body)
    with pytest.raises(Damaged):
        index_file(str(path), side_dir=str(tmp_path))


def test_ranges_outside_the_sound_are_refused(tmp_path: Path) -> None:
    source, index, _ = indexed(audio.write(tmp_path / "x.wav"), tmp_path)
    for start, stop in ((-1, 5), (5, 3), (0, index.length_samples + 1)):
        with pytest.raises(ValueError, match="outside"):
            read_range(source, index, start, stop)


@pytest.mark.parametrize("kind", ["dsf", "dff"])
def test_dsd_is_served_by_a_side_file(kind: str, tmp_path: Path) -> None:
    path = getattr(audio, kind)(tmp_path / f"x.{kind}", seconds=0.46)
    source, index, _ = indexed(path, tmp_path / "sides")
    assert (index.is_lossless, index.rate_hz, index.channels, index.bit_depth) == (True, 88_200, 2, 24)
    heard = read_range(source, index, 0, index.length_samples)[0].astype(float) / 2**23
    spectrum = np.abs(np.fft.rfft(heard[4096:36_864] * np.hanning(32_768)))
    assert abs(np.argmax(spectrum[:2000]) * 88_200 / 32_768 - 1000) < 5


def test_a_pipe_in_the_place_of_a_file_is_waited_for_by_nobody(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.flac")
    source, index, _ = indexed(path, tmp_path / "sides")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(Damaged, match="not a regular file"):
        read_range(source, index, 0, 100)


@pytest.mark.parametrize("kind", ["tta", "wma"])
def test_what_is_broken_in_a_file_that_wants_a_side_file_is_silence_of_its_length(kind: str, tmp_path: Path) -> None:
    path = audio.write(tmp_path / f"x.{kind}", seconds=9)
    source, index, _ = indexed(path, tmp_path / "sides")
    whole = read_range(source, index, 0, index.length_samples)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2 : len(raw) // 2 + 3000] = np.random.default_rng(1).bytes(3000)
    path.write_bytes(raw)
    source, broken, _ = indexed(path, tmp_path / "sides")
    part = read_range(source, broken, 0, broken.length_samples)
    assert part.shape == whole.shape
    differing = np.flatnonzero((part != whole).any(axis=0))
    assert 0 < differing[-1] - differing[0] < 1.2 * index.rate_hz
    assert np.array_equal(part[:, -3 * index.rate_hz :], whole[:, -3 * index.rate_hz :])
