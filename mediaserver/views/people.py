"""What a person may do with the own account."""

from __future__ import annotations

from mediaserver.accounts import Accounts
from mediaserver.accounts.permits import Viewer
from mediaserver.accounts.sessions import Session
from mediaserver.accounts.tokens import Token
from mediaserver.core.errors import Invalid
from mediaserver.core.units import TokenId

__all__ = ["People", "Session", "Token"]


class People:
    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def change_password(self, viewer: Viewer, current: str, new: str) -> None:
        """Ends the person's other sessions. Raises Forbidden, TooManyAttempts and Invalid (new)."""
        await self._accounts.sessions.confirm(viewer, current)
        try:
            await self._accounts.users.set_password(viewer.user_id, new, keep_session=viewer.grant)
        except Invalid as error:
            raise Invalid(str(error), field="new") from error

    async def sessions(self, viewer: Viewer) -> list[Session]:
        return await self._accounts.sessions.list(viewer.user_id)

    async def revoke_session(self, viewer: Viewer, session_id: int) -> None:
        """Raises NotFound, also for another person's."""
        await self._accounts.sessions.revoke(viewer.user_id, session_id)

    async def tokens(self, viewer: Viewer) -> list[Token]:
        return await self._accounts.tokens.list(viewer.user_id)

    async def create_token(self, viewer: Viewer, name: str) -> tuple[Token, str]:
        """The token and its secret, which is shown once. Raises Invalid."""
        return await self._accounts.tokens.create(viewer.user_id, name)

    async def revoke_token(self, viewer: Viewer, token_id: TokenId) -> None:
        """Raises NotFound, also for another person's."""
        await self._accounts.tokens.revoke(viewer.user_id, token_id)
