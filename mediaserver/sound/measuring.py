"""Measures the loudness of the whole library in the background, sound by sound, and goes on where it was."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Damaged, Gone, MediaServerError, Unavailable, WorkerFailed
from mediaserver.core.events import EventBus, LibraryChanged
from mediaserver.core.folders import FolderAway
from mediaserver.core.units import Digest
from mediaserver.core.workers import Workers
from mediaserver.sound.hours import Hours
from mediaserver.sound.index import Sounds
from mediaserver.sound.loudness import Counts, Meter

log = logging.getLogger(__name__)

State = Literal["off", "measuring", "waiting", "done"]
"""`waiting`: for the hours in which it may, or for a disk that is away."""

_AT_ONCE = 100
_NEWEST = (2**62, "")
_MOST_AWAY = 20  # in a row, after which the others are put off too
_MOST_TRIES = 2
_AGAIN_S, _LONGEST_PAUSE_S = 900.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Progress:
    state: State
    total: int
    """Sounds that are indexed: a recording that is there twice is one."""
    measured: int
    failed: int
    remaining_ms: int | None
    """Of measuring, the hours between apart; None where it cannot be told."""


class Measuring:
    """`share` (0 to 1) is how much of a core it takes. Listeners come first: while sound is made it waits."""

    def __init__(
        self,
        meter: Meter,
        sounds: Sounds,
        workers: Workers,
        events: EventBus,
        clock: Clock,
        *,
        hours: Hours,
        share: float,
        is_enabled: bool = True,
    ) -> None:
        self.meter = meter
        self._workers, self._events, self._clock = workers, events, clock
        self._hours, self._share, self._is_enabled = hours, share, is_enabled
        self._changed = asyncio.Event()
        self._counts = Counts(0, 0, 0)
        self._state: State = "waiting" if is_enabled else "off"
        self._began_s, self._done = 0.0, 0
        self._tries: Counter[Digest] = Counter()
        sounds.on_learnt = self._changed.set

    def progress(self) -> Progress:
        counts = self._counts
        left = counts.total - counts.measured - counts.failed
        busy_s = self._clock.monotonic_s() - self._began_s
        is_told = self._state == "measuring" and self._done > 0
        remaining_ms = round(busy_s / self._done * left * 1000) if is_told else None
        return Progress(self._state, counts.total, counts.measured, counts.failed, remaining_ms)

    async def run(self) -> None:
        """For ever: at the start and whenever a sound was indexed, the newest first. Asleep while all are measured."""
        self._counts = await self.meter.counts()
        if not self._is_enabled:
            return

        async def wake(event: LibraryChanged) -> None:
            self._changed.set()

        cancel = self._events.subscribe(LibraryChanged, wake, name="sound.measuring")
        try:
            pause_s = _AGAIN_S
            while True:
                self._changed.clear()
                is_whole = await self._measure_all()
                try:
                    async with asyncio.timeout(None if is_whole else pause_s):
                        await self._changed.wait()
                    pause_s = _AGAIN_S
                except TimeoutError:  # a sector that stays bad is not read every quarter of an hour for ever
                    pause_s = _AGAIN_S if self._done else min(2 * pause_s, _LONGEST_PAUSE_S)
        finally:
            cancel()

    async def _measure_all(self) -> bool:
        """Whether nothing is left that could be measured now or later."""
        self._began_s, self._done = self._clock.monotonic_s(), 0
        last, away, put_off = _NEWEST, 0, 0
        while found := await self.meter.unmeasured(last, _AT_ONCE):
            self._counts = await self.meter.counts()
            for last in found:
                await self._wait_for_turn()
                self._state = "measuring"
                try:
                    is_done = await self._measure(last[1])
                    away = 0
                except FolderAway:
                    is_done, away = False, away + 1
                put_off += not is_done
                if away == _MOST_AWAY:
                    self._state = "waiting"
                    return False
        self._counts = await self.meter.counts()
        if self._done:
            log.info("measured the loudness of %d %s", self._done, "sound" if self._done == 1 else "sounds")
        self._state = "waiting" if put_off else "done"
        return not put_off

    async def _measure(self, digest: Digest) -> bool:
        """Whether nothing is left to be done for this sound. Raises FolderAway."""
        try:
            await self.meter.measure(digest, share=self._share)
        except FolderAway:
            raise
        except Gone:
            return True  # what is there instead is indexed, and comes by itself
        except Damaged as error:
            return await self._give_up(digest, error)
        except (WorkerFailed, MemoryError) as error:  # the first time it may have been the system's fault
            self._tries[digest] += 1
            return self._tries[digest] >= _MOST_TRIES and await self._give_up(digest, error)
        except (Unavailable, OSError) as error:
            log.debug("a sound could not be measured now: %s", error)
            return False
        self._done += 1
        counts = self._counts
        self._counts = Counts(counts.total, min(counts.total, counts.measured + 1), counts.failed)
        return True

    async def _give_up(self, digest: Digest, error: Exception) -> bool:
        log.warning("the loudness of a sound cannot be measured: %s", error)
        with suppress(MediaServerError):  # a full disk: it is tried once more after the next start
            await self.meter.give_up(digest, str(error) or "there is not enough memory")
        counts = self._counts
        self._counts = Counts(counts.total, counts.measured, counts.failed + 1)
        return True

    async def _wait_for_turn(self) -> None:
        """Until it may, and until nobody waits for sound."""
        while (wait_s := self._hours.wait_s(self._clock.now_ms())) > 0:
            self._state = "waiting"
            await asyncio.sleep(wait_s)
            self._began_s, self._done = self._clock.monotonic_s(), 0
        await self._workers.wait_for_listeners()
