"""A line that strangers can cause, and therefore is logged at most once in a while."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

EVERY_S = 60.0


class Seldom:
    """Logs through `log`; what is kept back meanwhile is counted and told with the next line."""

    def __init__(
        self, log: logging.Logger, *, every_s: float = EVERY_S, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._log = log
        self._every_s = every_s
        self._now_s = now_s
        self._last_s: dict[str, float] = {}
        self._kept_back: dict[str, int] = {}

    def say(self, level: int, message: str, *args: object) -> None:
        """`message` is the code's own and tells the lines apart; `args` may come from outside."""
        now_s = self._now_s()
        if now_s - self._last_s.get(message, float("-inf")) < self._every_s:
            self._kept_back[message] = self._kept_back.get(message, 0) + 1
            return
        self._last_s[message] = now_s
        others = self._kept_back.pop(message, 0)
        self._log.log(level, message + (f" ({others} more before)" if others else ""), *args)
