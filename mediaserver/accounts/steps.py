"""What it does to sessions that the machine's clock is set while the server runs: nothing that anybody notices.

A small machine often starts with the time of its last end and learns the right one later. Nobody is signed out by that,
and what was begun under a clock that was ahead does not last for years; nothing lasts longer than if it began now.
"""

from __future__ import annotations

import asyncio
import logging

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Unavailable
from mediaserver.storage.database import Database

log = logging.getLogger(__name__)

LEAST_MS = 3_600_000
"""Less matters to nothing here, and clocks that are corrected all the time make no step of it."""


class Steps:
    def __init__(self, database: Database, clock: Clock, *, lifetime_ms: int) -> None:
        self._database = database
        self._clock = clock
        self._lifetime_ms = lifetime_ms
        self._ahead_ms = self._now_ahead_ms()
        self._turn = asyncio.Lock()

    async def follow(self) -> None:
        """To be called before sessions are judged by the clock."""
        if not self._step_ms():
            return
        async with self._turn:  # nobody is judged by half of it
            step_ms = self._step_ms()
            if not step_ms:
                return
            try:
                await self._move(self._clock.now_ms(), step_ms)
            except Unavailable as error:  # a full disk keeps nobody out; it is tried again
                log.warning("sessions could not follow the clock: %s", error)
                return
            self._ahead_ms += step_ms
            log.info("the clock was set by %d minutes; sessions follow it", step_ms // 60_000)

    async def _move(self, now_ms: int, step_ms: int) -> None:
        """Those that had not ended before the step have as long as they had; repeating it does little."""
        forth_ms = max(0, step_ms)
        moved = {"latest": now_ms + self._lifetime_ms, "step": forth_ms, "before": now_ms - forth_ms}
        async with self._database.write(durable=False) as tx:
            await tx.run(
                "UPDATE sessions SET expires_at_ms = :latest"
                " WHERE expires_at_ms > CAST(:latest AS BIGINT) - CAST(:step AS BIGINT)",
                moved,
            )
            await tx.run(
                "UPDATE sessions SET expires_at_ms = expires_at_ms + CAST(:step AS BIGINT)"
                " WHERE expires_at_ms > :before AND expires_at_ms < :latest",
                moved,
            )

    def _step_ms(self) -> int:
        """How far it was set since that was last followed, backwards below 0; 0 for less than LEAST_MS."""
        step_ms = self._now_ahead_ms() - self._ahead_ms
        return step_ms if abs(step_ms) >= LEAST_MS else 0

    def _now_ahead_ms(self) -> int:
        return self._clock.now_ms() - round(self._clock.monotonic_s() * 1000)
