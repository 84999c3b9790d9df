"""Whether listening has become worse than it was. Pure.

The last hours or days with enough plays are held against the four weeks before. A share counts by the lower end of its
confidence interval: one bad evening of one person with a few plays is no alarm, and neither is a house in which a few
plays of a hundred always stop.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mediaserver.listening.figures import Play, percentile

What = Literal["stops", "starts", "fails"]
Plays = Sequence[Play]

HOUR_MS = 3_600_000
WINDOWS_H = (3, 24, 72)
"""The first of these with enough plays is judged."""
BEFORE_MS = 28 * 24 * HOUR_MS
LOOKED_AT_MS = BEFORE_MS + WINDOWS_H[-1] * HOUR_MS
LEAST_PLAYS = 20
LEAST_BEFORE = 50
FLOOR = 0.05
"""Less than this share of plays is no alarm, whatever it was before."""
FACTOR, STANDING_FACTOR = 2.0, 1.5
"""So many times what it was; less where the alarm stands already, so that it does not come and go."""
SLOW_MS = 2000
"""Sound that comes sooner is not slow, whatever it was before."""
MOST_OF_IT, STANDS_OUT = 0.6, 1.5
_Z = 1.645  # 95 % on one side


@dataclass(frozen=True, slots=True)
class Worse:
    what: What
    hours: int
    """Of the window that was judged."""
    bad: int
    plays: int
    share_before: float
    limit_ms: int = 0
    """Of starts: what is slow."""
    player: str = ""
    """One that has most of them, and more of them than of the plays; "" where there is none."""
    network: str = ""


def wilson_low(bad: int, number: int) -> float:
    """The share that `bad` of `number` surely exceed (95 %). Source: E. B. Wilson, JASA 22 (1927)."""
    if number == 0:
        return 0.0
    share, z2 = bad / number, _Z * _Z
    spread = _Z * math.sqrt(share * (1 - share) / number + z2 / (4 * number * number))
    return max(0.0, (share + z2 / (2 * number) - spread) / (1 + z2 / number))


def judge(plays: Plays, now_ms: int, standing: Collection[What] = ()) -> list[Worse]:
    """What has become worse; nothing where there is too little to compare. `standing` is what was said last."""
    for hours in WINDOWS_H:
        start_ms = now_ms - hours * HOUR_MS
        lately = [one for one in plays if one.started_at_ms > start_ms]
        if len(lately) >= LEAST_PLAYS:
            before = [one for one in plays if start_ms - BEFORE_MS < one.started_at_ms <= start_ms]
            return _compared(lately, before, hours, standing) if len(before) >= LEAST_BEFORE else []
    return []


def _compared(lately: Plays, before: Plays, hours: int, standing: Collection[What]) -> list[Worse]:
    starts, usual = _begun(lately), _begun(before)
    found = [
        _risen("stops", lately, before, hours, standing, lambda one: one.stalls > 0),
        _risen("fails", lately, before, hours, standing, lambda one: one.is_failed),
    ]
    if len(starts) >= LEAST_PLAYS and len(usual) >= LEAST_BEFORE:
        usual_ms = percentile([one.start_ms or 0 for one in usual], 0.95) or 0
        # More than one in twenty beyond it: the 95th percentile has risen over it.
        limit_ms = max(SLOW_MS, round(usual_ms * _factor("starts", standing)))
        slow = _risen("starts", starts, usual, hours, standing, lambda one: (one.start_ms or 0) > limit_ms)
        found.append(replace(slow, limit_ms=limit_ms) if slow is not None else None)
    return [one for one in found if one is not None]


def _risen(
    what: What, lately: Plays, before: Plays, hours: int, standing: Collection[What], is_bad: Callable[[Play], bool]
) -> Worse | None:
    bad = [one for one in lately if is_bad(one)]
    share_before = sum(map(is_bad, before)) / len(before)
    if wilson_low(len(bad), len(lately)) <= max(FLOOR, share_before * _factor(what, standing)):
        return None
    return Worse(
        what,
        hours,
        len(bad),
        len(lately),
        round(share_before, 4),
        player=_standing_out(bad, lately, lambda one: one.player),
        network=_standing_out(bad, lately, lambda one: one.network),
    )


def _standing_out(bad: Plays, lately: Plays, name: Callable[[Play], str]) -> str:
    """The name that most of the bad ones have, where it is not simply that of most plays; "" where there is none."""
    top, number = Counter(map(name, bad)).most_common(1)[0]
    share, usual = number / len(bad), sum(name(one) == top for one in lately) / len(lately)
    return top if share >= MOST_OF_IT and share >= usual * STANDS_OUT else ""


def _begun(plays: Plays) -> list[Play]:
    return [one for one in plays if one.start_ms is not None]


def _factor(what: What, standing: Collection[What]) -> float:
    return STANDING_FACTOR if what in standing else FACTOR
