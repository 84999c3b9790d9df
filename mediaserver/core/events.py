"""Facts that have happened, and the bus that tells them to whoever asked.

An event is published only after its transaction has committed (`storage.database.Transaction.after_commit`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from mediaserver.core.units import AlbumId, TrackId, UserId

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Event:
    """Base class; subclasses are frozen dataclasses of ids and numbers, never of rows."""


@dataclass(frozen=True, slots=True)
class LibraryChanged(Event):
    """A scan has committed changes to the catalogue."""

    added: int
    changed: int
    missing: int


@dataclass(frozen=True, slots=True)
class CatalogChanged(Event):
    """These are new, changed, missing or back: one batch of a scan or a look, as it was committed."""

    albums: frozenset[AlbumId]
    tracks: frozenset[TrackId]


@dataclass(frozen=True, slots=True)
class ScanProgressed(Event):
    """How a scan stands: when it begins, at most every 0.4 s while it runs, when it has ended, and once idle again."""

    is_running: bool
    files_seen: int
    files_read: int
    files_to_read: int
    """Grows while folder after folder is looked at."""
    added: int
    changed: int
    missing: int
    problems: int


@dataclass(frozen=True, slots=True)
class AccessChanged(Event):
    """What this person may do has changed: permit, password, session, token or removal."""

    user_id: UserId


@dataclass(frozen=True, slots=True)
class DeviceChanged(Event):
    """A browser was signed in or out, a token made or revoked."""

    user_id: UserId
    device: Literal["session", "token"]
    device_id: int
    is_open: bool


@dataclass(frozen=True, slots=True)
class SignInFailed(Event):
    """A name or password was wrong; nobody is named."""


E = TypeVar("E", bound=Event)
Handler = Callable[[E], Awaitable[None]]


@dataclass(eq=False)
class _Listener(Generic[E]):
    """One listener: its own queue, its own task, its own failures."""

    kind: type[E]
    handler: Handler[E]
    name: str
    limit: int
    time_limit_s: float
    on_loss: Callable[[], None] | None
    queue: asyncio.Queue[E] = field(init=False)
    dropped: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        self.queue = asyncio.Queue(self.limit)

    def offer(self, event: E) -> None:
        """Queue `event`; when full, drop the oldest and count it (a lagging listener must read anew)."""
        if self.queue.full():
            self.queue.get_nowait()
            self.dropped += 1
            if self.on_loss is not None:
                self.on_loss()
        self.queue.put_nowait(event)

    async def run(self) -> None:
        """Deliver in order, for ever; a failure is logged and counted, never passed on."""
        while True:
            event = await self.queue.get()
            try:
                async with asyncio.timeout(self.time_limit_s):
                    await self.handler(event)
            except Exception:
                self.failed += 1
                log.exception("listener %s failed on %s", self.name, type(event).__name__)


class EventBus:
    """In-process publish and subscribe, typed by event class. Each listener has a queue, a task and a time limit."""

    def __init__(self) -> None:
        self._listeners: dict[_Listener[Any], asyncio.Task[None]] = {}

    def subscribe(
        self,
        kind: type[E],
        handler: Handler[E],
        *,
        name: str,
        limit: int = 256,
        time_limit_s: float = 30.0,
        on_loss: Callable[[], None] | None = None,
    ) -> Callable[[], None]:
        """Call `handler` for every `kind` (or subclass of it); returns the function that ends it.

        `on_loss` is called whenever one that waited was dropped, because the handler lagged behind.
        """
        listener = _Listener(kind, handler, name, limit, time_limit_s, on_loss)
        task = asyncio.create_task(listener.run(), name=f"event:{name}")
        self._listeners[listener] = task

        def cancel() -> None:
            self._listeners.pop(listener, None)
            task.cancel()

        return cancel

    def publish(self, event: Event) -> None:
        """Hand `event` to every interested listener; never waits and never raises."""
        for listener in self._listeners:
            if isinstance(event, listener.kind):
                listener.offer(event)

    async def close(self) -> None:
        """End every listener and wait for their tasks."""
        tasks = list(self._listeners.values())
        self._listeners.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
