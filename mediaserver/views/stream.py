"""What one connection is still to be told: a bounded queue, and the person's permit, asked again and again.

Whoever publishes never waits: a connection that does not keep up loses what waits for it, and is told so by `reset`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, Literal, NamedTuple

from mediaserver.accounts.permits import Viewer
from mediaserver.core.clock import Clock
from mediaserver.core.errors import Unavailable
from mediaserver.views.ring import Ring, Told, Waiting

MOST_WAITING = 256
_AT_ONCE = 32
_PERMIT_HOLDS_S = 1.0
"""So long after it was seen a permit is taken to hold; what ends in this process is told at once."""

Again = Callable[[], Awaitable[Viewer | None]]
Reason = Literal["revoked", "stopping", "gone"]


class Message(NamedTuple):
    """What is to be sent: an event, or one of `ready` (from here on everything is told), `reset` (something was
    missed: load anew), `beat` (nothing happened) and `end` (with the reason; the last one)."""

    kind: str
    id: str = ""
    data: Any = None
    told: Told | None = None
    """The event, as all connections share it."""


class Stream:
    """One connection's. `again()` tells who the person is now, None for one whose session or token has ended."""

    def __init__(
        self, viewer: Viewer, again: Again, ring: Ring, clock: Clock, *, after: str | None, kinds: Collection[str]
    ) -> None:
        self.viewer = viewer
        self.kinds = frozenset(kinds)
        self.ended: Reason | None = None
        self.on_end: Callable[[], None] = lambda: None
        """Called when it ends, also while what was taken last is still being sent."""
        self._again = again
        self._ring = ring
        self._clock = clock
        self._seen_s = clock.monotonic_s()
        self._waiting = Waiting()
        self._wake = asyncio.Event()
        self._wake.set()
        self._has_to_beat = False
        missed = None if after is None else ring.since(after)
        begins = ring.id(ring.number) if after is None or missed is None else after
        self._first: Message | None = Message("ready" if after is None or missed is not None else "reset", begins)
        for told in missed or ():
            self.offer(told)

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, told: Told) -> None:
        """To be told, if it is of the kinds that were asked for. Never waits."""
        if told.kind not in self.kinds or self.ended is not None:
            return
        self._waiting.put(told)
        if len(self._waiting) > MOST_WAITING:
            self.lose()
        self._wake.set()

    def lose(self) -> None:
        """What waits is lost, or something was never told: it has to load anew."""
        self._waiting.clear()
        self._first = Message("reset", self._ring.id(self._ring.number))
        self._wake.set()

    def beat(self) -> None:
        """A sign of life, where there is nothing else to say; the permit is asked for too."""
        self._has_to_beat = True
        self.doubt()

    def doubt(self) -> None:
        """Something of this person's permit has changed: ask before anything more is told."""
        self._seen_s = float("-inf")
        self._wake.set()

    def end(self, reason: Reason) -> None:
        """Nothing more is told but this."""
        if self.ended is None:
            self.ended = reason
            self._waiting.clear()
            self._wake.set()
            self.on_end()

    async def next(self) -> list[Message]:
        """What is to be sent now, some of it at once; waits until there is something. Ends with `end`."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self.ended is None and self._clock.monotonic_s() - self._seen_s > _PERMIT_HOLDS_S:
                await self._look()
            if self.ended is not None:
                return [Message("end", data=self.ended)]
            messages = self._taken()
            if self._waiting:
                self._wake.set()
            if messages:
                self._has_to_beat = False
                return messages

    async def _look(self) -> None:
        asked_s = self._seen_s = self._clock.monotonic_s()
        try:
            viewer = await self._again()
        except Unavailable:  # nobody can have ended it meanwhile
            return
        if viewer is None:
            self.end("revoked")
        else:
            self.viewer = viewer
        if self._seen_s != asked_s:  # doubted while it was asked
            self._wake.set()

    def _taken(self) -> list[Message]:
        messages = [self._first] if self._first is not None else []
        self._first = None
        while self._waiting and len(messages) < _AT_ONCE:
            told = self._waiting.take()
            data = told.shown_to(self.viewer)
            if data is not None:
                messages.append(Message(told.kind, self._ring.id(told.number), data, told))
        if not messages and self._has_to_beat and not self._waiting:
            return [Message("beat")]
        return messages
