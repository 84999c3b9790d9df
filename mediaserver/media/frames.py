"""Samples in and out of frames. Runs in worker processes.

From eight channels on, PyAV (18.1) takes what lies behind the planes of a frame for one more: reading it ends the
process, and writing one fails. So planes are counted here, and frames are made packed.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[Any]

_TYPES = {"u8": "u1", "s16": "<i2", "s32": "<i4", "s64": "<i8", "flt": "<f4", "dbl": "<f8"}


def samples(frame: av.AudioFrame) -> Samples:
    """All of a frame, of the type that it has: shape (channels, samples)."""
    channels = frame.layout.nb_channels
    if not frame.format.is_planar:
        return frame.to_ndarray().reshape(-1, channels).T
    kind, planes = np.dtype(_TYPES[frame.format.name.removesuffix("p")]), cast(Sequence[Any], frame.planes[:channels])
    return np.stack([np.frombuffer(plane, kind, frame.samples) for plane in planes])


def packed(planar: Samples, sample_format: str, layout: str, rate_hz: int, pts: int) -> av.AudioFrame:
    """A frame of samples of shape (channels, samples); `sample_format` is a packed one, of their type."""
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(planar.T.reshape(1, -1)), format=sample_format, layout=layout
    )
    frame.sample_rate, frame.pts, frame.time_base = rate_hz, pts, Fraction(1, rate_hz)
    return frame


def silent(like: av.AudioFrame, count: int) -> av.AudioFrame:
    """A frame of `count` samples of silence, in the format of another."""
    frame = av.AudioFrame(format=like.format.name, layout=like.layout.name, samples=count)
    frame.sample_rate = like.sample_rate
    blank = b"\x80" if like.format.name.startswith("u8") else b"\0"
    planes = cast(Sequence[Any], frame.planes)
    for plane in planes[: like.layout.nb_channels] if like.format.is_planar else planes:
        plane.update(blank * plane.buffer_size)
    return frame
