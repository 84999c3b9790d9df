"""The scan: how it stands, start or cancel one, and what it could not take."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mediaserver.accounts.permits import Viewer
from mediaserver.core.errors import Invalid
from mediaserver.core.units import LibraryId
from mediaserver.http.api.shapes import AlbumRef
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.shapes import AtMs, Page, Paging, Shape
from mediaserver.views.administration import Administration, Reason, ReportedProblem, WatchMode


class EndedScan(Shape):
    """A scan that has ended."""

    id: int
    started_at_ms: AtMs
    finished_at_ms: AtMs | None
    outcome: Annotated[str, Meta(description="done, failed, cancelled or stopped", examples=["done"])]
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


class ScanProblem(Shape):
    """A file that a scan could not take."""

    id: int
    library: Annotated[str, Meta(description="the folder that was scanned", examples=["/home/anna/Music"])]
    path: Annotated[str, Meta(description="of the file in it", examples=["cut.flac"])]
    reason: Annotated[Reason, Meta(examples=["truncated"])]
    detail: Annotated[str, Meta(examples=["the file ends before its sound does"])]
    seen_at_ms: AtMs
    album: Annotated[AlbumRef | None, Meta(description="where the file is in the catalogue all the same")]


class ProblemCount(Shape):
    """How many files of one library share a reason."""

    library_id: LibraryId
    library: Annotated[str, Meta(description="the folder that was scanned", examples=["/home/anna/Music"])]
    reason: Annotated[Reason, Meta(examples=["truncated"])]
    count: int


class WatchedFolder(Shape):
    """How the changes in a folder of music are noticed."""

    path: Annotated[str, Meta(examples=["/home/anna/Music"])]
    mode: Annotated[WatchMode, Meta(examples=["watching"])]
    watched: Annotated[int, Meta(description="folders of which the system tells every change")]
    message: Annotated[str, Meta(description="what is the matter, or empty", examples=[""])]
    remedy: Annotated[str, Meta(description="what mends it, or empty", examples=[""])]


class ScanReport(Shape):
    """What could not be taken, counted, and how the folders are watched."""

    total: int
    problems: list[ProblemCount]
    folders: list[WatchedFolder]


class ProblemsAsked(Paging):
    reason: Annotated[Reason, Meta(description="only those with this reason")] | None = None
    library: Annotated[LibraryId, Meta(description="only those in this library")] | None = None
    folder: Annotated[str, Meta(description="only those in this folder and below, relative to the library")] = ""


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

    @door("DELETE /api/v1/scan", status=202, is_admins=True)
    async def cancel_scan(viewer: Viewer) -> ScanStatus:
        """Cancels the scan. What was read is kept, and the next scan goes on from there."""
        return ScanStatus.of(administration.cancel_scan(viewer))

    @door("GET /api/v1/scan/report", is_admins=True)
    async def scan_report(viewer: Viewer) -> ScanReport:
        """How many files could not be taken, by library and reason, and how the folders are watched."""
        report = await administration.scan_report(viewer)
        return ScanReport(
            total=sum(one.count for one in report.tallies),
            problems=[ProblemCount.of(one) for one in report.tallies],
            folders=[WatchedFolder(one.root, one.mode, one.folders, one.message, one.remedy) for one in report.watched],
        )

    @door("GET /api/v1/scan/problems", is_admins=True)
    async def scan_problems(viewer: Viewer, query: ProblemsAsked) -> Page[ScanProblem]:
        """Files that could not be taken, each with its reason."""
        limit, cursor = query.limit, query.cursor
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise Invalid("the cursor is not one of this list", field="cursor")
        found = await administration.problems(
            viewer,
            reason=query.reason,
            library_id=query.library,
            folder=query.folder.strip("/") or None,
            after_id=int(cursor or 0),
            limit=limit + 1,
        )
        shown = found[:limit]
        return Page([_problem(one) for one in shown], str(shown[-1].id) if len(found) > limit else None)

    return door.endpoints


def _problem(one: ReportedProblem) -> ScanProblem:
    album = AlbumRef(one.album_id, one.album_title) if one.album_id is not None else None
    return ScanProblem.of(one, album=album)
