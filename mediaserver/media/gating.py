"""Loudness over gating blocks, kept as histograms, so that tracks add up to albums exactly. Pure.

Source: ITU-R BS.1770-4 (gates and integrated loudness), EBU Tech 3342 (range).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mediaserver.core.errors import Damaged

Counts = npt.NDArray[np.int64]

LEAST_LUFS = -70.0
"""The absolute gate: blocks below it count for nothing."""
_MOST_LUFS = 10.0
_GRAIN = 20
"""Classes in a LU: halves of 0.05 LU to both sides cancel out over the blocks of a sound."""
_CLASSES = round((_MOST_LUFS - LEAST_LUFS) * _GRAIN) + 1
_MIDDLES = LEAST_LUFS + np.arange(_CLASSES) / _GRAIN
_ENERGIES = 10.0 ** (_MIDDLES / 10)
_GATE_LU, _RANGE_GATE_LU = -10.0, -20.0
_LOW, _HIGH = 0.10, 0.95


@dataclass(frozen=True, slots=True)
class Blocks:
    """How many blocks of 400 ms (`momentary`) and of 3 s (`short`), each every 100 ms, were how loud."""

    momentary: Counts
    short: Counts

    @property
    def integrated_lufs(self) -> float | None:
        """None where nothing passes the absolute gate: silence, or less than 400 ms."""
        kept = _gated(self.momentary, _GATE_LU)
        total = int(kept.sum())
        return float(10 * np.log10((kept * _ENERGIES).sum() / total)) if total else None

    @property
    def range_lu(self) -> float | None:
        """None where there is no block of 3 s."""
        kept = _gated(self.short, _RANGE_GATE_LU)
        total = int(kept.sum())
        if not total:
            return None
        ranks = np.rint((total - 1) * np.array((_LOW, _HIGH))).astype(np.int64)
        low, high = np.searchsorted(np.cumsum(kept), ranks, "right")
        return float(_MIDDLES[high] - _MIDDLES[low])

    def packed(self) -> bytes:
        """A few hundred bytes for some minutes of music."""
        parts = []
        for counts in (self.momentary, self.short):
            where = np.flatnonzero(counts)
            parts += [
                len(where).to_bytes(2, "little"),
                np.diff(where, prepend=0).astype("<u2").tobytes(),
                counts[where].astype("<u4").tobytes(),
            ]
        return zlib.compress(b"".join(parts), 9)

    @classmethod
    def unpacked(cls, packed: bytes) -> Blocks:
        """Raises Damaged for bytes that `packed` did not make."""
        try:
            raw, at, found = zlib.decompress(packed), 0, []
            for _ in range(2):
                n = int.from_bytes(raw[at : at + 2], "little")
                where = np.cumsum(np.frombuffer(raw, "<u2", n, at + 2), dtype=np.int64)
                counts = np.zeros(_CLASSES, np.int64)
                counts[where] = np.frombuffer(raw, "<u4", n, at + 2 + 2 * n)
                found.append(counts)
                at += 2 + 6 * n
        except (ValueError, IndexError, zlib.error) as error:
            raise Damaged("what was measured of this sound is damaged") from error
        return cls(*found)


def of(momentary_lufs: npt.ArrayLike, short_lufs: npt.ArrayLike) -> Blocks:
    """The blocks of a sound, one value for each; those below the absolute gate may be among them."""
    return Blocks(_counted(momentary_lufs), _counted(short_lufs))


def together(blocks: Iterable[Blocks]) -> Blocks:
    """The blocks of several sounds as if they were one: those over their joins are not among them."""
    momentary, short = np.zeros(_CLASSES, np.int64), np.zeros(_CLASSES, np.int64)
    for one in blocks:
        momentary += one.momentary
        short += one.short
    return Blocks(momentary, short)


def _counted(values_lufs: npt.ArrayLike) -> Counts:
    values = np.asarray(values_lufs, np.float64)
    loud = np.minimum(values[values >= LEAST_LUFS], _MOST_LUFS)
    places = np.rint((loud - LEAST_LUFS) * _GRAIN).astype(np.int64)
    return np.bincount(places, minlength=_CLASSES)


def _gated(counts: Counts, gate_lu: float) -> Counts:
    """Those that lie above the relative gate too, which is so far below the mean of all."""
    total = int(counts.sum())
    if not total:
        return counts
    gate = 10 * np.log10((counts * _ENERGIES).sum() / total) + gate_lu
    return np.where(gate <= _MIDDLES, counts, 0)
