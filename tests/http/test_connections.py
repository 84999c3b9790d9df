"""Bounds of connections: deadlines, crowds, and who gives way. A small application behind the gate of the real one."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import msgspec
import pytest
from aiohttp import web

from mediaserver.http.base import body, problems
from mediaserver.http.base.connections import LIMITS, Gate, Limits, Runner, within
from mediaserver.http.base.listening import Site, on_loop_error, open_sockets

LIMIT_S = 20.0
HEAD = b"POST /body HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"


class Anything(msgspec.Struct):
    name: str = ""


@dataclass(frozen=True, slots=True)
class Door:
    port: int
    gate: Gate
    may_answer: asyncio.Event

    async def connect(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        return reader, writer

    async def until(self, is_so: Callable[[], bool]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not is_so():
                await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(limits: Limits, trusts: Callable[[str], bool] = lambda peer: False) -> AsyncIterator[Door]:
    may_answer = asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        await may_answer.wait()
        return web.Response(text="at last")

    async def quick(request: web.Request) -> web.Response:
        return web.Response(text="here")

    async def take(request: web.Request) -> web.Response:
        await body.read(request, Anything)
        return web.Response()

    async def endless(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(bytes(65536))

    app = web.Application(middlewares=[problems.middleware])
    ways = [web.get("/slow", slow), web.get("/quick", quick), web.get("/endless", endless), web.post("/body", take)]
    app.add_routes(ways)
    runner = Runner(app, trusts, limits, shutdown_timeout=1)
    await runner.setup()
    (socket,) = open_sockets("127.0.0.1", 0)
    await Site(runner, socket).start()
    assert isinstance(runner.server, Gate)
    try:
        yield Door(socket.getsockname()[1], runner.server, may_answer)
    finally:
        await runner.cleanup()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(LIMIT_S):
            return await reader.read(65536) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("sent", [b"", b"GET /quick HTTP/1.1\r\nHost: x\r\nX-A: "])
async def test_who_sends_no_whole_request_in_time_is_let_go(sent: bytes) -> None:
    async with opened(Limits(first_request_s=0.3)) as door:
        reader, writer = await door.connect(sent)
        assert await is_closed(reader)
        writer.close()
        await door.until(lambda: door.gate.count == 0)


async def test_bytes_that_trickle_in_do_not_put_the_end_off() -> None:
    async with opened(Limits(first_request_s=0.5)) as door:
        reader, writer = await door.connect(b"GET /quick HTTP/1.1\r\nHost: x\r\n")

        async def trickle() -> None:
            while True:
                writer.write(b"X-A: a\r\n")
                await asyncio.sleep(0.05)

        trickling = asyncio.create_task(trickle())
        assert await is_closed(reader)
        trickling.cancel()


async def test_after_an_answer_the_next_request_has_its_own_end() -> None:
    async with opened(Limits(first_request_s=0.5, idle_s=2.0)) as door:
        reader, writer = await door.connect(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.6)  # longer than a first request may take
        writer.write(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
        writer.write(b"GET /quick HTTP/1.1\r\nHost: x\r\nX-A: ")
        assert await is_closed(reader)


async def test_a_body_that_comes_too_slowly_is_refused_in_words() -> None:
    async with opened(Limits(body_s=0.3)) as door:
        reader, writer = await door.connect(HEAD + b"{")
        async with asyncio.timeout(LIMIT_S):
            answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 408")
        assert b"too slowly" in answer
        writer.close()


async def test_a_body_that_nobody_reads_is_not_waited_for_long() -> None:
    async with opened(Limits(drain_s=0.3)) as door:
        reader, writer = await door.connect(HEAD.replace(b"/body", b"/nowhere") + b"{")
        async with asyncio.timeout(LIMIT_S):
            assert (await reader.read()).startswith(b"HTTP/1.1 404")
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /quick HTTP/1.1\r\nHost: x\r\nX-A: ", HEAD + b"{"])
async def test_in_a_crowd_the_one_that_has_waited_longest_gives_way(sent: bytes) -> None:
    async with opened(Limits(most=20)) as door:
        crowd = []
        for n in range(20):
            crowd.append(await door.connect(sent))
            await door.until(lambda n=n: door.gate.count == n + 1)  # type: ignore[misc]
        reader, writer = await door.connect(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
        assert await is_closed(crowd[0][0])
        assert door.gate.count == 20
        writer.close()


async def test_who_is_being_answered_is_never_cut_off() -> None:
    async with opened(Limits(most=5)) as door:
        served = [await door.connect(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(5)]
        await door.until(lambda: sum(not one.is_waiting for one in door.gate.connections) == 5)  # type: ignore[attr-defined]
        refused = [(await door.connect(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n"))[0] for _ in range(10)]
        for reader in refused:
            assert await is_closed(reader)
        door.may_answer.set()
        for reader, _ in served:
            assert (await reader.readuntil(b"at last")).startswith(b"HTTP/1.1 200")


async def test_one_address_has_its_own_bound_and_a_trusted_proxy_has_none() -> None:
    limits = Limits(most=50, most_of_one_address=5)
    async with opened(limits) as door:
        crowd = [await door.connect() for _ in range(12)]
        await door.until(lambda: door.gate.count == 5)
        assert await is_closed(crowd[0][0])
    async with opened(limits, lambda peer: peer == "127.0.0.1") as door:
        crowd = [await door.connect() for _ in range(12)]
        await door.until(lambda: door.gate.count == 12)


@pytest.mark.parametrize("sent", [HEAD + b"{", b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n"])
@pytest.mark.parametrize("is_reset", [False, True])
async def test_who_leaves_in_the_midst_is_no_failure_of_the_server(
    sent: bytes, is_reset: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    async with opened(LIMITS) as door:
        _, writer = await door.connect(sent)
        await writer.drain()
        await door.until(lambda: door.gate.count == 1)
        if is_reset:
            option = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, option)
        writer.close()
        await door.until(lambda: door.gate.count == 0)
        reader, writer = await door.connect(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
        assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
        writer.close()
    assert [record.getMessage() for record in caplog.records if record.levelname not in ("INFO", "DEBUG")] == []
    assert any(" 499 " in record.getMessage() for record in caplog.records)


def test_where_few_files_may_be_open_fewer_connections_are_kept() -> None:
    assert within(8192) == LIMITS
    assert (within(1024).most, within(1024).most_of_one_address) == (462, 200)
    assert (within(128).most, within(128).most_of_one_address) == (14, 9)
    assert within(10).most == 10
    assert (within(1024).most_waiting, within(128).most_waiting, within(10).most_waiting) == (200, 7, 5)


async def test_only_a_socket_that_listens_is_spoken_of_briefly_when_files_run_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def fail() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    loop = asyncio.get_running_loop()
    loop.set_exception_handler(on_loop_error)
    task = loop.create_task(fail())
    await asyncio.wait([task])
    del task
    gc.collect()
    (told,) = caplog.records
    assert (told.name, told.levelname) == ("asyncio", "ERROR")
    assert told.exc_info, "with its traceback"
    error = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    with socket.socket() as opened:
        on_loop_error(loop, {"message": "socket.accept() out of system resource", "exception": error, "socket": opened})
    assert caplog.records[-1].getMessage() == "nobody more can be let in for now: too many open files"
