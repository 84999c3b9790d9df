"""FLAC of 16 bits, of what is more: as exact as 16 bits are, the same wherever a segment is made."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import encoder, ladder, lossless, pcm
from mediaserver.streaming.ladder import Rendition
from tests import audio
from tests.streaming.test_encoder import sound, whole

Ints = np.ndarray[Any, np.dtype[Any]]


def made(tmp_path: Path, wave: np.ndarray[Any, Any], **how: Any) -> tuple[str, PacketIndex, Rendition]:
    """Of a FLAC file of 24 bits that holds `wave`."""
    path, index = sound(audio.write(tmp_path / "x.flac", sample_format="s32", wave=wave, **how))
    assert index.bit_depth == 24
    return path, index, ladder.flac16_rendition(index)


def heard(path: str, index: PacketIndex, rendition: Rendition) -> Ints:
    got = audio.decoded(io.BytesIO(whole(path, index, rendition)))
    assert got.dtype == np.int16
    assert got.shape == (index.channels, rendition.length_samples)
    return got


def sine(hz: float, rate_hz: int, *, amplitude: float = 0.5, seconds: float = 5.0) -> np.ndarray[Any, Any]:
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.stack([amplitude * np.sin(2 * np.pi * hz * time_s), amplitude * np.cos(2 * np.pi * hz * time_s)])


def test_16_bits_in_a_file_of_24_stay_what_they_are(tmp_path: Path) -> None:
    steps = np.random.default_rng(1).integers(-32768, 32768, (2, 44_100 * 5))
    wave = steps * 256 / 8388607 + 1e-9 * np.sign(steps)
    got = heard(*made(tmp_path, wave))
    assert np.abs(got - steps).max() == 0


def test_silence_stays_silence(tmp_path: Path) -> None:
    assert not heard(*made(tmp_path, np.zeros((2, 44_100 * 5)))).any()


def test_what_is_lost_by_rounding_is_noise_and_not_distortion(tmp_path: Path) -> None:
    """A sine of one step: rounded without dither it is a square wave, whose third harmonic stands 10 dB below it."""
    rate_hz, hz = 48_000, 480
    got = heard(*made(tmp_path, sine(hz, rate_hz, amplitude=1.0 / 32768), rate_hz=rate_hz)).astype(float)
    spectrum = np.abs(np.fft.rfft(got[0, : 4 * rate_hz]))
    tone, third, fifth = (spectrum[4 * hz * n] for n in (1, 3, 5))
    floor = np.median(spectrum)
    assert tone > 100 * floor
    assert third < 5 * floor
    assert fifth < 5 * floor


@pytest.mark.parametrize(("from_hz", "to_hz"), [(96_000, 48_000), (88_200, 44_100), (192_000, 48_000)])
def test_higher_rates_come_down_as_clean_as_16_bits_are(from_hz: int, to_hz: int, tmp_path: Path) -> None:
    path, index, rendition = made(tmp_path, sine(997, from_hz), rate_hz=from_hz)
    assert rendition.rate_hz == to_hz
    got = heard(path, index, rendition) / 32768
    wanted = sine(997, to_hz)
    inside = slice(2000, -2000)
    error = got[:, inside] - wanted[:, inside]
    assert 10 * np.log10(np.mean(wanted[:, inside] ** 2) / np.mean(error**2)) > 85  # 16 bits and dither: 87 dB


def test_surround_keeps_its_channels(tmp_path: Path) -> None:
    wave = audio.samples(5.0, 96_000, 6)
    path, index, rendition = made(tmp_path, wave, rate_hz=96_000, layout="5.1")
    got = heard(path, index, rendition) / 32768
    for channel in range(6):
        closeness = [np.corrcoef(got[channel, 100:-100], wave[other, 200:-200:2])[0, 1] for other in range(6)]
        assert int(np.argmax(closeness)) == channel
        assert closeness[channel] > 0.98


def test_any_segment_is_the_same_by_itself(tmp_path: Path) -> None:
    path, index, rendition = made(tmp_path, audio.samples(13.0, 96_000, 2), rate_hz=96_000)
    at_once = heard(path, index, rendition)
    again = [encoder.segment(path, index, rendition, n) for n in (2, 0, 3, 1)]
    assert again == [encoder.segment(path, index, rendition, n) for n in (2, 0, 3, 1)]
    start = rendition.packets_per_segment * rendition.packet_samples
    piece = lossless._rounded(pcm.Whole(path, index), rendition, start, start + 8192)
    assert np.array_equal(piece, at_once[:, start : start + 8192])


def test_the_noise_of_every_frame_is_its_own_and_triangular() -> None:
    one, other = lossless._dither(1, (2, 4096)), lossless._dither(2, (2, 4096))
    assert np.array_equal(one, lossless._dither(1, (2, 4096)))
    assert abs(np.corrcoef(one[0], other[0])[0, 1]) < 0.1
    assert abs(np.corrcoef(one[0], one[1])[0, 1]) < 0.1
    assert np.abs(one).max() <= 1.0
    assert np.var(one) == pytest.approx(1 / 6, rel=0.05)
