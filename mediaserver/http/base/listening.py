"""The sockets on which the server listens."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import socket
from collections.abc import Sequence
from typing import Any

from aiohttp import web

from mediaserver.core.errors import Unavailable
from mediaserver.core.seldom import Seldom

log = logging.getLogger(__name__)
_seldom = Seldom(log)

_ANY_V4, _ANY_V6 = "0.0.0.0", "::"  # noqa: S104 (a phone must reach it; everything is closed to strangers)
BACKLOG = 128
_TRIES = 20
_FILES = 8192
NO_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
"""What accepting a connection fails with while the system has nothing left for it."""


def raise_open_files_limit() -> int:
    """As many open files as the system allows, for a crowd of connections must not keep the music from its files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(hard, _FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def on_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """For the loop: asyncio tells a hundred times in a second that nobody more can be let in. It tries again itself.

    It names the socket that listens; the same error of anything else is a mistake, which is told whole.
    """
    error = context.get("exception")
    if isinstance(error, OSError) and error.errno in NO_FILES and "socket" in context:
        _seldom.say(logging.WARNING, "nobody more can be let in for now: %s", os.strerror(error.errno).lower())
    else:
        loop.default_exception_handler(context)


def open_sockets(host: str, port: int) -> list[socket.socket]:
    """Bound to `host` at one port, which the system chooses for 0: `::` is every address, of IPv6 and of IPv4.

    Each kind has a socket of its own, so that peers and addresses are told in their own form. Raises Unavailable.
    """
    for attempt in range(_TRIES):
        opened: list[socket.socket] = []
        try:
            _open_all(host, port, opened)
            return opened
        except OSError as error:
            for one in opened:
                one.close()
            is_half_taken = port == 0 and opened and error.errno == errno.EADDRINUSE
            if not is_half_taken or attempt == _TRIES - 1:
                message = f"cannot listen on {host} port {port}: {_reason(error)}; --port chooses another"
                raise Unavailable(message) from error
    raise AssertionError


def _open_all(host: str, port: int, opened: list[socket.socket]) -> None:
    if host == _ANY_V6:
        opened.append(_bound(socket.AF_INET, (_ANY_V4, port)))
        try:
            opened.append(_bound(socket.AF_INET6, (_ANY_V6, opened[0].getsockname()[1], 0, 0)))
        except OSError as error:
            if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise
            log.info("this machine has no IPv6: listening on IPv4 alone")
        return
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, address in dict.fromkeys((one[0], one[4]) for one in found):
        at = opened[0].getsockname()[1] if opened else port
        try:
            opened.append(_bound(family, (address[0], at, *address[2:])))
        except OSError as error:
            # localhost is told as ::1 too where there is no IPv6.
            if not opened or error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                raise


def _bound(family: int, address: Sequence[object]) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(tuple(address))
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made


def _reason(error: OSError) -> str:
    by_system = error.errno and not isinstance(error, socket.gaierror)
    return os.strerror(error.errno or 0).lower() if by_system else error.strerror or str(error)


class Site(web.BaseSite):
    """One socket of the runner's, without TLS."""

    __slots__ = ("opened",)
    scheme = "http"

    def __init__(self, runner: web.BaseRunner, opened: socket.socket) -> None:
        super().__init__(runner, backlog=BACKLOG)
        self.opened = opened

    @property
    def name(self) -> str:
        host, port = self.opened.getsockname()[:2]
        return f"{self.scheme}://[{host}]:{port}" if ":" in host else f"{self.scheme}://{host}:{port}"

    async def start(self) -> None:
        await super().start()
        if self._runner.server is None:
            raise RuntimeError("the runner is not set up")
        self._server = await self.listen(self._runner.server)

    async def listen(self, server: web.Server) -> asyncio.AbstractServer:
        """From now on, who connects is handed to `server`."""
        return await asyncio.get_running_loop().create_server(server, sock=self.opened, backlog=BACKLOG)
