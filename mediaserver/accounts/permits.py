"""Who is asking, and what this person may do."""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.core.errors import Forbidden
from mediaserver.core.units import UserId

HIGHEST_RANK = 99


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in person, by way of one session or token."""

    user_id: UserId
    name: str
    is_admin: bool
    max_rank: int
    """The highest rank of recipe that this person may have (`CAP` in signed addresses), 0 to 99."""
    grant: str
    """The session's or token's public handle: stands in signed addresses, and they die with it."""
    is_session: bool
    """Came by the browser's cookie (then writing needs the CSRF token), not by a bearer token."""

    def must_be_admin(self) -> None:
        """Raises Forbidden for everybody who is not an administrator."""
        if not self.is_admin:
            raise Forbidden("only an administrator may do this")
