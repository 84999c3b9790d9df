"""FLAC frames of one segment, as the source has its samples or of 16 bits. Runs in worker processes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mediaserver.media.decode import read_range
from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import flacframes, pcm
from mediaserver.streaming.ladder import Rendition
from mediaserver.streaming.lossy import as_frame, opened

_LEVEL = "5"
_TOP = 2.0**15

Ints = npt.NDArray[Any]


def packets(path: str, index: PacketIndex, rendition: Rendition, wanted: range) -> list[bytes]:
    """The frames `wanted`, numbered as in the whole stream."""
    size = rendition.packet_samples
    start, stop = wanted.start * size, min(wanted.stop * size, rendition.length_samples)
    if rendition.rung.family == "flac16":
        samples = _of_16_bits(path, index, rendition, start, stop)
    else:
        samples = read_range(path, index, start, stop)
        shift = rendition.bit_depth - (index.bit_depth or 16)
        samples = np.left_shift(samples.astype(np.int16 if rendition.bit_depth == 16 else np.int32), shift)
    return _encoded(samples, index.layout, rendition, wanted.start)


def _encoded(samples: Ints, layout: str, rendition: Rendition, first: int) -> list[bytes]:
    size, sample_format = rendition.packet_samples, "s16" if rendition.bit_depth == 16 else "s32"
    options = {"compression_level": _LEVEL, "flags": "+bitexact", "frame_size": str(size)}
    encoder = opened("flac", rendition.rate_hz, layout, sample_format, options)
    if sample_format == "s32":
        samples = np.left_shift(samples, 8)
    made: list[Any] = []
    for at in range(0, samples.shape[1], size):
        made += encoder.encode(as_frame(samples[:, at : at + size], sample_format, layout, rendition.rate_hz, at))
    made += encoder.encode(None)
    frames = [bytes(packet) for packet in made if packet.size]
    return [flacframes.renumbered(frame, first + n) for n, frame in enumerate(frames)]


def _of_16_bits(path: str, index: PacketIndex, rendition: Rendition, start: int, stop: int) -> Ints:
    """Resampled where it must be, and dithered frame by frame where it does not fit 16 bits as it is."""
    floats = pcm.floats(path, index, rate_hz=rendition.rate_hz, channels=rendition.channels, start=start, stop=stop)
    size = rendition.packet_samples
    out = np.empty(floats.shape, np.int16)
    for at in range(0, floats.shape[1], size):
        steps = floats[:, at : at + size].astype(np.float64) * _TOP
        if not np.array_equal(steps, np.rint(steps)):  # 16 bits in a file of 24, and silence, stay what they are
            steps += _dither((start + at) // size, steps.shape)
        out[:, at : at + size] = np.clip(np.rint(steps), -_TOP, _TOP - 1)
    return out


def _dither(number: int, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """Triangular noise of one step to each side, of the frame of this number: the same wherever it is made.

    Whatever is lost by rounding is then noise, and not distortion that follows the music (Lipshitz, Wannamaker and
    Vanderkooy, 1992).
    """
    raw = np.random.Philox(key=number).random_raw(shape[0] * shape[1]).reshape(shape)
    one, other = raw >> np.uint64(32), raw & np.uint64(0xFFFFFFFF)
    noise: npt.NDArray[np.float64] = (one.astype(np.float64) - other.astype(np.float64)) / 2.0**32
    return noise
