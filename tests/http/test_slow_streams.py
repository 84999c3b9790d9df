"""A phone that takes nothing: the others hear everything in time, memory stays bounded, and streams are never idle."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from mediaserver.accounts.permits import Viewer
from mediaserver.core.events import EventBus
from mediaserver.core.units import UserId
from mediaserver.http.api import events
from mediaserver.http.base import auth
from mediaserver.http.base.connections import Gate, Limits, Runner
from mediaserver.http.base.listening import Site, open_sockets
from mediaserver.views.administration import Administration
from mediaserver.views.live import LibraryChange, Live
from mediaserver.views.stream import MOST_WAITING
from tests.clock import FakeClock

LIMIT_S = 60.0
ASK = b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n"
ASK_BY_SOCKET = (
    b"GET /api/v1/events/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Calm(Administration):
    """Nothing is the matter."""

    def __init__(self) -> None:
        pass

    def warnings(self) -> list[str]:
        return []


@dataclass(frozen=True, slots=True)
class Door:
    port: int
    gate: Gate
    live: Live
    wrote: list[int]

    async def connect(self, sent: bytes = ASK) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**22)
        writer.write(sent)
        async with asyncio.timeout(LIMIT_S):
            await reader.readuntil(b"ready")
        return reader, writer

    def deaf(self, sent: bytes) -> socket.socket:
        """A peer with a tiny buffer that reads nothing."""
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        made.connect(("127.0.0.1", self.port))
        made.sendall(sent)
        return made

    def tell(self, n: int) -> None:
        change = LibraryChange(None, (n,))  # type: ignore[arg-type]
        self.live.tell("library", change, public=change)


@asynccontextmanager
async def opened(limits: Limits | None = None, *, beat_s: float = 15.0) -> AsyncIterator[Door]:
    """The door of events alone, for everybody, behind the gate of the real server."""

    @web.middleware
    async def anybody(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        who = UserId(int(request.headers.get("X-Who", id(request) % 2**40)))
        viewer = Viewer(who, "", is_admin=False, max_rank=99, grant="", is_session=False)

        async def again() -> Viewer:
            return viewer

        request[auth.VIEWER], request[auth.HOST] = viewer, "x"
        request[auth.CREDENTIAL] = auth.Credential(again)
        return await handler(request)

    live = Live(Calm(), EventBus(), FakeClock(), beat_s=beat_s)
    app = web.Application(middlewares=[anybody])
    app.add_routes(events.routes(live))
    runner = Runner(app, lambda peer: False, limits or Limits(), shutdown_timeout=4)
    await runner.setup()
    (at,) = open_sockets("127.0.0.1", 0)
    at.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)  # what the kernel would hide is to be seen here
    await Site(runner, at).start()
    try:
        yield Door(at.getsockname()[1], cast(Gate, runner.server), live, [])
    finally:
        live.close()
        await runner.cleanup()


def buffered_bytes(door: Door) -> int:
    """Of all that waits in the server's own buffers."""
    return sum(one.transport.get_write_buffer_size() for one in door.gate.connections if one.transport is not None)


def read_on(deaf: socket.socket, until: bytes) -> bytes:
    """What a deaf peer finds once it reads."""
    deaf.settimeout(LIMIT_S)
    heard = b""
    while until not in heard:
        more = deaf.recv(65536)
        assert more, heard[-200:]
        heard += more
    return heard


async def test_50_listen_one_never_reads_and_the_others_get_10_000_events_in_order() -> None:
    count, batch = 10_000, 100
    async with opened() as door:
        ears = [await door.connect() for _ in range(49)]
        deaf = door.deaf(ASK)
        while len(door.live.streams) < 50:
            await asyncio.sleep(0.01)
        heard = [0] * len(ears)
        progress = asyncio.Condition()

        async def listen(n: int) -> None:
            reader = ears[n][0]
            expected = 0
            while expected < count:
                line = await reader.readline()
                assert not line.startswith(b"event: reset")
                if line.startswith(b'data: {"albums'):
                    assert line.endswith(b"[%d]}\n" % expected), (line, expected)
                    expected += 1
                    heard[n] = expected
                    if expected % batch == 0:
                        async with progress:
                            progress.notify_all()

        listeners = [asyncio.create_task(listen(n)) for n in range(len(ears))]
        longest_s, most_waiting, most_buffered = 0.0, 0, 0
        async with asyncio.timeout(4 * LIMIT_S):
            for start in range(0, count, batch):
                began = time.perf_counter()
                for n in range(start, start + batch):
                    door.tell(n)
                longest_s = max(longest_s, (time.perf_counter() - began) / batch)
                most_waiting = max(most_waiting, *(len(stream) for stream in door.live.streams))
                async with progress:
                    # Those who read are not held up by the one who does not.
                    await progress.wait_for(lambda now=start + batch: min(heard) >= now)  # type: ignore[misc]
                most_buffered = max(most_buffered, buffered_bytes(door))
            await asyncio.gather(*listeners)
        took = f"publishing took at most {longest_s * 1e6:.0f} us an event for 50"
        print(f"\n{took}, {most_waiting} waited, {most_buffered / 1000:.0f} kB were in buffers")
        assert longest_s < 0.02
        assert batch < most_waiting <= MOST_WAITING
        assert 0 < most_buffered < 256 * 1024
        late = await asyncio.to_thread(read_on, deaf, b"[9999]}\n\n")
        assert b"event: reset" in late
        deaf.close()
        for _, writer in ears:
            writer.close()


async def test_who_takes_nothing_does_not_keep_the_server_from_stopping() -> None:
    async with opened() as door:
        deaf = [door.deaf(ask) for ask in (ASK, ASK_BY_SOCKET) for _ in range(10)]
        while len(door.live.streams) < len(deaf):
            await asyncio.sleep(0.01)
        for n in range(10_000):
            door.tell(n)
            if n % 100 == 0:
                await asyncio.sleep(0)
        assert {0} != {len(stream) for stream in door.live.streams}  # they really are held up
        assert max(len(stream) for stream in door.live.streams) <= MOST_WAITING
        began = time.monotonic()
        door.live.close()
        async with asyncio.timeout(LIMIT_S):
            while door.live.streams:
                await asyncio.sleep(0.01)
        assert time.monotonic() - began < 4
    for one in deaf:
        one.close()


async def test_a_stream_is_never_idle_however_many_come_and_however_long_it_says_nothing() -> None:
    limits = Limits(most=20, most_of_one_address=20, first_request_s=0.2, idle_s=0.2)
    async with opened(limits, beat_s=0.3) as door:
        ears = [await door.connect(ask) for ask in (ASK, ASK_BY_SOCKET) for _ in range(5)]
        for _ in range(40):  # a crowd, of which the oldest gives way each time
            await asyncio.open_connection("127.0.0.1", door.port)
        beats = 0
        async with asyncio.timeout(LIMIT_S):
            while beats < 4:  # six times as long as an idle one may
                beats += (await ears[0][0].readline()) == b":\n"
        assert len(door.live.streams) == 10
        door.tell(7)
        for reader, _ in ears:
            async with asyncio.timeout(LIMIT_S):
                await reader.readuntil(b"[7]}")
        for _, writer in ears:
            writer.close()
        async with asyncio.timeout(LIMIT_S):  # and is forgotten as soon as its peer goes
            while door.live.streams:
                await asyncio.sleep(0.01)
