"""Looks at what players report while it comes in, so that it is told when listening has become worse."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Unavailable
from mediaserver.listening.qoe import Qoe
from mediaserver.listening.worse import LOOKED_AT_MS, Worse, judge

log = logging.getLogger(__name__)

GATHER_S = 60.0
STANDS_FOR_S = 600.0
"""What was found is looked at anew after so long though nothing came: hours pass, and trouble with them."""


class Watch:
    def __init__(self, qoe: Qoe, clock: Clock) -> None:
        self.worse: tuple[Worse, ...] = ()
        """As last looked at."""
        self.plays = 0
        """Known of the weeks that were looked at."""
        self._qoe = qoe
        self._clock = clock
        self._looked_at_s: float | None = None
        self._has_new = asyncio.Event()
        self._looking = asyncio.Lock()
        qoe.on_new = self._has_new.set

    async def run(self, *, gather_s: float = GATHER_S) -> None:
        """Without end. A look a minute while plays are reported; none while nothing is played and all is well.

        A database that is away or full for now is told of elsewhere: it is tried again.
        """
        with suppress(Unavailable):
            await self._qoe.sweep()
        while True:
            with suppress(Unavailable):
                await self.look()
            try:
                async with asyncio.timeout(STANDS_FOR_S if self.worse else None):
                    await self._has_new.wait()
            except TimeoutError:
                continue
            await asyncio.sleep(gather_s)

    async def look(self) -> tuple[Worse, ...]:
        """Now, where something has come in since the last look, or that is long ago. A change is logged."""
        async with self._looking:
            now_s = self._clock.monotonic_s()
            is_old = self._looked_at_s is None or now_s - self._looked_at_s >= STANDS_FOR_S
            if not is_old and not self._has_new.is_set():
                return self.worse
            self._has_new.clear()
            now_ms = self._clock.now_ms()
            try:
                plays = await self._qoe.plays(now_ms - LOOKED_AT_MS)
            except Unavailable:
                self._has_new.set()
                raise
            # In a thread: fifty thousand plays take a moment, and music goes on.
            found = await asyncio.to_thread(judge, plays, now_ms, {one.what for one in self.worse})
            self._tell(found)
            self.worse, self.plays, self._looked_at_s = tuple(found), len(plays), now_s
            return self.worse

    def _tell(self, found: list[Worse]) -> None:
        before = {one.what for one in self.worse}
        for one in found:
            if one.what not in before:
                log.warning(
                    "listening has become worse: %s, %d of %d plays in %d h", one.what, one.bad, one.plays, one.hours
                )
        for what in before - {one.what for one in found}:
            log.info("listening is as well again as it was: %s", what)
