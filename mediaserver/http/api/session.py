"""Set-up, signing in and out, and who one is."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from mediaserver.accounts import Accounts
from mediaserver.accounts.permits import Viewer
from mediaserver.accounts.sessions import SignedIn
from mediaserver.core.clock import Clock
from mediaserver.http.base import auth, body, replies
from mediaserver.http.base.auth import COOKIE, PEER, VIEWER
from mediaserver.views.people import People


class _Setup(msgspec.Struct, forbid_unknown_fields=True):
    link: str
    name: str
    password: str


class _SignIn(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    password: str


class _NewPassword(msgspec.Struct, forbid_unknown_fields=True):
    current: str
    new: str


def routes(accounts: Accounts, people: People, clock: Clock) -> list[web.RouteDef]:
    def signed_in(request: web.Request, one: SignedIn, *, status: int) -> web.Response:
        response = replies.json({"user": _me(one.viewer), "csrf": auth.csrf_token(one.secret)}, status=status)
        auth.set_cookie(response, request, one, now_ms=clock.now_ms())
        return response

    async def setup(request: web.Request) -> web.Response:
        auth.check_origin(request)
        asked = await body.read(request, _Setup)
        user = await accounts.setup.use(asked.link, asked.name, asked.password)
        one = await accounts.sessions.open(user.id, address=request[PEER], client=_client(request))
        return signed_in(request, one, status=201)

    async def sign_in(request: web.Request) -> web.Response:
        auth.check_origin(request)
        asked = await body.read(request, _SignIn)
        one = await accounts.sessions.sign_in(
            asked.name, asked.password, address=request[PEER], client=_client(request)
        )
        return signed_in(request, one, status=200)

    async def sign_out(request: web.Request) -> web.Response:
        secret = request.cookies.get(COOKIE)
        if secret is not None and request[VIEWER].is_session:
            await accounts.sessions.sign_out(secret)
        response = web.Response(status=204)
        response.del_cookie(COOKIE, path="/")
        return response

    async def me(request: web.Request) -> web.Response:
        viewer = request[VIEWER]
        secret = request.cookies.get(COOKIE, "")
        return replies.json({"user": _me(viewer), "csrf": auth.csrf_token(secret) if viewer.is_session else None})

    async def password(request: web.Request) -> web.Response:
        asked = await body.read(request, _NewPassword)
        await people.change_password(request[VIEWER], asked.current, asked.new)
        return web.Response(status=204)

    return [
        web.post("/api/v1/setup", setup),
        web.post("/api/v1/session", sign_in),
        web.delete("/api/v1/session", sign_out),
        web.get("/api/v1/me", me),
        web.put("/api/v1/me/password", password),
    ]


def _me(viewer: Viewer) -> dict[str, Any]:
    return {"id": viewer.user_id, "name": viewer.name, "admin": viewer.is_admin, "max_rank": viewer.max_rank}


def _client(request: web.Request) -> str:
    return request.headers.get("User-Agent", "")
