"""What administrators do: people and scans."""

from __future__ import annotations

from mediaserver.accounts import Accounts
from mediaserver.accounts.permits import Viewer
from mediaserver.accounts.users import User
from mediaserver.core.errors import Invalid
from mediaserver.core.units import UserId
from mediaserver.library import Library
from mediaserver.library.report import REASONS, Reason, ReportedProblem
from mediaserver.library.scan import ScanStatus

__all__ = ["REASONS", "Administration", "Reason", "ReportedProblem", "ScanStatus", "User"]


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
        password: str | None = None,
    ) -> User:
        """Raises NotFound, Invalid, and Conflict where the last administrator would go."""
        viewer.must_be_admin()
        user = await self._accounts.users.change(user_id, is_admin=is_admin, max_rank=max_rank)
        if password is not None:
            keep = viewer.grant if user_id == viewer.user_id else None
            await self._accounts.users.set_password(user_id, password, keep_session=keep)
        return user

    async def remove_user(self, viewer: Viewer, user_id: UserId) -> None:
        """Raises NotFound, and Conflict for the last administrator."""
        viewer.must_be_admin()
        await self._accounts.users.remove(user_id)

    def start_scan(self, viewer: Viewer) -> ScanStatus:
        viewer.must_be_admin()
        self._library.scanner.start()
        return self._library.scanner.status()

    def scan_status(self, viewer: Viewer) -> ScanStatus:
        """For everybody: the page shows listeners that music is on its way."""
        return self._library.scanner.status()

    async def problems(self, viewer: Viewer, *, reason: str | None, after_id: int, limit: int) -> list[ReportedProblem]:
        """Raises Invalid for a reason that is none."""
        viewer.must_be_admin()
        if reason is not None and reason not in REASONS:
            raise Invalid(f"reason must be one of {', '.join(REASONS)}", field="reason")
        return await self._library.report.problems(reason=reason, after_id=after_id, limit=limit)
