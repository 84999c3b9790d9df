"""Whether the machine's clock was set while the server runs: by its network at the start, by hand, or by a fault."""

from __future__ import annotations

from mediaserver.core.clock import Clock

LEAST_MS = 3_600_000
"""Less matters to nothing here, and clocks that are corrected all the time make no step of it."""


class Steps:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_ms = self._now_offset_ms()

    def step_ms(self) -> int:
        """How far it was set since the step before was `done`, backwards below 0; 0 for less than LEAST_MS."""
        step_ms = self._now_offset_ms() - self._offset_ms
        return step_ms if abs(step_ms) >= LEAST_MS else 0

    def done(self, step_ms: int) -> None:
        self._offset_ms += step_ms

    def _now_offset_ms(self) -> int:
        return self._clock.now_ms() - round(self._clock.monotonic_s() * 1000)
