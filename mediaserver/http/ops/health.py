"""GET /healthz and /readyz: is it alive, may traffic come. Public, so they name no person, path or address."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from msgspec import Meta

from mediaserver import __version__
from mediaserver.core.supervisor import Supervisor
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.replies import Answer
from mediaserver.http.base.shapes import Shape


class Health(Shape):
    """How the server is."""

    status: Annotated[Literal["ok", "degraded", "failing"], Meta(examples=["ok"])]
    version: Annotated[str, Meta(examples=[__version__])]
    failing_jobs: Annotated[list[str], Meta(examples=[[]])]
    warnings: Annotated[list[str], Meta(description="what to look after, in words", examples=[[]])]


class Readiness(Shape):
    """Whether traffic may come."""

    ready: bool


def routes(
    supervisor: Supervisor, is_ready: Callable[[], bool], warnings: Callable[[], Sequence[str]]
) -> list[Endpoint]:
    """`is_ready()` turns true once the first scan has begun; `warnings()` are words for everybody."""
    door = Door("Health", "For watchdogs and proxies; open to everybody.")

    @door("GET /healthz", also={503: "it fails"})
    async def healthz() -> Answer[Health]:
        """Whether the server lives."""
        failing = sorted(job.name for job in supervisor.jobs.values() if job.last_error)
        status: Literal["ok", "degraded", "failing"] = "degraded" if failing else "ok"
        if supervisor.failed.is_set():
            status = "failing"
        return Answer(
            Health(status, __version__, failing, list(warnings())), status=503 if status == "failing" else 200
        )

    @door("GET /readyz", also={503: "not yet"})
    async def readyz() -> Answer[Readiness]:
        """Whether the first scan has begun."""
        ready = is_ready() and not supervisor.failed.is_set()
        return Answer(Readiness(ready), status=200 if ready else 503)

    return door.endpoints
