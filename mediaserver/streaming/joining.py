"""The samples of many sounds as one: laid one behind the other, or faded into each other. Runs in worker processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mediaserver.streaming import dynamics, pcm
from mediaserver.streaming.pcm import Feed, Floats
from mediaserver.streaming.shapes import FLAT, Shape
from mediaserver.streaming.source import Line
from mediaserver.streaming.timeline import Run


@dataclass(frozen=True, slots=True)
class _Neighbours:
    """The samples of a run, at its own rate."""

    run: Run
    layout: str
    sounds: Mapping[int, Feed]

    @property
    def rate_hz(self) -> int:
        return self.run.rate_hz

    @property
    def length_samples(self) -> int:
        return self.run.length_samples

    def read(self, channels: int, start: int, stop: int) -> Floats:
        out = np.zeros((channels, stop - start), np.float32)
        for number, begin, end in self.run.places():
            first, last = max(start, begin), min(stop, end)
            if first < last:
                out[:, first - start : last - start] = self.sounds[number].read(channels, first - begin, last - begin)
        return out


@dataclass(frozen=True, slots=True)
class Joined:
    """The samples of a timeline. `sounds` has those parts, by their numbers, that will be asked for."""

    rate_hz: int
    layout: str
    length_samples: int
    runs: Sequence[Run]
    sounds: Mapping[int, Feed]

    @classmethod
    def of(cls, line: Line, shape: Shape = FLAT) -> Joined:
        """Raises as `dynamics.feed` does."""
        sounds = {n: dynamics.feed(one, shape) for n, one in line.sources.items()}
        return cls(line.rate_hz, line.layout, line.length_samples, line.runs, sounds)

    def read(self, channels: int, start: int, stop: int) -> Floats:
        out = np.zeros((channels, stop - start), np.float32)
        for run in self.runs:
            first, last = max(start, run.start), min(stop, run.stop)
            if first >= last:
                continue
            neighbours, here = _Neighbours(run, self.layout, self.sounds), range(first - run.start, last - run.start)
            made = pcm.at_rate(neighbours, rate_hz=self.rate_hz, channels=channels, start=here.start, stop=here.stop)
            out[:, first - start : last - start] += made * gains(run, here)
        return out


def gains(run: Run, here: range) -> npt.NDArray[np.float32]:
    """By which the samples `here` of a run (counted from its first one) are multiplied.

    A fade of F samples has the gain x sqrt(3 - 2 x) in its middle points x = (k + 1/2) / F, and the one that meets it
    that of 1 - x: their squares add up to 1, so that two pieces of music that have nothing in common stay as loud as
    they are. It has no corner at either end, and every machine computes it to the same bits, as it does not of sines.
    """
    at = np.arange(here.start, here.stop, dtype=np.float64)
    gain = np.ones(len(here), np.float32)
    behind = run.stop - run.start - 1 - at
    for fade, place in ((run.fade_in, at), (run.fade_out, behind)):
        within = place < fade
        x = (place[within] + 0.5) / max(1, fade)
        gain[within] *= (x * np.sqrt(3 - 2 * x)).astype(np.float32)
    return gain
