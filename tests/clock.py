"""A clock that stands still until it is told to move, or set."""

from __future__ import annotations


class FakeClock:
    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self._now_ms = now_ms
        self._monotonic_s = 1000.0

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def run(self) -> str:
        return "a machine"

    def advance(self, *, seconds: float) -> None:
        self._now_ms += round(seconds * 1000)
        self._monotonic_s += seconds

    def set(self, *, by_s: float) -> None:
        """As somebody sets it: the monotonic one does not move."""
        self._now_ms += round(by_s * 1000)
