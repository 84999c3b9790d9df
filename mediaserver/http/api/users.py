"""People, for administrators."""

from __future__ import annotations

import msgspec
from aiohttp import web

from mediaserver.accounts.permits import HIGHEST_RANK
from mediaserver.core.units import UserId
from mediaserver.http.api import shapes
from mediaserver.http.base import body, params, replies
from mediaserver.http.base.auth import VIEWER
from mediaserver.views.administration import Administration


class _NewUser(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    password: str
    admin: bool = False
    max_rank: int = HIGHEST_RANK


class _ChangedUser(msgspec.Struct, forbid_unknown_fields=True):
    admin: bool | None = None
    max_rank: int | None = None
    password: str | None = None


def routes(administration: Administration) -> list[web.RouteDef]:
    async def users(request: web.Request) -> web.Response:
        return replies.page([shapes.user(one) for one in await administration.users(request[VIEWER])], None)

    async def add(request: web.Request) -> web.Response:
        request[VIEWER].must_be_admin()
        asked = await body.read(request, _NewUser)
        user = await administration.add_user(
            request[VIEWER], asked.name, asked.password, is_admin=asked.admin, max_rank=asked.max_rank
        )
        return replies.json(shapes.user(user), status=201)

    async def change(request: web.Request) -> web.Response:
        request[VIEWER].must_be_admin()
        asked = await body.read(request, _ChangedUser)
        user = await administration.change_user(
            request[VIEWER],
            UserId(params.path_id(request)),
            is_admin=asked.admin,
            max_rank=asked.max_rank,
            password=asked.password,
        )
        return replies.json(shapes.user(user))

    async def remove(request: web.Request) -> web.Response:
        await administration.remove_user(request[VIEWER], UserId(params.path_id(request)))
        return web.Response(status=204)

    return [
        web.get("/api/v1/users", users),
        web.post("/api/v1/users", add),
        web.patch("/api/v1/users/{id}", change),
        web.delete("/api/v1/users/{id}", remove),
    ]
