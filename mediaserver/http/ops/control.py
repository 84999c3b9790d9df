"""The control socket: what the command line asks of the running server. Its guard is the file mode, 0600."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

from mediaserver.core import loglevels
from mediaserver.core.errors import Invalid

NAME = "control.sock"
_DRAIN_S = 0.2


def application(
    start_scan: Callable[[], object],
    cancel_scan: Callable[[], object],
    scan_status: Callable[[], Any],
    about: Callable[[], Awaitable[Any]],
    doubt_access: Callable[[], object],
) -> web.Application:
    """What can be asked; everything is answered as JSON.

    POST /scan starts a scan, DELETE /scan cancels it (202), GET /scan tells how it stands; all answer the status.
    GET /log-levels tells the levels by logger, PUT /log-levels with `logger` and `level` changes one (400: Invalid).
    POST /access says that people, sessions or tokens have changed (202): streams of events ask anew who may listen.
    GET /about tells what `about` returns: where the server is reached, and how to come in.
    """

    async def post(request: web.Request) -> web.Response:
        start_scan()
        return _json(scan_status(), 202)

    async def delete(request: web.Request) -> web.Response:
        cancel_scan()
        return _json(scan_status(), 202)

    async def get(request: web.Request) -> web.Response:
        return _json(scan_status())

    async def change_level(request: web.Request) -> web.Response:
        try:
            asked = msgspec.json.decode(await request.read(), type=_LevelAsked)
            loglevels.change(asked.logger, asked.level)
        except (Invalid, msgspec.DecodeError) as error:
            return _json({"detail": str(error)}, 400)
        return _json(loglevels.levels())

    async def tell_levels(request: web.Request) -> web.Response:
        return _json(loglevels.levels())

    async def tell_about(request: web.Request) -> web.Response:
        return _json(await about())

    async def access_changed(request: web.Request) -> web.Response:
        doubt_access()
        return _json({}, 202)

    app = web.Application()
    app.add_routes([web.post("/scan", post), web.delete("/scan", delete), web.get("/scan", get)])
    app.add_routes([web.get("/log-levels", tell_levels), web.put("/log-levels", change_level)])
    app.add_routes([web.get("/about", tell_about), web.post("/access", access_changed)])
    return app


class _LevelAsked(msgspec.Struct):
    logger: str
    level: loglevels.Level


def _json(told: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(told), status=status, content_type="application/json")


def _bound(path: Path) -> socket.socket:
    """A socket at `path` with mode 0600 from its first moment on, without the umask, which the whole process shares.

    Linux makes the file with the mode that the unbound socket has; elsewhere it is changed before anybody can connect.
    """
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        os.fchmod(bound.fileno(), 0o600)
        bound.bind(str(path))
        path.chmod(0o600)
        bound.setblocking(False)
    except BaseException:
        bound.close()
        raise
    return bound


@asynccontextmanager
async def listening(app: web.Application, data_dir: Path) -> AsyncIterator[None]:
    """Serve `app` on `data_dir/control.sock`, which a server that was killed may have left behind."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_DRAIN_S)
    await runner.setup()
    directory = os.open(data_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        short = Path(f"/proc/self/fd/{directory}/{NAME}")  # a socket's name may have 107 bytes, a data directory more
        short.unlink(missing_ok=True)
        await web.SockSite(runner, _bound(short)).start()
        yield
    finally:
        await runner.cleanup()
        Path(f"/proc/self/fd/{directory}/{NAME}").unlink(missing_ok=True)
        os.close(directory)
