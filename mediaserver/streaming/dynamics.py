"""By what each sample of a sound is multiplied: one gain, and at night one that follows the music. Runs in workers.

At night what is soft comes up and what is loud goes down, by two thirds of the distance to the loudness of the whole.
The gain of each moment is a function of what was measured around it, so that any part of a sound can be made without
what went before; and it is worked out in whole thousandths of a dB, so that it is the same in whatever part it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mediaserver.core.errors import Damaged
from mediaserver.media.curve import Curve
from mediaserver.media.measured import Dynamics
from mediaserver.streaming.levelling import CEILING_DBTP, STEPS
from mediaserver.streaming.pcm import Feed, Floats, Whole
from mediaserver.streaming.shapes import Shape
from mediaserver.streaming.source import Source

_LEAST_MDB, _MOST_MDB = -12_000, 9_000
_RISE_MDB = 1_200  # for each entry, of 100 ms: 12 dB a second
_REACH = -(-(_MOST_MDB - _LEAST_MDB) // _RISE_MDB)  # entries: what went before these holds no rise back
_AROUND = 2  # entries to each side of which the lowest gain is taken
_CENTRE = 2  # the 400 ms that end two entries later have theirs in the middle
_CEILING_MDB = round(CEILING_DBTP * 1000)
_GRID = 2.0**20  # of factors: what is left of a power's last bit is the same on every machine

Entries = npt.NDArray[np.int64]

_unpacked = lru_cache(maxsize=2)(Curve.unpacked)


@dataclass(frozen=True, slots=True)
class Shaped:
    """The samples of `feed`, turned up or down."""

    feed: Feed
    shape: Shape
    night: Dynamics | None
    """Of what is shaped for the night."""

    @property
    def rate_hz(self) -> int:
        return self.feed.rate_hz

    @property
    def layout(self) -> str:
        return self.feed.layout

    @property
    def length_samples(self) -> int:
        return self.feed.length_samples

    def read(self, channels: int, start: int, stop: int) -> Floats:
        samples = self.feed.read(channels, start, stop)
        if self.night is None:
            return samples * np.float32(_factors(np.array([self.shape.gain * 1000 // STEPS]))[0])
        return samples * gains(self.shape, self.night, self.rate_hz, start, stop)


def feed(source: Source, shape: Shape) -> Feed:
    """The samples of a source in this shape. Raises Damaged for an index that is none, and where it cannot be shaped
    for the night."""
    whole = Whole(source.path, source.index)
    total = Shape(shape.gain + source.gain, shape.is_night)
    if total.is_flat:
        return whole
    if total.is_night and source.night is None:
        raise Damaged("how loud this sound is at each moment is not known")
    return Shaped(whole, total, source.night if total.is_night else None)


def gains(shape: Shape, night: Dynamics, rate_hz: int, start: int, stop: int) -> Floats:
    """By what the samples `start` to `stop` are multiplied at night; linear between the centres of entries.

    Raises Damaged for what was measured of another sound.
    """
    curve = _unpacked(night.curve)
    if curve.rate_hz != rate_hz or not len(curve.peaks_dbtp):
        raise Damaged("what was measured of this sound is of another one")
    if start >= stop:
        return np.zeros(0, np.float32)
    step = curve.step_samples
    # In half samples, for the centre of an entry may lie between two: entry k's is at (2 k + 1) step / 2.
    at = 2 * np.arange(start, stop, dtype=np.int64) - step
    first, last = int(at[0] // (2 * step)), int(at[-1] // (2 * step)) + 1
    factors = _factors(_night_mdb(shape, night, curve, first, last + 1))
    number = at // (2 * step)
    within = (at - number * 2 * step) / (2.0 * step)
    low = factors[number - first]
    made: Floats = (low + (factors[number - first + 1] - low) * within).astype(np.float32)
    return made


def _night_mdb(shape: Shape, night: Dynamics, curve: Curve, first: int, stop: int) -> Entries:
    """The whole gain of the entries `first` to `stop`, in thousandths of a dB; past an end that of the outermost."""
    count = len(curve.peaks_dbtp)
    lasts = np.arange(first - _REACH - _AROUND, stop + _AROUND)
    momentary = _mdb(curve.momentary_lufs[np.clip(lasts + _CENTRE, 0, count - 1)])
    reference = round(night.integrated_lufs * 1000) if night.integrated_lufs is not None else momentary
    wanted = np.clip((reference - momentary) * 2 // 3, _LEAST_MDB, _MOST_MDB)
    lowest = np.lib.stride_tricks.sliding_window_view(wanted, 2 * _AROUND + 1).min(axis=1)
    ramp = _RISE_MDB * np.arange(len(lowest), dtype=np.int64)
    risen = (np.minimum.accumulate(lowest - ramp) + ramp)[_REACH:]
    peaks = _mdb(curve.peaks_dbtp[np.clip(np.arange(first - 1, stop + 1), 0, count - 1)])
    highest = np.lib.stride_tricks.sliding_window_view(peaks, 3).max(axis=1)
    whole_mdb: Entries = np.minimum(risen + shape.gain * 1000 // STEPS, _CEILING_MDB - highest)
    return whole_mdb


def _mdb(values: Floats) -> Entries:
    """Of values in halves of a dB, exactly."""
    return (values.astype(np.float64) * 1000).astype(np.int64)


def _factors(mdb: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    made: npt.NDArray[np.float64] = np.rint(10.0 ** (mdb / 20_000) * _GRID) / _GRID
    return made
