"""One port for TLS and plain HTTP: the first byte of a connection tells which it is.

A browser that was given `http://` is led to `https://` so, and a device reads how to trust the server before it can.
What has said nothing yet, or is shaking hands, is bounded here; what got in, by `connections.Gate`.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from aiohttp import web

from mediaserver.core.seldom import Seldom
from mediaserver.http.base.listening import BACKLOG, NO_FILES, Site, open_sockets

log = logging.getLogger(__name__)
_seldom = Seldom(log)

_HELLO = b"\x16"  # a TLS record of the kind handshake; no method of HTTP begins so
_FIRST_BYTE_S = 20.0
_HANDSHAKE_S = 10.0
_NO_FILES_PAUSE_S = 1.0


class Knocking:
    """Accepts from one socket that listens; `context()` is asked for each connection.

    No more than `most_waiting` say nothing yet or shake hands at a time.
    """

    def __init__(
        self,
        opened: socket.socket,
        factory: Callable[[], asyncio.BaseProtocol],
        context: Callable[[], ssl.SSLContext],
        *,
        most_waiting: int,
    ) -> None:
        self.sockets = (opened,)
        self._factory = factory
        self._context = context
        self._most_waiting = most_waiting
        self._loop = asyncio.get_running_loop()
        self._silent: dict[socket.socket, asyncio.TimerHandle] = {}
        self._shaking: dict[asyncio.Task[None], socket.socket] = {}
        self._is_closed = False
        opened.listen(BACKLOG)
        self._loop.add_reader(opened, self._accept)

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._loop.remove_reader(self.sockets[0])
        self.sockets[0].close()
        for one in list(self._silent):
            self._drop(one)
        for task in list(self._shaking):
            task.cancel()

    def _accept(self) -> None:
        for _ in range(BACKLOG):
            try:
                one, _ = self.sockets[0].accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in NO_FILES:
                    raise
                _seldom.say(logging.WARNING, "no connection can be taken: %s", error.strerror)
                self._loop.remove_reader(self.sockets[0])
                self._loop.call_later(_NO_FILES_PAUSE_S, self._go_on)
                return
            one.setblocking(False)
            self._make_room()
            self._silent[one] = self._loop.call_later(_FIRST_BYTE_S, self._drop, one)
            self._loop.add_reader(one, self._heard, one)

    def _go_on(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self.sockets[0], self._accept)

    def _make_room(self) -> None:
        """Who says nothing goes first, then whose handshake lasts longest."""
        if len(self._silent) + len(self._shaking) < self._most_waiting:
            return
        _seldom.say(logging.WARNING, "more than %d connections say nothing: some are closed", self._most_waiting)
        if self._silent:
            self._drop(next(iter(self._silent)))
        else:
            next(iter(self._shaking)).cancel()

    def _drop(self, one: socket.socket) -> None:
        self._take(one)
        one.close()

    def _take(self, one: socket.socket) -> None:
        """No longer waited for."""
        self._silent.pop(one).cancel()
        self._loop.remove_reader(one)

    def _heard(self, one: socket.socket) -> None:
        try:
            first = one.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            first = b""
        if not first:
            self._drop(one)
            return
        self._take(one)
        task = self._loop.create_task(self._let_in(one, has_tls=first == _HELLO))
        self._shaking[task] = one
        task.add_done_callback(self._shaking.pop)

    async def _let_in(self, one: socket.socket, *, has_tls: bool) -> None:
        try:
            await self._loop.connect_accepted_socket(
                self._factory,
                one,
                ssl=self._context() if has_tls else None,
                ssl_handshake_timeout=_HANDSHAKE_S if has_tls else None,
            )
        except (OSError, TimeoutError):  # ssl.SSLError is one; strangers try much, and browsers do not trust us yet
            with suppress(OSError):
                one.close()
        except asyncio.CancelledError:
            with suppress(OSError):
                one.close()
            raise


class TlsSite(Site):
    """One socket of the runner's, at which both are spoken."""

    __slots__ = ("_context", "_most_waiting")
    scheme = "https"

    def __init__(
        self,
        runner: web.BaseRunner,
        opened: socket.socket,
        context: Callable[[], ssl.SSLContext],
        *,
        most_waiting: int,
    ) -> None:
        super().__init__(runner, opened)
        self._context = context
        self._most_waiting = most_waiting

    async def listen(self, server: web.Server) -> asyncio.AbstractServer:
        # All that a runner asks for of a server is in it.
        return Knocking(self.opened, server, self._context, most_waiting=self._most_waiting)  # type: ignore[return-value]


async def listen(
    runner: web.BaseRunner, host: str, port: int, context: Callable[[], ssl.SSLContext] | None, *, most_waiting: int
) -> int:
    """The port that is listened on, which the system chooses for 0. Without `context`, in plain HTTP. Raises
    Unavailable."""
    sockets = open_sockets(host, port)
    for opened in sockets:
        if context is None:
            await Site(runner, opened).start()
        else:
            await TlsSite(runner, opened, context, most_waiting=max(1, most_waiting // len(sockets))).start()
    return int(sockets[0].getsockname()[1])
