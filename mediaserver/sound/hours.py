"""Hours of the day in which the machine may be busy, by the clock on the wall. Pure: the time goes in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, time, tzinfo

LOOK_EVERY_S = 60.0  # the machine may sleep, and its clock be set


class Hours:
    """`spans` as "01:00-06:00" or "22:00-06:00", which goes past midnight; none is always."""

    def __init__(self, spans: Sequence[str], zone: tzinfo, *, look_every_s: float = LOOK_EVERY_S) -> None:
        pairs = (span.split("-") for span in spans)
        self._spans = [(time.fromisoformat(begin), time.fromisoformat(end)) for begin, end in pairs]
        self._zone, self._look_every_s = zone, look_every_s

    def are_now(self, now_ms: int) -> bool:
        now = datetime.fromtimestamp(now_ms / 1000, self._zone).time()
        return not self._spans or any(
            begin <= now < end if begin < end else now >= begin or now < end for begin, end in self._spans
        )

    def wait_s(self, now_ms: int) -> float:
        """How long to sleep before asking again; 0 in these hours."""
        return 0.0 if self.are_now(now_ms) else self._look_every_s
