"""What administrators do: people and scans."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mediaserver.accounts import Accounts
from mediaserver.accounts.permits import Viewer
from mediaserver.accounts.users import MOST_STREAMS, STAYS, User
from mediaserver.core.errors import Invalid
from mediaserver.core.units import LibraryId, UserId
from mediaserver.library import Library
from mediaserver.library.report import REASONS, Reason, ReportedProblem, Tally
from mediaserver.library.status import ScanStatus
from mediaserver.library.watching import Mode as WatchMode
from mediaserver.library.watching import WatchStatus

__all__ = [
    "MOST_STREAMS",
    "REASONS",
    "STAYS",
    "Administration",
    "Reason",
    "ReportedProblem",
    "ScanReport",
    "ScanStatus",
    "Tally",
    "User",
    "WatchMode",
    "WatchStatus",
]


@dataclass(frozen=True, slots=True)
class ScanReport:
    tallies: list[Tally]
    watched: list[WatchStatus]


class Administration:
    def __init__(self, accounts: Accounts, library: Library) -> None:
        self._accounts = accounts
        self._library = library

    async def users(self, viewer: Viewer) -> list[User]:
        """Raises Forbidden, as everything here but the scan's status does for who is no administrator."""
        viewer.must_be_admin()
        return await self._accounts.users.all()

    async def add_user(self, viewer: Viewer, name: str, password: str, *, is_admin: bool, max_rank: int) -> User:
        """Raises Invalid and Conflict."""
        viewer.must_be_admin()
        return await self._accounts.users.add(name, password, is_admin=is_admin, max_rank=max_rank)

    async def change_user(
        self,
        viewer: Viewer,
        user_id: UserId,
        *,
        is_admin: bool | None = None,
        max_rank: int | None = None,
        max_streams: int | None = STAYS,
        password: str | None = None,
    ) -> User:
        """All of it or nothing. Raises NotFound, Invalid, and Conflict where the last administrator would go."""
        viewer.must_be_admin()
        keep = viewer.grant if user_id == viewer.user_id else None
        return await self._accounts.users.change(
            user_id,
            is_admin=is_admin,
            max_rank=max_rank,
            max_streams=max_streams,
            password=password,
            keep_session=keep,
        )

    async def remove_user(self, viewer: Viewer, user_id: UserId) -> None:
        """Raises NotFound, and Conflict for the last administrator."""
        viewer.must_be_admin()
        await self._accounts.users.remove(user_id)

    def start_scan(self, viewer: Viewer) -> ScanStatus:
        viewer.must_be_admin()
        self._library.scanner.start()
        return self._library.scanner.status()

    def cancel_scan(self, viewer: Viewer) -> ScanStatus:
        """What was read is kept; the next scan goes on from there."""
        viewer.must_be_admin()
        self._library.scanner.cancel()
        return self._library.scanner.status()

    def scan_status(self, viewer: Viewer) -> ScanStatus:
        """For everybody: the page shows listeners that music is on its way. Messages name folders: not for them."""
        status = self.scan_now()
        return status if viewer.is_admin else self.without_folders(status)

    def scan_now(self) -> ScanStatus:
        """For administrators."""
        return self._library.scanner.status()

    def without_folders(self, status: ScanStatus) -> ScanStatus:
        """For everybody else."""
        last = replace(status.last, message="") if status.last is not None else None
        told = "something kept it from going on: an administrator can see what" if status.message else ""
        return replace(status, message=told, last=last)

    def warnings(self) -> list[str]:
        """What is the matter with the folders, for everybody: without their names."""
        told: dict[str, None] = {}
        for one in self._library.watcher.statuses():
            if one.mode == "away":
                told["A folder of music is away."] = None
            elif one.message:
                told[f"{one.message} Remedy: {one.remedy}" if one.remedy else one.message] = None
        return list(told)

    async def scan_report(self, viewer: Viewer) -> ScanReport:
        """How many files could not be taken, by library and reason, and how the folders are watched."""
        viewer.must_be_admin()
        return ScanReport(await self._library.report.tallies(), self._library.watcher.statuses())

    async def problems(
        self,
        viewer: Viewer,
        *,
        reason: str | None,
        library_id: LibraryId | None = None,
        folder: str | None = None,
        after_id: int,
        limit: int,
    ) -> list[ReportedProblem]:
        """Of one reason, library, or folder with all below it. Raises Invalid for a reason that is none."""
        viewer.must_be_admin()
        if reason is not None and reason not in REASONS:
            raise Invalid(f"reason must be one of {', '.join(REASONS)}", field="reason")
        return await self._library.report.problems(
            reason=reason, library_id=library_id, folder=folder, after_id=after_id, limit=limit
        )
