"""GET events: what happens in the house, as Server-Sent Events and by WebSocket, the same with the same ids."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from typing import Annotated, Any, Literal

import msgspec
from aiohttp import WSMsgType, web
from msgspec import Meta

from mediaserver.accounts.permits import Viewer
from mediaserver.core.errors import Forbidden, Invalid
from mediaserver.core.units import AlbumId, TrackId, UserId
from mediaserver.http.api.scan import ScanStatus
from mediaserver.http.base.auth import CREDENTIAL, check_origin
from mediaserver.http.base.connections import Connection
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.shapes import Query, Shape, told
from mediaserver.views.live import KINDS, Live, Message, Stream, Told

_STALLED_S = 60.0
"""Who takes nothing for so long is let go, and may go on later from the last id."""
_LAST_WORDS_S = 0.5
"""How long a stream that has ended may take for what is on its way."""
_AGAIN_MS = 3000
_PING_S = 20.0
_CLOSE_S = 1.0
_LONGEST_RECEIVED = 4096
_BUFFER_BYTES = 65536
_CODES = {"revoked": 4401, "stopping": 1001, "gone": 1001}
_WORDS = {"revoked": "the session or token has ended", "stopping": "the server is stopping", "gone": ""}
_HEADERS = {"Cache-Control": "no-store", "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
_ENCODER = msgspec.json.Encoder()

EventId = Annotated[str, Meta(description="to go on behind it: EPOCH-NUMBER", examples=["5f0c2a91-42"])]


class LibraryChange(Shape):
    """What is new, changed, missing or back."""

    albums: Annotated[list[AlbumId] | None, Meta(description="null for too many to name", examples=[[7]])]
    tracks: Annotated[list[TrackId] | None, Meta(description="null for too many to name", examples=[[12, 13]])]


class DeviceChange(Shape):
    """A session or token that was made or ended."""

    user_id: UserId
    device: Literal["session", "token"]
    id: int
    change: Literal["begun", "ended"]


class HealthWarnings(Shape):
    """What there is to be looked after."""

    warnings: Annotated[list[str], Meta(description="as /healthz has them", examples=[[]])]


class EndReason(Shape):
    """Why a stream ends."""

    reason: Annotated[Literal["revoked", "stopping"], Meta(description="`revoked`: sign in anew")]


class Ready(Shape, tag_field="type", tag="ready"):
    """The first of a stream: from here on all is told."""

    id: EventId


class Reset(Shape, tag_field="type", tag="reset"):
    """Something was missed: load anew what is shown. All is told from here on."""

    id: EventId


class Scan(Shape, tag_field="type", tag="scan"):
    """How the scan stands; where several wait, only the newest comes."""

    id: EventId
    data: ScanStatus


class Library(Shape, tag_field="type", tag="library"):
    """The catalogue has changed."""

    id: EventId
    data: LibraryChange


class Device(Shape, tag_field="type", tag="device"):
    """Own sessions and tokens; for administrators everybody's."""

    id: EventId
    data: DeviceChange


class HealthChanged(Shape, tag_field="type", tag="health"):
    """The warnings have changed."""

    id: EventId
    data: HealthWarnings


class End(Shape, tag_field="type", tag="end"):
    """The last of a stream."""

    data: EndReason


Event = Ready | Reset | Scan | Library | Device | HealthChanged | End
_SHAPES: dict[str, tuple[type[Shape], type[Shape]]] = {
    "scan": (Scan, ScanStatus),
    "library": (Library, LibraryChange),
    "device": (Device, DeviceChange),
    "health": (HealthChanged, HealthWarnings),
}


class EventsAsked(Query):
    types: Annotated[str, told("only these, with commas between: " + ", ".join(KINDS), examples=["scan,library"])] = ""
    last_event_id: Annotated[
        str, told("go on behind this event, as the header `Last-Event-ID`, which wins", examples=["5f0c2a91-42"])
    ] = ""


def routes(live: Live) -> list[Endpoint]:
    door = Door("Events", "What happens, told as it happens.")

    @door("GET /api/v1/events", content=["text/event-stream"], shape=Event, raises=[Forbidden])
    async def events(request: web.Request, viewer: Viewer, query: EventsAsked) -> web.StreamResponse:
        """What happens, as Server-Sent Events.

        Each has `event` (the type), `id` and `data` (JSON), and a comment comes every 15 s when there is nothing else.
        Without `last_event_id` it begins now. After `reset`, load anew what is shown.
        """
        kinds, after = _asked(request, query)
        response = web.StreamResponse(headers=_HEADERS)
        if request.method == "HEAD":
            return response
        check_origin(request)
        with live.listening(viewer, request[CREDENTIAL].viewer, after=after, kinds=kinds) as stream:
            await response.prepare(request)
            with _noticing(request, stream):
                if await _send_all(request, stream, lambda messages: response.write(b"".join(map(_sse, messages)))):
                    await _last(request, response.write_eof())
        return response

    @door("GET /api/v1/events/ws", status=101, content=["application/json"], shape=Event, raises=[Forbidden])
    async def events_by_websocket(request: web.Request, viewer: Viewer, query: EventsAsked) -> web.StreamResponse:
        """The same by WebSocket, one JSON object for each message; what the client sends is ignored.

        Close codes: 4401 where the session or token has ended, 1001 where the server stops, 1009 for a message of more
        than 4 kB.
        """
        kinds, after = _asked(request, query)
        check_origin(request)
        socket = web.WebSocketResponse(
            heartbeat=_PING_S,
            timeout=_CLOSE_S,
            max_msg_size=_LONGEST_RECEIVED,
            compress=False,
            writer_limit=_BUFFER_BYTES,
        )
        if request.method == "HEAD" or not socket.can_prepare(request):
            raise Invalid("this address speaks WebSocket alone; `/api/v1/events` has the same for others")
        with live.listening(viewer, request[CREDENTIAL].viewer, after=after, kinds=kinds) as stream:
            await socket.prepare(request)

            async def send(messages: list[Message]) -> None:
                for one in messages:
                    if one.kind != "beat":  # it has pings of its own
                        await socket.send_frame(_json(one), WSMsgType.TEXT)

            with _noticing(request, stream):
                async with _reading(socket, stream):
                    is_there = await _send_all(request, stream, send)
                if is_there and stream.ended is not None:
                    words = _WORDS[stream.ended].encode()
                    await _last(request, socket.close(code=_CODES[stream.ended], message=words))
        return socket

    return door.endpoints


def _asked(request: web.Request, query: EventsAsked) -> tuple[list[str], str | None]:
    """Kinds, and behind which event to go on. Raises Invalid."""
    kinds = [one.strip() for one in query.types.split(",") if one.strip()] or list(KINDS)
    if any(one not in KINDS for one in kinds):
        raise Invalid(f"types are some of {', '.join(KINDS)}, with commas between", field="types")
    return kinds, request.headers.get("Last-Event-ID") or query.last_event_id or None


async def _send_all(request: web.Request, stream: Stream, send: Callable[[list[Message]], Awaitable[None]]) -> bool:
    """Until the stream ends; whether the peer is still there and has taken all of it."""
    loop = asyncio.get_running_loop()
    while True:
        messages = await stream.next()
        if stream.ended == "gone":
            return False
        is_last = messages[-1].kind == "end"
        try:
            async with asyncio.timeout(_LAST_WORDS_S if is_last else _STALLED_S) as limit:

                def hurry(limit: asyncio.Timeout = limit) -> None:
                    limit.reschedule(loop.time() + _LAST_WORDS_S)

                stream.on_end = hurry
                try:
                    await send(messages)
                finally:
                    stream.on_end = lambda: None
        except TimeoutError:
            _abort(request)
            return False
        except ConnectionError:
            return False
        if is_last:
            return True


async def _last(request: web.Request, ending: Coroutine[Any, Any, object]) -> None:
    try:
        async with asyncio.timeout(_CLOSE_S + _LAST_WORDS_S):
            await ending
    except (TimeoutError, ConnectionError):
        _abort(request)


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


@contextmanager
def _noticing(request: web.Request, stream: Stream) -> Iterator[None]:
    """The stream ends as soon as the connection does, not with the next thing to be said."""
    connection = request.protocol
    if not isinstance(connection, Connection):
        yield
        return
    connection.on_lost = lambda: stream.end("gone")
    try:
        if request.transport is None:
            stream.end("gone")
        yield
    finally:
        connection.on_lost = None


@asynccontextmanager
async def _reading(socket: web.WebSocketResponse, stream: Stream) -> AsyncIterator[None]:
    """Takes what the client sends, so that pings are answered and its closing is noticed.

    Left before we close: who reads meanwhile keeps aiohttp from waiting for the client's answer, and a connection that
    is reset may lose the code.
    """

    async def read() -> None:
        try:
            async for _ in socket:
                pass
        finally:
            stream.end("gone")

    reading = asyncio.create_task(read(), name="events:reading")
    try:
        yield
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


def _json(one: Message) -> bytes:
    """As one object."""
    if one.told is not None:
        return _encoded(one.told, one.id, is_whole=one.data is one.told.data)[0]
    if one.kind == "end":
        return _ENCODER.encode(End(EndReason(one.data)))
    return _ENCODER.encode(Ready(one.id) if one.kind == "ready" else Reset(one.id))


def _sse(one: Message) -> bytes:
    """As one event of a stream. Source: HTML Living Standard, 9.2 (server-sent events)."""
    if one.told is not None:
        return _encoded(one.told, one.id, is_whole=one.data is one.told.data)[1]
    match one.kind:
        case "beat":
            return b":\n\n"
        case "end":
            return b"event: end\ndata: " + _ENCODER.encode(EndReason(one.data)) + b"\n\n"
        case _:
            return f"retry: {_AGAIN_MS}\nid: {one.id}\nevent: {one.kind}\ndata: {{}}\n\n".encode()


@lru_cache(maxsize=64)
def _encoded(event: Told, id: str, *, is_whole: bool) -> tuple[bytes, bytes]:
    """As an object and as an event of a stream, made once for all connections."""
    outer, inner = _SHAPES[event.kind]
    data: Any = inner.of(event.data if is_whole else event.public)
    text = _ENCODER.encode(data)
    return (
        _ENCODER.encode(outer(id=id, data=data)),
        f"id: {id}\nevent: {event.kind}\ndata: ".encode() + text + b"\n\n",
    )
