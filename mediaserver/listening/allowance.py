"""How many reports one person may hand in: hundreds at once after a time without a line, few in the long run."""

from __future__ import annotations

import math

from mediaserver.core.clock import Clock
from mediaserver.core.errors import TooManyAttempts
from mediaserver.core.units import UserId

AT_ONCE = 400
"""Twice what the page keeps while the line is gone: two of a person's devices may come back together."""
EVERY_S = 5.0
"""One more in so many seconds: 720 an hour, ten times what five devices of one person report in an hour of playing."""


class Allowance:
    """Counted in memory: a restart forgives."""

    def __init__(self, clock: Clock, *, at_once: int = AT_ONCE, every_s: float = EVERY_S) -> None:
        self._clock = clock
        self._at_once, self._every_s = at_once, every_s
        self._left: dict[UserId, tuple[float, float]] = {}

    def take(self, user_id: UserId, number: int) -> None:
        """Raises TooManyAttempts where so many are not left; then none is taken."""
        now_s = self._clock.monotonic_s()
        left, since_s = self._left.get(user_id, (float(self._at_once), now_s))
        left = min(float(self._at_once), left + (now_s - since_s) / self._every_s)
        if number > left:
            wait_s = math.ceil((number - left) * self._every_s)
            raise TooManyAttempts(f"too many reports: wait {wait_s} s", retry_after_s=wait_s)
        self._left[user_id] = (left - number, now_s)
