"""Measures how loud a sound is, in one pass: EBU R128 by libavfilter, and true peaks. Runs in worker processes."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.error
import av.filter
import numpy as np
import numpy.typing as npt

from mediaserver.core.errors import Damaged, MediaServerError
from mediaserver.media import frames, gating, packets, regular, sides
from mediaserver.media.curve import Curve
from mediaserver.media.cuts import Cut
from mediaserver.media.decode import read_range
from mediaserver.media.measured import Measured
from mediaserver.media.packets import PacketIndex
from mediaserver.media.probe import HIGHEST_RATE_HZ, LOWEST_RATE_HZ

Floats = npt.NDArray[np.float32]

_PIECE_SAMPLES = 1 << 18  # 6 s: what is done between two rests
_PEAKS_FROM_HZ = 176_400  # four times 44.1 kHz, as BS.1770 wants; higher rates are upsampled less
_SILENCE_DB = -150.0
# One channel comes out of two speakers: measured as the same sound on both, so that it stands level with stereo.
_METER = "metadata=1:framelog=quiet:dualmono=true"


@dataclass(frozen=True, slots=True)
class _Sound:
    rate_hz: int
    layout: str
    pieces: Iterator[Floats]
    """Its samples in order, planar, nominally -1 to 1."""


def measure(path: str, packed: bytes, *, share: float = 1.0, cut: Cut | None = None) -> Measured:
    """Measure the sound in the file `path`, of the packed index `packed`, by at most `share` (0 to 1) of a core.

    A sound that has or wants a side file is decoded from the file itself, and `cut` is what is meant of that. Raises
    Damaged, and what passes: Unavailable and MemoryError.
    """
    try:
        return _of(_indexed(path, packed) if packets.codec_by_side(packed) is None else _undemuxed(path, cut), share)
    except MediaServerError:
        raise
    except Exception as error:  # the boundary to a parser of hostile bytes: one file may not hold up all others
        regular.must_be_to_blame(path, error)
        raise Damaged("not to be decoded: its structure is broken") from error


def _of(sound: _Sound, share: float) -> Measured:
    if not LOWEST_RATE_HZ <= sound.rate_hz <= HIGHEST_RATE_HZ:  # libavfilter's meter says nothing of what is far below
        raise Damaged(f"{sound.rate_hz} Hz are no rate of a sound")
    step = max(1, sound.rate_hz // 10)  # as libavfilter's meter has it
    meter, peaks = _Meter(sound, step), _Peaks(sound, step)
    before_s = time.process_time()
    for piece in sound.pieces:
        meter.take(piece)
        peaks.take(piece)
        used_s = time.process_time() - before_s
        if share < 1:
            time.sleep(used_s * (1 - share) / share)
        before_s = time.process_time()
    meter.take(None)
    peaks.take(None)
    return _measured(sound, step, meter, peaks.all())


def _measured(sound: _Sound, step: int, meter: _Meter, peaks: npt.NDArray[np.float64]) -> Measured:
    blocks = gating.of(meter.momentary, meter.short)
    momentary = np.array(meter.momentary or [_SILENCE_DB], np.float32)
    missing = max(0, len(peaks) - len(momentary))  # the last entry may be shorter than 100 ms
    with np.errstate(divide="ignore"):
        peaks_db = np.maximum(20 * np.log10(peaks), _SILENCE_DB).astype(np.float32)
    curve = Curve(sound.rate_hz, step, np.pad(momentary, (0, missing), "edge")[: len(peaks)], peaks_db)
    highest = float(peaks.max(initial=0.0))
    return Measured(
        blocks.integrated_lufs,
        blocks.range_lu,
        20 * math.log10(highest) if highest > 0 else None,
        blocks.packed(),
        curve.packed(),
    )


class _Meter:
    """The momentary and short-term loudness of each whole 100 ms, in LUFS."""

    def __init__(self, sound: _Sound, step: int) -> None:
        self.momentary: list[float] = []
        self.short: list[float] = []
        self._step = step
        self._graph = _Graph(sound, "ebur128", _METER)

    def take(self, samples: Floats | None) -> None:
        for frame in self._graph.through(samples):
            if frame.samples == self._step:
                told = frame.metadata
                self.momentary.append(float(told["lavfi.r128.M"]))
                self.short.append(float(told["lavfi.r128.S"]))


class _Peaks:
    """The highest true peak (BS.1770, annex 2) of all channels in each 100 ms, the last of which may be shorter."""

    def __init__(self, sound: _Sound, step: int) -> None:
        factor = max(1, -(-_PEAKS_FROM_HZ // sound.rate_hz))
        self._size = step * factor
        self._graph = _Graph(sound, "aresample", str(sound.rate_hz * factor)) if factor > 1 else None
        self._rest = np.zeros(0, np.float64)
        self._made: list[npt.NDArray[np.float64]] = []

    def take(self, samples: Floats | None) -> None:
        if self._graph is not None:
            parts = [frames.samples(frame) for frame in self._graph.through(samples)]
        else:
            parts = [samples] if samples is not None else []
        loud = [np.maximum(part.max(axis=0), -part.min(axis=0)) for part in parts]
        row = np.concatenate([self._rest, *loud])
        whole = len(row) // self._size * self._size
        self._made.append(row[:whole].reshape(-1, self._size).max(axis=1, initial=0.0))
        self._rest = row[whole:]

    def all(self) -> npt.NDArray[np.float64]:
        rest = [self._rest.max(keepdims=True)] if len(self._rest) else []
        return np.concatenate([*self._made, *rest])


class _Graph:
    """One filter, through which a sound goes piece by piece."""

    def __init__(self, sound: _Sound, name: str, options: str) -> None:
        rate_hz, self._at = sound.rate_hz, 0
        self._rate_hz, self._layout = rate_hz, sound.layout
        self._graph = av.filter.Graph()
        self._entry = self._graph.add_abuffer(
            sample_rate=rate_hz, format="flt", layout=sound.layout, time_base=Fraction(1, rate_hz)
        )
        one, self._end = self._graph.add(name, options), self._graph.add("abuffersink")
        self._entry.link_to(one)
        one.link_to(self._end)
        self._graph.configure()

    def through(self, samples: Floats | None) -> Iterator[Any]:
        """What comes out for these samples; None ends the sound."""
        frame = None
        if samples is not None:
            frame = frames.packed(samples, "flt", self._layout, self._rate_hz, self._at)
            self._at += samples.shape[1]
        self._entry.push(frame)
        end: Any = self._end
        while True:
            try:
                yield end.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return


def _indexed(path: str, packed: bytes) -> _Sound:
    index = PacketIndex.unpacked(packed)

    def pieces() -> Iterator[Floats]:
        for start in range(0, index.length_samples, _PIECE_SAMPLES):
            raw = read_range(path, index, start, min(index.length_samples, start + _PIECE_SAMPLES))
            plain: Floats = raw.astype(np.float32)
            if index.is_lossless:
                plain *= np.float32(2.0 ** (1 - (index.bit_depth or 16)))
            elif not np.isfinite(plain).all():
                plain = np.nan_to_num(plain, nan=0.0, posinf=1.0, neginf=-1.0)
            yield plain

    return _Sound(index.rate_hz, index.layout, pieces())


def _undemuxed(path: str, cut: Cut | None) -> _Sound:
    """A sound that has no packet index of its own, as it would be put into a side file, or a part of it."""
    rate_hz, layout, pieces = sides.decoded(path)
    return _Sound(rate_hz, layout, pieces if cut is None else _within(pieces, *cut.at(rate_hz)))


def _within(pieces: Iterator[Floats], start: int, stop: int | None) -> Iterator[Floats]:
    """Samples `start` to `stop` (exclusive; None: to the end) of what begins with sample 0."""
    at = 0
    for piece in pieces:
        end = at + piece.shape[1]
        if end > start:
            yield piece[:, max(0, start - at) : None if stop is None else stop - at]
        at = end
        if stop is not None and at >= stop:
            return
