"""A person's own sessions and tokens."""

from __future__ import annotations

from typing import Annotated

from mediaserver.accounts.permits import Viewer
from mediaserver.accounts.tokens import LONGEST_NAME
from mediaserver.core.units import TokenId
from mediaserver.http.api.shapes import NewToken, Session, Token
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.shapes import Asked, Page, told
from mediaserver.views.people import People


class TokenAsked(Asked):
    """A token to be made."""

    name: Annotated[str, told("of the device or program", examples=["phone"], minLength=1, maxLength=LONGEST_NAME)]


def routes(people: People) -> list[Endpoint]:
    door = Door("Devices", "Where one is signed in, and tokens of programs.")

    @door("GET /api/v1/sessions")
    async def sessions(viewer: Viewer) -> Page[Session]:
        """Own sessions."""
        found = await people.sessions(viewer)
        return Page([Session.of(one, current=one.grant == viewer.grant) for one in found], None)

    @door("DELETE /api/v1/sessions/{id}")
    async def revoke_session(viewer: Viewer, id: int) -> None:
        """Ends one of the own sessions."""
        await people.revoke_session(viewer, id)

    @door("GET /api/v1/tokens")
    async def tokens(viewer: Viewer) -> Page[Token]:
        """Own tokens, without their secrets."""
        return Page([Token.of(one) for one in await people.tokens(viewer)], None)

    @door("POST /api/v1/tokens", status=201)
    async def create_token(viewer: Viewer, body: TokenAsked) -> NewToken:
        """Makes a token; its secret is shown this once."""
        token, secret = await people.create_token(viewer, body.name)
        return NewToken.of(token, token=secret)

    @door("DELETE /api/v1/tokens/{id}")
    async def revoke_token(viewer: Viewer, id: TokenId) -> None:
        """Ends one of the own tokens."""
        await people.revoke_token(viewer, id)

    return door.endpoints
