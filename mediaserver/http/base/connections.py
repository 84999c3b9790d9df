"""Connections and their bounds: how many, how long a peer may keep one waiting, and what garbage is answered.

A flood costs strangers more than the house: where too many are open, the one that has kept us waiting longest is
closed, so that who has something to ask gets in. Who is being answered is never cut off.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any

from aiohttp import http_exceptions, web
from aiohttp.streams import EMPTY_PAYLOAD
from aiohttp.web_protocol import RequestHandler, _ErrInfo

from mediaserver.core.seldom import Seldom
from mediaserver.http.base import basepath, headers, problems

log = logging.getLogger(__name__)
_seldom = Seldom(log)

_STALLED_MS = 600_000
"""A peer that takes nothing for so long has gone, or never comes back; players ask for the rest by Range."""


@dataclass(frozen=True, slots=True)
class Limits:
    most: int = 600
    most_of_one_address: int = 200
    """Behind a router's or container's one address there may be a whole family."""
    most_waiting: int = 200
    """With TLS, of those that have said nothing yet or are shaking hands; they are not among `most` yet."""
    first_request_s: float = 20.0
    """For line and headers of the first request; browsers open connections ahead and do not mind losing them."""
    head_bytes: int = 65_536
    """For line and headers together; aiohttp's own bounds, of each and of their number, would let in a megabyte."""
    idle_s: float = 75.0
    """Between requests; nginx lets go of its own after 60 s."""
    body_s: float = 30.0
    """For a whole body: 1 MB over 300 kbit/s."""
    drain_s: float = 2.0
    """For what nobody wants, so that the answer is not lost in a reset; it is never inflated."""


LIMITS = Limits()
_FILES_OF_ITS_OWN, _FILES_OF_ONE = 100, 2


def within(files: int) -> Limits:
    """`LIMITS`, or fewer connections where no more than so many files may be open: music and database need theirs.

    An answer may hold a file beside its connection. Pure.
    """
    most = max(10, (files - _FILES_OF_ITS_OWN) // _FILES_OF_ONE)
    if most >= LIMITS.most:
        return LIMITS
    return replace(
        LIMITS,
        most=most,
        most_of_one_address=min(LIMITS.most_of_one_address, max(5, most * 2 // 3)),
        most_waiting=min(LIMITS.most_waiting, max(5, most // 2)),
    )


Trusts = Callable[[str], bool]


class Connection(RequestHandler):
    """One connection; aiohttp's, with a deadline for the first request and a plain answer to garbage."""

    __slots__ = ("_deadline", "_gate", "_head_bytes", "awaits_body", "limits", "on_lost", "peer")

    def __init__(self, gate: Gate, limits: Limits, **options: Any) -> None:
        super().__init__(gate, **options)
        self._gate = gate
        self.limits = limits
        self._deadline: asyncio.TimerHandle | None = None
        self._head_bytes = 0
        self.awaits_body = False
        self.on_lost: Callable[[], None] | None = None
        """Called when the peer is gone, by an answer that goes on for hours and would notice it late."""
        self.peer = ""

    @property
    def is_waiting(self) -> bool:
        """Whether the peer owes us something, not we the peer."""
        return self.awaits_body or not self._request_in_progress

    @property
    def waits_since_s(self) -> float:
        """When the wait for a request began; bytes that trickle in do not count."""
        return self._next_keepalive_close_time - self.limits.idle_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        address = transport.get_extra_info("peername")
        self.peer = str(address[0]) if isinstance(address, tuple) else ""
        opened = transport.get_extra_info("socket")
        if opened is not None and sys.platform == "linux":
            with suppress(OSError):
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _STALLED_MS)
        self._deadline = asyncio.get_running_loop().call_later(self.limits.first_request_s, self._overdue)
        self._gate.admit(self)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        waiter = self._waiter
        if waiter is None or waiter.done():  # a request is there: what comes is its body, or waits its turn
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.limits.head_bytes:
            error = http_exceptions.LineTooLong(b"", self.limits.head_bytes)
            self._messages.append((_ErrInfo(status=error.code, exc=error, message=""), EMPTY_PAYLOAD))
            waiter.set_result(None)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)
        self._gate.leave(self)
        if self.on_lost is not None:
            self.on_lost()

    def _overdue(self) -> None:
        self._deadline = None
        if self._request_count == 0:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """What came was no HTTP, or answering it failed: nothing of it is echoed, and one line in a while is logged."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        if isinstance(exc, http_exceptions.LineTooLong):
            status, detail = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the address or a header is too long"
        elif status < HTTPStatus.INTERNAL_SERVER_ERROR:
            detail = "this is no request that the server understands"
        else:
            detail = "the server made a mistake; its log says more"
        if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            _seldom.say(logging.INFO, "%s sent what is no HTTP request", self.peer)
        else:
            self.log_exception("", exc_info=exc)
        answer = problems.problem(status, detail)
        headers.put_on(answer)
        answer.force_close()
        return answer

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """aiohttp's own words would quote what was sent."""
        error = kw.get("exc_info")
        where = error.__traceback__ if isinstance(error, BaseException) else None
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        place = f"{where.tb_frame.f_code.co_filename}:{where.tb_lineno}" if where is not None else "an unknown place"
        _seldom.say(logging.ERROR, "an answer failed: %s at %s", type(error).__name__, place)


class Gate(web.Server):
    """All connections of the server."""

    def __init__(self, inner: web.Server, trusts: Trusts, limits: Limits, base_path: str, **options: Any) -> None:
        async def answer(request: web.BaseRequest) -> web.StreamResponse:
            try:
                return await inner.request_handler(request)
            except web.HTTPRedirection:
                raise
            except web.HTTPException as error:  # raised before the application's middlewares: an odd Expect
                return problems.of_http(error)

        super().__init__(answer, request_factory=basepath.requests_within(base_path, inner.request_factory))
        self._limits = limits
        self._options = options
        self._trusts = trusts
        self._by_peer: dict[str, set[Connection]] = {}
        self.count = 0

    def __call__(self) -> RequestHandler:
        return Connection(self, self._limits, loop=self._loop, **self._options)

    def admit(self, new: Connection) -> None:
        """Make room, or close the new one where everybody is being answered."""
        of_peer = self._by_peer.setdefault(new.peer, set())
        of_peer.add(new)
        self.count += 1
        # All that comes by a proxy has the proxy's address; it has bounds of its own.
        if len(of_peer) > self._limits.most_of_one_address and not self._trusts(new.peer):
            _seldom.say(logging.WARNING, "%s has too many connections: idle ones are closed", new.peer)
            self._close_one(of_peer)
        elif self.count > self._limits.most:
            _seldom.say(logging.WARNING, "more than %d connections: idle ones are closed", self._limits.most)
            self._close_one(one for some in self._by_peer.values() for one in some)

    def leave(self, gone: Connection) -> None:
        of_peer = self._by_peer.get(gone.peer, set())
        if gone in of_peer:
            of_peer.remove(gone)
            self.count -= 1
            if not of_peer:
                del self._by_peer[gone.peer]

    def abort(self) -> None:
        for one in [one for some in self._by_peer.values() for one in some]:
            if one.transport is not None:
                one.transport.abort()

    def _close_one(self, among: Iterable[Connection]) -> None:
        """The one that has waited longest; where none waits that is the newest, which has not asked yet."""
        longest = min((one for one in among if one.is_waiting), key=lambda one: one.waits_since_s)
        self.leave(longest)
        transport = longest.transport
        if transport is not None:
            transport.abort()


class Runner(web.AppRunner):
    """Runs the application behind a gate. `trusts(peer)` tells whether an address is a proxy of the house."""

    def __init__(
        self, app: web.Application, trusts: Trusts, limits: Limits = LIMITS, *, base_path: str = "", **options: Any
    ) -> None:
        super().__init__(app, handle_signals=False, **options)
        self._trusts = trusts
        self._limits = limits
        self._base_path = base_path
        self._gate: Gate | None = None

    @property
    def connections(self) -> int:
        """How many are open."""
        return self.server.count if isinstance(self.server, Gate) else 0

    def abort(self) -> None:
        """Cut off whoever is still connected after `cleanup`, or where that was broken off."""
        if self._gate is not None:
            self._gate.abort()

    async def _make_server(self) -> web.Server:
        options = {
            **self._kwargs,
            "auto_decompress": False,  # 972 kB may hold a gigabyte
            "lingering_time": self._limits.drain_s,
            "keepalive_timeout": self._limits.idle_s,
        }
        self._gate = Gate(await super()._make_server(), self._trusts, self._limits, self._base_path, **options)
        return self._gate
