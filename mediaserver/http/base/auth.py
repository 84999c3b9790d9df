"""Who is asking: bearer token or cookie; everything that is not public is closed to strangers."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from mediaserver.accounts.permits import Viewer
from mediaserver.accounts.sessions import Sessions, SignedIn
from mediaserver.accounts.tokens import Tokens
from mediaserver.core.clock import Clock
from mediaserver.core.errors import Forbidden, Unauthenticated, Unavailable
from mediaserver.http.base import basepath
from mediaserver.http.base.public import is_public

VIEWER = web.RequestKey("viewer", Viewer)
SECURE = web.RequestKey("secure", bool)
PEER = web.RequestKey("peer", str)
HOST = web.RequestKey("host", str)
COOKIE = "mediaserver_session"
CSRF_HEADER = "X-CSRF-Token"


@dataclass(frozen=True, slots=True)
class Credential:
    """By what somebody asks, for answers that go on for hours."""

    viewer: Callable[[], Awaitable[Viewer | None]]
    """Who it is as of now; None once the session or token has ended."""


CREDENTIAL = web.RequestKey("credential", Credential)
_FOR_PROGRAMS = ("/api/", "/metrics")
_SAFE = {"GET", "HEAD", "OPTIONS"}


def pattern_of(request: web.Request) -> str:
    """The route's pattern as the route table writes it; "" where no route fits."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else ""


def csrf_token(secret: str) -> str:
    """Belongs to one session; a page of another origin cannot read it."""
    raw = hmac.new(secret.encode("utf-8", "surrogatepass"), b"csrf", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(raw[:18]).decode("ascii")


def cookie_of(request: web.Request) -> str | None:
    """The session's cookie; the first where there are more.

    Browsers send the one with the longest path first (RFC 6265, 5.4): another of the name belongs to a server on the
    same host, or is left from before `server.base_path` was set, and must not keep anybody out.
    """
    for header in request.headers.getall("Cookie", []):
        for pair in header.split(";"):
            name, _, value = pair.strip().partition("=")
            if name == COOKIE:
                return value
    return None


def set_cookie(response: web.StreamResponse, request: web.Request, signed_in: SignedIn, *, now_ms: int) -> None:
    response.set_cookie(
        COOKIE,
        signed_in.secret,
        max_age=max(0, (signed_in.expires_at_ms - now_ms) // 1000),
        httponly=True,
        samesite="Lax",
        secure=request.get(SECURE, False),
        path=basepath.address("/"),
    )


def check_origin(request: web.Request) -> None:
    """For writing without a session (sign-in, set-up): a browser that names another origin is refused."""
    origin = request.headers.get("Origin")
    if origin is not None and origin.lower().partition("://")[2] != request[HOST].lower():
        raise Forbidden(
            "this must be asked from the server's own page; a proxy in front of it has to pass the header Host on, or"
            " X-Forwarded-Host and stand in the setting server.trusted_proxies"
        )


def middleware(sessions: Sessions, tokens: Tokens, clock: Clock, on_viewer: Callable[[], None]) -> Middleware:
    """Puts the Viewer on the request, and says so. A stranger gets 401, or on a page the way to the sign-in.

    A session that is used goes on: its cookie is sent again with the new end.
    """

    async def by_cookie(request: web.Request) -> SignedIn | None:
        cookie = cookie_of(request)
        one = await sessions.of(cookie) if cookie is not None else None
        if one is not None and request.method not in _SAFE:
            given = request.headers.get(CSRF_HEADER, "")
            if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), csrf_token(one.secret).encode()):
                raise Forbidden(f"the header {CSRF_HEADER} is missing or wrong: load the page again")
        return one

    async def by_token(header: str) -> Viewer | None:
        scheme, _, secret = header.partition(" ")
        return await tokens.viewer(secret.strip()) if scheme.lower() == "bearer" else None

    async def again(cookie: str | None, header: str | None) -> Viewer | None:
        if header is not None:
            return await by_token(header)
        one = await sessions.of(cookie) if cookie is not None else None
        return one.viewer if one is not None else None

    async def put_off(request: web.Request, response: web.StreamResponse, one: SignedIn) -> None:
        # What others may be given must not carry it; what has begun to leave cannot. The next answer will.
        if response.prepared or "no-store" not in response.headers.get("Cache-Control", "no-store"):
            return
        try:
            going_on = await sessions.put_off(one)
        except Unavailable:  # what was asked for has been done: that alone is to be told
            return
        if going_on is not None:
            set_cookie(response, request, going_on, now_ms=clock.now_ms())

    @web.middleware
    async def authenticate(request: web.Request, handler: Handler) -> web.StreamResponse:
        pattern = pattern_of(request)
        if is_public(request.method, pattern):
            return await handler(request)
        header = request.headers.get("Authorization")
        session = await by_cookie(request) if header is None else None
        viewer = session.viewer if session is not None else await by_token(header) if header is not None else None
        if viewer is None:
            if request.method in ("GET", "HEAD") and pattern and not pattern.startswith(_FOR_PROGRAMS):
                following = quote(request.path_qs, safe="")
                raise web.HTTPSeeOther(basepath.address(f"/sign-in?next={following}"))
            raise Unauthenticated("sign in first, or send a valid token")
        request[VIEWER] = viewer
        on_viewer()
        cookie = cookie_of(request) if header is None else None
        request[CREDENTIAL] = Credential(functools.partial(again, cookie, header))
        response = await handler(request)
        if session is not None:
            await put_off(request, response, session)
        return response

    return authenticate


def viewer_or_none(sessions: Sessions) -> Callable[[web.Request], Awaitable[Viewer | None]]:
    """For public pages that look different to somebody who is signed in already."""

    async def ask(request: web.Request) -> Viewer | None:
        cookie = cookie_of(request)
        one = await sessions.of(cookie) if cookie is not None else None
        return one.viewer if one is not None else None

    return ask
