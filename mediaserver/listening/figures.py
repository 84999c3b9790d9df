"""Many plays in a few figures. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Play:
    """What counts of one report."""

    started_at_ms: int
    first_sound_ms: int | None
    is_followed: bool
    played_ms: int
    stalls: int
    stalled_ms: int
    switches: int
    bitrate_bps: int | None
    player: str
    network: str
    is_failed: bool

    @property
    def start_ms(self) -> int | None:
        """From the press to the sound; None where nobody pressed, or it is not known."""
        return None if self.is_followed else self.first_sound_ms


@dataclass(frozen=True, slots=True)
class Figures:
    plays: int
    failed: int
    stalled: int
    """Plays with at least one stall."""
    stalls: int
    stalled_ms: int
    listened_ms: int
    switches: int
    first_sound_median_ms: int | None
    """Of plays that somebody began, as the next; None where there is none."""
    first_sound_p95_ms: int | None
    gap_p95_ms: int | None
    """Of tracks that followed another by themselves: the silence between."""
    bitrate_bps: int | None
    """Weighed by how long it was heard."""

    @property
    def stalled_share(self) -> float:
        return round(self.stalled / self.plays, 4) if self.plays else 0.0

    @property
    def stalled_s_per_h(self) -> float:
        """Seconds of silence in the midst, for an hour of sound."""
        return round(self.stalled_ms * 3600 / self.listened_ms, 2) if self.listened_ms else 0.0


def percentile(values: Sequence[int], share: float) -> int | None:
    """The nearest rank: the least of `values` that `share` of them do not exceed; None where there are none."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def figures(plays: Sequence[Play]) -> Figures:
    starts = [one.start_ms for one in plays if one.start_ms is not None]
    gaps = [one.first_sound_ms for one in plays if one.is_followed and one.first_sound_ms is not None]
    rated = [(one.bitrate_bps, one.played_ms) for one in plays if one.bitrate_bps is not None and one.played_ms]
    heard_ms = sum(played_ms for _, played_ms in rated)
    return Figures(
        plays=len(plays),
        failed=sum(one.is_failed for one in plays),
        stalled=sum(one.stalls > 0 for one in plays),
        stalls=sum(one.stalls for one in plays),
        stalled_ms=sum(one.stalled_ms for one in plays),
        listened_ms=sum(one.played_ms for one in plays),
        switches=sum(one.switches for one in plays),
        first_sound_median_ms=percentile(starts, 0.5),
        first_sound_p95_ms=percentile(starts, 0.95),
        gap_p95_ms=percentile(gaps, 0.95),
        bitrate_bps=round(sum(bps * played_ms for bps, played_ms in rated) / heard_ms) if heard_ms else None,
    )


def grouped(plays: Sequence[Play], key: Callable[[Play], K]) -> dict[K, Figures]:
    """Figures for each key, those with most plays first."""
    groups: dict[K, list[Play]] = defaultdict(list)
    for one in plays:
        groups[key(one)].append(one)
    return {name: figures(groups[name]) for name in sorted(groups, key=lambda name: -len(groups[name]))}
