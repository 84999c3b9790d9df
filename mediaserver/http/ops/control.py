"""The control socket: what the command line asks of the running server. Its guard is the file mode, 0600."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiohttp import web

NAME = "control.sock"


def application(
    start_scan: Callable[[], object], cancel_scan: Callable[[], object], scan_status: Callable[[], Any]
) -> web.Application:
    """POST /scan starts a scan, DELETE /scan cancels it (202), GET /scan tells how it stands; all answer the status
    as JSON.
    """

    def answer(status: int) -> web.Response:
        body = msgspec.json.encode(scan_status())
        return web.Response(body=body, status=status, content_type="application/json")

    async def post(request: web.Request) -> web.Response:
        start_scan()
        return answer(202)

    async def delete(request: web.Request) -> web.Response:
        cancel_scan()
        return answer(202)

    async def get(request: web.Request) -> web.Response:
        return answer(200)

    app = web.Application()
    app.add_routes([web.post("/scan", post), web.delete("/scan", delete), web.get("/scan", get)])
    return app


@asynccontextmanager
async def listening(app: web.Application, data_dir: Path) -> AsyncIterator[None]:
    """Serve `app` on `data_dir/control.sock`, which a server that was killed may have left behind."""
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    directory = os.open(data_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        short = Path(f"/proc/self/fd/{directory}/{NAME}")  # a socket's name may have 107 bytes, a data directory more
        short.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            site = web.UnixSite(runner, str(short))
            await site.start()
        finally:
            os.umask(before)
        yield
    finally:
        await runner.cleanup()
        Path(f"/proc/self/fd/{directory}/{NAME}").unlink(missing_ok=True)
        os.close(directory)
