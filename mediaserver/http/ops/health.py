"""GET /healthz and /readyz: is it alive, may traffic come. Public, so they name no person, path or address."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web

from mediaserver import __version__
from mediaserver.core.supervisor import Supervisor

_NO_STORE = {"Cache-Control": "no-store"}


def routes(supervisor: Supervisor, is_ready: Callable[[], bool]) -> list[web.RouteDef]:
    """`is_ready()` turns true once the first scan has begun."""

    async def healthz(request: web.Request) -> web.Response:
        failing = sorted(job.name for job in supervisor.jobs.values() if job.last_error)
        status = "failing" if supervisor.failed.is_set() else "degraded" if failing else "ok"
        body = {"status": status, "version": __version__, "failing_jobs": failing}
        return web.json_response(body, status=503 if status == "failing" else 200, headers=_NO_STORE)

    async def readyz(request: web.Request) -> web.Response:
        ready = is_ready() and not supervisor.failed.is_set()
        return web.json_response({"ready": ready}, status=200 if ready else 503, headers=_NO_STORE)

    return [web.get("/healthz", healthz), web.get("/readyz", readyz)]
