"""What it does to sessions that the machine's clock is set while the server runs: nothing that anybody notices.

A small machine often starts with the time of its last end and learns the right one later. Nobody is signed out by that,
and what was begun under a clock that was ahead does not last for years; nothing lasts longer than if it began now.
How far sessions have followed stands in the database: several processes of one machine move them once. Where servers on
several machines share a database, each moves them when its own clock is set. The only writer of clock_steps.
"""

from __future__ import annotations

import asyncio
import logging

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Unavailable
from mediaserver.storage.database import Database, Transaction

log = logging.getLogger(__name__)

LEAST_MS = 3_600_000
"""Less matters to nothing here, and clocks that are corrected all the time make no step of it."""

_RUNS_KEPT = 16


class Steps:
    def __init__(self, database: Database, clock: Clock, *, lifetime_ms: int) -> None:
        self._database = database
        self._clock = clock
        self._lifetime_ms = lifetime_ms
        self._ahead_ms = self._now_ahead_ms()
        self._turn = asyncio.Lock()

    async def open(self) -> None:
        """Go on from where sessions have followed in this run of the machine."""
        row = await self._database.one(_FOLLOWED, {"run": self._clock.run()})
        if row is not None:
            self._ahead_ms = row["ahead_ms"]

    async def follow(self) -> None:
        """To be called before sessions are judged by the clock."""
        if not _step_ms(self._ahead_ms, self._now_ahead_ms()):
            return
        async with self._turn:  # nobody is judged by half of it
            ahead_ms = self._now_ahead_ms()
            if not _step_ms(self._ahead_ms, ahead_ms):
                return
            try:
                step_ms = await self._move(self._clock.now_ms(), ahead_ms)
            except Unavailable as error:  # a full disk keeps nobody out; it is tried again
                log.warning("sessions could not follow the clock: %s", error)
                return
            self._ahead_ms = ahead_ms
            if step_ms:
                log.info("the clock was set by %d minutes; sessions follow it", step_ms // 60_000)

    async def _move(self, now_ms: int, ahead_ms: int) -> int:
        """By how much sessions were moved: 0 where another process had done it."""
        async with self._database.write(durable=False) as tx:
            await tx.lock("clock_steps")
            row = await tx.one(_FOLLOWED, {"run": self._clock.run()})
            step_ms = _step_ms(self._ahead_ms if row is None else row["ahead_ms"], ahead_ms)
            if step_ms:
                await self._move_all(tx, now_ms, forth_ms=max(0, step_ms))
                await self._keep(tx, ahead_ms)
        return step_ms

    async def _move_all(self, tx: Transaction, now_ms: int, *, forth_ms: int) -> None:
        """Those that had not ended before the step have as long as they had."""
        moved = {"latest": now_ms + self._lifetime_ms, "step": forth_ms, "before": now_ms - forth_ms}
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

    async def _keep(self, tx: Transaction, ahead_ms: int) -> None:
        """Of runs that are long over nothing is kept."""
        run = self._clock.run()
        await tx.run("DELETE FROM clock_steps WHERE run = :run", {"run": run})
        row = await tx.one(
            "INSERT INTO clock_steps (run, ahead_ms) VALUES (:run, :ahead) RETURNING id",
            {"run": run, "ahead": ahead_ms},
        )
        if row is not None:
            await tx.run("DELETE FROM clock_steps WHERE id <= :old", {"old": row["id"] - _RUNS_KEPT})

    def _now_ahead_ms(self) -> int:
        return self._clock.now_ms() - round(self._clock.monotonic_s() * 1000)


_FOLLOWED = "SELECT ahead_ms FROM clock_steps WHERE run = :run"


def _step_ms(ahead_ms: int, now_ahead_ms: int) -> int:
    """How far it was set from the one to the other, backwards below 0; 0 for less than LEAST_MS."""
    step_ms = now_ahead_ms - ahead_ms
    return step_ms if abs(step_ms) >= LEAST_MS else 0
