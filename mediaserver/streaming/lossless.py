"""FLAC frames of one segment, as the source has its samples or of 16 bits. Runs in worker processes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mediaserver.media.decode import read_range
from mediaserver.streaming import flacframes, pcm
from mediaserver.streaming.ladder import Rendition
from mediaserver.streaming.lossy import as_frame, opened

_LEVEL = "5"

Ints = npt.NDArray[Any]


def packets(feed: pcm.Feed, rendition: Rendition, wanted: range) -> list[bytes]:
    """The frames `wanted`, numbered as in the whole stream."""
    size = rendition.packet_samples
    start, stop = wanted.start * size, min(wanted.stop * size, rendition.length_samples)
    if rendition.rung.family == "flac" and isinstance(feed, pcm.Whole):
        samples = _as_they_are(feed, rendition.bit_depth, start, stop)
    else:
        samples = _rounded(feed, rendition, start, stop)
    return _encoded(samples, feed.layout, rendition, wanted.start)


def _as_they_are(sound: pcm.Whole, bit_depth: int, start: int, stop: int) -> Ints:
    """Without a detour through floats."""
    samples = read_range(sound.path, sound.index, start, stop)
    shift = bit_depth - (sound.index.bit_depth or 16)
    shifted: Ints = np.left_shift(samples.astype(np.int16 if bit_depth == 16 else np.int32), shift)
    return shifted


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


def _rounded(feed: pcm.Feed, rendition: Rendition, start: int, stop: int) -> Ints:
    """Resampled and mixed where it must be, and dithered frame by frame where it does not fit 16 bits as it is.

    Floats hold 24 bits whole, so that what fits comes out as it went in; more than those there is none of.
    """
    floats = pcm.fed(feed, rate_hz=rendition.rate_hz, channels=rendition.channels, start=start, stop=stop)
    size, top = rendition.packet_samples, 2.0 ** (rendition.bit_depth - 1)
    out = np.empty(floats.shape, np.int16 if rendition.bit_depth == 16 else np.int32)
    for at in range(0, floats.shape[1], size):
        steps = floats[:, at : at + size].astype(np.float64) * top
        if rendition.bit_depth == 16 and not np.array_equal(steps, np.rint(steps)):
            steps += _dither((start + at) // size, steps.shape)  # 16 bits in 24, and silence, stay what they are
        out[:, at : at + size] = np.clip(np.rint(steps), -top, top - 1)
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
