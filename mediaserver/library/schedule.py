"""Scans at times of the day, by the clock on the wall: in summer and winter, and once after a sleep."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mediaserver.core.clock import Clock

log = logging.getLogger(__name__)

_LOCALTIME = Path("/etc/localtime")
_LOOK_EVERY_S = 60.0  # the time left is counted anew so often: the machine may sleep, and its clock be set


class Schedule:
    """`times` of the day ("03:30") in `zone`. Pure: the time goes in."""

    def __init__(self, times: Sequence[str], zone: tzinfo, now_ms: int) -> None:
        self._times = sorted(time.fromisoformat(one) for one in times)
        self._zone = zone
        self._next_ms = self._after(now_ms)

    @property
    def next_ms(self) -> int | None:
        """When the next scan is due; None where there are no times."""
        return self._next_ms

    def is_due(self, now_ms: int) -> bool:
        """True once for a time that has come, and once for however many were missed."""
        if self._next_ms is None:
            return False
        is_due = now_ms >= self._next_ms
        upcoming_ms = self._after(now_ms)
        if is_due or (upcoming_ms is not None and upcoming_ms < self._next_ms):  # or the clock was set back
            self._next_ms = upcoming_ms
        return is_due

    def wait_s(self, now_ms: int) -> float:
        """How long to sleep before asking again."""
        left_s = _LOOK_EVERY_S if self._next_ms is None else (self._next_ms - now_ms) / 1000
        return min(_LOOK_EVERY_S, max(0.0, left_s))

    def _after(self, now_ms: int) -> int | None:
        """The first of the times after now. One that the clocks leap over comes with the leap; one that they show
        twice comes the first time.
        """
        today = datetime.fromtimestamp(now_ms / 1000, self._zone).date()
        moments = [
            int(datetime.combine(today + timedelta(days=days), one, self._zone).timestamp() * 1000)
            for days in (0, 1, 2)
            for one in self._times
        ]
        return min((moment for moment in moments if moment > now_ms), default=None)


async def run(schedule: Schedule, clock: Clock, start_scan: Callable[[], None]) -> None:
    """Start a scan whenever one is due; returns at once where there are no times."""
    while schedule.next_ms is not None:
        if schedule.is_due(clock.now_ms()):
            log.info("it is time for a scan")
            start_scan()
        await asyncio.sleep(schedule.wait_s(clock.now_ms()))


def local_zone() -> tzinfo:
    """The zone of this machine, with its rules for summer time; UTC where none is set."""
    try:
        name = os.environ.get("TZ", "").lstrip(":")
        if name:
            return ZoneInfo(name)
        with _LOCALTIME.open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError, ZoneInfoNotFoundError):
        return datetime.now().astimezone().tzinfo or UTC
