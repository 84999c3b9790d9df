"""The scan: how it stands, start one, and what it could not take."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mediaserver.accounts.permits import Viewer
from mediaserver.core.errors import Invalid
from mediaserver.http.api.shapes import ScanProblem
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.shapes import AtMs, Page, Paging, Shape
from mediaserver.views.administration import Administration, Reason


class EndedScan(Shape):
    """A scan that has ended."""

    id: int
    started_at_ms: AtMs
    finished_at_ms: AtMs | None
    outcome: Annotated[str, Meta(description="done, failed or stopped", examples=["done"])]
    message: Annotated[str, Meta(examples=[""])]
    files_seen: int
    files_read: int
    added: int
    changed: int
    missing: int
    problems: int


class ScanStatus(Shape):
    """How the scan stands."""

    state: Literal["idle", "scanning"]
    phase: Annotated[str, Meta(examples=["idle"])]
    files_seen: int
    files_read: int
    files_to_read: int
    added: int
    changed: int
    missing: int
    problems: int
    files_per_s: float
    remaining_ms: Annotated[int | None, Meta(description="milliseconds, where it can be told", examples=[22770])]
    started_at_ms: AtMs | None
    finished_at_ms: AtMs | None
    message: Annotated[str, Meta(description="what kept it from going on, or empty", examples=[""])]
    last: Annotated[EndedScan | None, Meta(description="the newest that has ended")]


class ProblemsAsked(Paging):
    reason: Annotated[Reason, Meta(description="only those with this reason")] | None = None


def routes(administration: Administration) -> list[Endpoint]:
    door = Door("Scans", "Bringing the catalogue in line with the folders.")

    @door("GET /api/v1/scan")
    async def scan_status(viewer: Viewer) -> ScanStatus:
        """How the scan stands, for everybody."""
        return ScanStatus.of(administration.scan_status(viewer))

    @door("POST /api/v1/scan", status=202, is_admins=True)
    async def start_scan(viewer: Viewer) -> ScanStatus:
        """Starts a scan.

        From the answer on `state` is not `idle` until it is done. While one runs, one more is done after it.
        """
        return ScanStatus.of(administration.start_scan(viewer))

    @door("GET /api/v1/scan/problems", is_admins=True)
    async def scan_problems(viewer: Viewer, query: ProblemsAsked) -> Page[ScanProblem]:
        """Files that could not be taken, each with its reason."""
        limit, cursor = query.limit, query.cursor
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise Invalid("the cursor is not one of this list", field="cursor")
        found = await administration.problems(viewer, reason=query.reason, after_id=int(cursor or 0), limit=limit + 1)
        shown = found[:limit]
        return Page([ScanProblem.of(one) for one in shown], str(shown[-1].id) if len(found) > limit else None)

    return door.endpoints
