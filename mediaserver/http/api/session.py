"""Set-up, signing in and out, and who one is."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta, field

from mediaserver.accounts import Accounts, sessions
from mediaserver.accounts.passwords import LONGEST, SHORTEST
from mediaserver.accounts.permits import Viewer
from mediaserver.accounts.users import LONGEST_NAME
from mediaserver.core.clock import Clock
from mediaserver.core.errors import Forbidden, TooManyAttempts, Unauthenticated
from mediaserver.core.units import UserId
from mediaserver.http.api.shapes import Rank
from mediaserver.http.base import auth, basepath
from mediaserver.http.base.auth import COOKIE, PEER
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.replies import Answer
from mediaserver.http.base.shapes import Asked, Shape, told
from mediaserver.views.people import People

PersonsName = Annotated[str, told(examples=["Anna"], minLength=1, maxLength=LONGEST_NAME)]
NewPassword = Annotated[str, told(examples=["correct horse"], minLength=SHORTEST, maxLength=LONGEST)]


class Setup(Asked):
    """The first administrator."""

    link: Annotated[str, Meta(description="the secret of the set-up link", examples=["LINK"])]
    name: PersonsName
    password: NewPassword


class SignIn(Asked):
    """Name and password."""

    name: Annotated[str, Meta(examples=["Anna"])]
    password: Annotated[str, Meta(examples=["correct horse"])]


class PasswordChange(Asked):
    """The present password and the one to come."""

    current: Annotated[str, Meta(examples=["the old one"])]
    new: Annotated[str, told(examples=["battery staple"], minLength=SHORTEST, maxLength=LONGEST)]


class Me(Shape):
    """The person who asks."""

    user_id: UserId = field(name="id")
    name: Annotated[str, Meta(examples=["Anna"])]
    is_admin: Annotated[bool, Meta(examples=[False])] = field(name="admin")
    max_rank: Rank


class SignedIn(Shape):
    """Who is signed in."""

    user: Me
    csrf: Annotated[str, Meta(description="what X-CSRF-Token has to be with this session", examples=["CSRF"])]


class WhoAmI(Shape):
    """Who asks."""

    user: Me
    csrf: Annotated[str | None, Meta(description="as signing in gave it; null with a token", examples=[None])]


def routes(accounts: Accounts, people: People, clock: Clock) -> list[Endpoint]:
    door = Door("Signing in", "Set-up, sessions of browsers, and who one is.")

    def signed_in(request: web.Request, one: sessions.SignedIn, *, status: int) -> Answer[SignedIn]:
        answer = Answer(SignedIn(Me.of(one.viewer), auth.csrf_token(one.secret)), status=status)
        auth.set_cookie(answer, request, one, now_ms=clock.now_ms())
        return answer

    @door("POST /api/v1/setup", status=201, raises=[Forbidden])
    async def setup(request: web.Request, body: Setup) -> Answer[SignedIn]:
        """Makes the first administrator, and signs in.

        The link works once. Sets the cookie `mediaserver_session`.
        """
        auth.check_origin(request)
        user = await accounts.setup.use(body.link, body.name, body.password)
        one = await accounts.sessions.open(user.id, address=request[PEER], client=_client(request))
        return signed_in(request, one, status=201)

    @door("POST /api/v1/session", raises=[Unauthenticated, Forbidden, TooManyAttempts])
    async def sign_in(request: web.Request, body: SignIn) -> Answer[SignedIn]:
        """Signs in.

        Sets the cookie `mediaserver_session`. A page of another origin is refused.
        """
        auth.check_origin(request)
        one = await accounts.sessions.sign_in(body.name, body.password, address=request[PEER], client=_client(request))
        return signed_in(request, one, status=200)

    @door("DELETE /api/v1/session")
    async def sign_out(request: web.Request, viewer: Viewer) -> Answer[None]:
        """Signs out: ends the session and takes the cookie back."""
        secret = auth.cookie_of(request)
        if secret is not None and viewer.is_session:
            await accounts.sessions.sign_out(secret)
        answer = Answer(None, status=204)
        answer.del_cookie(COOKIE, path=basepath.address("/"))
        return answer

    @door("GET /api/v1/me")
    async def me(request: web.Request, viewer: Viewer) -> WhoAmI:
        """Who one is."""
        secret = auth.cookie_of(request) or ""
        return WhoAmI(Me.of(viewer), auth.csrf_token(secret) if viewer.is_session else None)

    @door("PUT /api/v1/me/password", raises=[Forbidden, TooManyAttempts])
    async def change_password(viewer: Viewer, body: PasswordChange) -> None:
        """Changes the own password; ends the other sessions."""
        await people.change_password(viewer, body.current, body.new)

    return door.endpoints


def _client(request: web.Request) -> str:
    return request.headers.get("User-Agent", "")
