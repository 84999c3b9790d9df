"""A person's own sessions and tokens."""

from __future__ import annotations

import msgspec
from aiohttp import web

from mediaserver.core.units import TokenId
from mediaserver.http.api import shapes
from mediaserver.http.base import body, params, replies
from mediaserver.http.base.auth import VIEWER
from mediaserver.views.people import People


class _NewToken(msgspec.Struct, forbid_unknown_fields=True):
    name: str


def routes(people: People) -> list[web.RouteDef]:
    async def sessions(request: web.Request) -> web.Response:
        viewer = request[VIEWER]
        found = await people.sessions(viewer)
        return replies.page([shapes.session(one, is_current=one.grant == viewer.grant) for one in found], None)

    async def revoke_session(request: web.Request) -> web.Response:
        await people.revoke_session(request[VIEWER], params.path_id(request))
        return web.Response(status=204)

    async def tokens(request: web.Request) -> web.Response:
        return replies.page([shapes.token(one) for one in await people.tokens(request[VIEWER])], None)

    async def create_token(request: web.Request) -> web.Response:
        asked = await body.read(request, _NewToken)
        token, secret = await people.create_token(request[VIEWER], asked.name)
        return replies.json({**shapes.token(token), "token": secret}, status=201)

    async def revoke_token(request: web.Request) -> web.Response:
        await people.revoke_token(request[VIEWER], TokenId(params.path_id(request)))
        return web.Response(status=204)

    return [
        web.get("/api/v1/sessions", sessions),
        web.delete("/api/v1/sessions/{id}", revoke_session),
        web.get("/api/v1/tokens", tokens),
        web.post("/api/v1/tokens", create_token),
        web.delete("/api/v1/tokens/{id}", revoke_token),
    ]
