"""What happens in the house, told to whoever listens: as much of it as each may know.

The one reader of the bus on behalf of connections. Changes of the library are gathered for a moment, so that a scan of
twenty thousand files is told in hundreds of events, not in tens of thousands. While nobody listens nothing wakes up.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, TypeVar

from mediaserver.accounts.permits import Viewer
from mediaserver.core.clock import Clock
from mediaserver.core.errors import Unavailable
from mediaserver.core.events import AccessChanged, CatalogChanged, DeviceChanged, Event, EventBus, ScanProgressed
from mediaserver.core.units import AlbumId, TrackId, UserId
from mediaserver.library.status import ScanStatus
from mediaserver.views.administration import Administration
from mediaserver.views.ring import KINDS, Kind, Ring, Told
from mediaserver.views.stream import Again, Message, Stream

__all__ = ["KINDS", "DeviceChange", "Kind", "LibraryChange", "Live", "Message", "ScanStatus", "Stream", "Told"]

log = logging.getLogger(__name__)

MOST = 150
"""Streams in sum; fewer than the connections of one address, for a whole family may come by one."""
MOST_OF_ONE = 30
MOST_ALBUMS, MOST_TRACKS = 100, 400
BEAT_S = 15.0
GATHER_S = 0.3
_BUS_LIMIT = 4096

E = TypeVar("E", bound=Event)
Id = TypeVar("Id", AlbumId, TrackId)


@dataclass(frozen=True, slots=True)
class LibraryChange:
    """None stands for more than can be named."""

    albums: tuple[AlbumId, ...] | None
    tracks: tuple[TrackId, ...] | None


@dataclass(frozen=True, slots=True)
class DeviceChange:
    user_id: UserId
    device: Literal["session", "token"]
    id: int
    change: Literal["begun", "ended"]


@dataclass(frozen=True, slots=True)
class Warnings:
    warnings: tuple[str, ...]


class Live:
    """`beat_s` and `gather_s`: how often a stream that is silent shows that it lives, and for how long changes of the
    library are gathered."""

    def __init__(
        self,
        administration: Administration,
        events: EventBus,
        clock: Clock,
        *,
        beat_s: float = BEAT_S,
        gather_s: float = GATHER_S,
    ) -> None:
        self.streams: set[Stream] = set()
        self.ring = Ring()
        self.warnings: Callable[[], Sequence[str]] = administration.warnings
        """What to look after, for everybody."""
        self._administration = administration
        self._events = events
        self._clock = clock
        self._beat_s, self._gather_s = beat_s, gather_s
        self._albums: set[AlbumId] = set()
        self._tracks: set[TrackId] = set()
        self._warned: tuple[str, ...] = ()
        self._gathering: asyncio.TimerHandle | None = None
        self._beating: asyncio.TimerHandle | None = None
        self._cancels: list[Callable[[], None]] = []
        self._is_closed = False

    def open(self) -> None:
        """From now on what happens is kept, also while nobody listens."""
        self._subscribe(ScanProgressed, self._scanned)
        self._subscribe(CatalogChanged, self._changed)
        self._subscribe(DeviceChanged, self._device)
        self._subscribe(AccessChanged, self._access)

    def close(self) -> None:
        """End every stream at once; none begins any more."""
        self._is_closed = True
        for cancel in self._cancels:
            cancel()
        for timer in (self._gathering, self._beating):
            if timer is not None:
                timer.cancel()
        for stream in list(self.streams):
            stream.end("stopping")

    @contextmanager
    def listening(
        self, viewer: Viewer, again: Again, *, after: str | None = None, kinds: Collection[str] = KINDS
    ) -> Iterator[Stream]:
        """A stream from now on, or from behind the event `after`; see Stream for `again`.

        Raises Unavailable where too many are open already, or the server is stopping.
        """
        if self._is_closed:
            raise Unavailable("the server is stopping")
        if len(self.streams) >= MOST:
            raise Unavailable("too many streams of events are open", retry_after_s=60)
        if Counter(one.viewer.user_id for one in self.streams)[viewer.user_id] >= MOST_OF_ONE:
            raise Unavailable(f"you have {MOST_OF_ONE} streams of events open already: close some", retry_after_s=60)
        stream = Stream(viewer, again, self.ring, self._clock, after=after, kinds=kinds)
        self.streams.add(stream)
        if self._beating is None:
            self._warned = tuple(self.warnings())
            self._beating = asyncio.get_running_loop().call_later(self._beat_s, self._beat)
        try:
            yield stream
        finally:
            self.streams.discard(stream)
            stream.end("gone")

    def tell(self, kind: Kind, data: object, *, public: object | None = None, owner: UserId | None = None) -> None:
        """Everybody who may know: `data` is for administrators and `owner`, `public` for the rest. Never waits."""
        told = self.ring.put(kind, data, public=public, owner=owner)
        for stream in self.streams:
            stream.offer(told)

    def doubt(self) -> None:
        """Every stream asks anew whether its viewer may still listen: something may have changed that told nobody."""
        for stream in self.streams:
            stream.doubt()

    def _subscribe(self, kind: type[E], handler: Callable[[E], None]) -> None:
        async def hear(event: E) -> None:
            handler(event)

        name = f"live:{kind.__name__}"
        self._cancels.append(self._events.subscribe(kind, hear, name=name, limit=_BUS_LIMIT, on_loss=self._lost))

    def _lost(self) -> None:
        self.ring.lose()
        for stream in self.streams:
            stream.lose()
        self.doubt()

    def _scanned(self, event: ScanProgressed) -> None:
        status = self._administration.scan_now()
        self.tell("scan", status, public=self._administration.without_folders(status))

    def _changed(self, event: CatalogChanged) -> None:
        self._albums |= event.albums
        self._tracks |= event.tracks
        if self._gathering is None:
            self._gathering = asyncio.get_running_loop().call_later(self._gather_s, self._gathered)

    def _gathered(self) -> None:
        change = LibraryChange(_named(self._albums, MOST_ALBUMS), _named(self._tracks, MOST_TRACKS))
        self._albums, self._tracks, self._gathering = set(), set(), None
        self.tell("library", change, public=change)

    def _device(self, event: DeviceChanged) -> None:
        change = DeviceChange(event.user_id, event.device, event.device_id, "begun" if event.is_open else "ended")
        self.tell("device", change, owner=event.user_id)

    def _access(self, event: AccessChanged) -> None:
        for stream in self.streams:
            if stream.viewer.user_id == event.user_id:
                stream.doubt()

    def _beat(self) -> None:
        self._beating = None
        if not self.streams:
            return
        self._beating = asyncio.get_running_loop().call_later(self._beat_s, self._beat)
        warned = tuple(self.warnings())
        if warned != self._warned:
            self._warned = warned
            self.tell("health", Warnings(warned), public=Warnings(warned))
        for stream in self.streams:
            stream.beat()


def _named(ids: set[Id], most: int) -> tuple[Id, ...] | None:
    return tuple(sorted(ids)) if len(ids) <= most else None
