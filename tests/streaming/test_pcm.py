"""Samples as renditions want them: the right rate and channels, finite, the same wherever they are asked."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mediaserver.media.decode import read_range
from mediaserver.media.packets import PacketIndex
from mediaserver.media.probe import index_file
from mediaserver.streaming import pcm
from mediaserver.streaming.ladder import aac_rate_hz
from tests import audio


def wav(path: Path, samples: np.ndarray[Any, Any], rate_hz: int) -> tuple[str, PacketIndex]:
    """A WAV file of int16 or float32 samples, shape (channels, count)."""
    kind, bits = (3, 32) if samples.dtype == np.float32 else (1, 16)
    channels, frame = len(samples), len(samples) * bits // 8
    data = np.ascontiguousarray(samples.T).tobytes()
    head = struct.pack("<4sI8sIHHIIHH", b"RIFF", 36 + len(data), b"WAVEfmt ", 16, kind, channels, rate_hz,
                       rate_hz * frame, frame, bits)  # fmt: skip
    path.write_bytes(head + b"data" + struct.pack("<I", len(data)) + data)
    index, _ = index_file(str(path))
    return str(path), index


def sine(rate_hz: int, seconds: float, hz: float = 440.0, channels: int = 2) -> np.ndarray[Any, Any]:
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    return np.stack([0.5 * np.sin(2 * np.pi * hz * time_s + n) for n in range(channels)]).astype(np.float32)


@pytest.mark.parametrize("from_hz", [88_200, 176_400, 96_000, 192_000, 352_800, 64_000, 22_254, 7_350, 4_000, 47_999])
def test_a_resampled_range_does_not_depend_on_where_it_begins(from_hz: int, tmp_path: Path) -> None:
    noise = (np.random.default_rng(5).standard_normal((2, from_hz)) * 8000).clip(-32768, 32767).astype(np.int16)
    path, index = wav(tmp_path / "x.wav", noise, from_hz)
    to_hz = aac_rate_hz(from_hz)
    count = -(-index.length_samples * to_hz // from_hz)
    whole = pcm.floats(path, index, rate_hz=to_hz, channels=2, start=0, stop=count)
    chance = random.Random(7)
    for _ in range(10):
        start = chance.randrange(count)
        stop = min(count, start + chance.randrange(1, 3000))
        part = pcm.floats(path, index, rate_hz=to_hz, channels=2, start=start, stop=stop)
        assert np.array_equal(part, whole[:, start:stop])


@pytest.mark.parametrize("from_hz", [96_000, 88_200, 192_000, 32_001])
def test_resampling_is_clean_to_both_ends(from_hz: int, tmp_path: Path) -> None:
    path, index = wav(tmp_path / "x.wav", sine(from_hz, 1.0), from_hz)
    to_hz = aac_rate_hz(from_hz)
    wanted = sine(to_hz, 1.0)
    got = pcm.floats(path, index, rate_hz=to_hz, channels=2, start=0, stop=to_hz)
    inner = slice(100, to_hz - 100)
    assert np.abs(got[:, inner] - wanted[:, inner]).max() < 2e-4
    assert np.abs(got[:, -3:] - wanted[:, -3:]).max() < 0.3, "the end was lost"


def test_what_is_no_number_becomes_silence_and_what_is_too_loud_is_cut(tmp_path: Path) -> None:
    samples = sine(44_100, 0.5)
    samples[:, 100:110] = np.nan
    samples[:, 200], samples[:, 300], samples[:, 400] = np.inf, -np.inf, 1e30
    path, index = wav(tmp_path / "x.wav", samples, 44_100)
    got = pcm.floats(path, index, rate_hz=44_100, channels=2, start=0, stop=20_000)
    assert np.isfinite(got).all()
    assert np.abs(got).max() <= 1.0
    assert not got[:, 100:110].any()
    assert got[0, 200] == pytest.approx(1.0, abs=1e-6)
    assert got[0, 300] == -1.0
    assert np.abs(got[:, 1000:] - samples[:, 1000:20_000]).max() < 1e-6


def test_lossy_sources_are_cut_at_full_scale(tmp_path: Path) -> None:
    """A square wave at full scale overshoots when an MP3 of it is decoded."""
    import av

    square = np.sign(sine(44_100, 1.0, hz=997.0)).astype(np.float32)
    path = tmp_path / "x.mp3"
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libmp3lame", rate=44_100)
        stream.layout, stream.format, stream.bit_rate = "stereo", "fltp", 64_000
        for at in range(0, square.shape[1], 1152):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(square[:, at : at + 1152]), format="fltp", layout="stereo"
            )
            frame.sample_rate, frame.pts = 44_100, at
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    index, _ = index_file(str(path))
    raw = read_range(str(path), index, 0, index.length_samples)
    assert np.abs(raw).max() > 1.0
    got = pcm.floats(str(path), index, rate_hz=44_100, channels=2, start=0, stop=index.length_samples)
    assert np.array_equal(got, raw.clip(-1, 1))


@pytest.mark.parametrize("layout", ["mono", "5.1"])
def test_full_scale_on_every_channel_does_not_overload(layout: str, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.flac", layout=layout, rate_hz=48_000)
    index, _ = index_file(str(path))
    channels = min(2, index.channels)
    matrix = pcm._matrix(index) if index.channels > 2 else np.eye(1)
    assert np.abs(matrix).sum(axis=1).max() == pytest.approx(1.0)
    got = pcm.floats(str(path), index, rate_hz=48_000, channels=channels, start=0, stop=48_000)
    assert got.shape == (channels, 48_000)


def test_past_the_end_is_silence(tmp_path: Path) -> None:
    path, index = wav(tmp_path / "x.wav", sine(44_100, 0.1), 44_100)
    got = pcm.floats(path, index, rate_hz=44_100, channels=2, start=4000, stop=6000)
    assert got.shape == (2, 2000)
    assert got[:, :410].any()
    assert not got[:, 410:].any()
