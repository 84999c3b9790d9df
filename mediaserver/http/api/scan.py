"""The scan: how it stands, start one, and what it could not take."""

from __future__ import annotations

import msgspec
from aiohttp import web

from mediaserver.core.errors import Invalid
from mediaserver.http.api import shapes
from mediaserver.http.base import params, replies
from mediaserver.http.base.auth import VIEWER
from mediaserver.views.administration import Administration


def routes(administration: Administration) -> list[web.RouteDef]:
    async def status(request: web.Request) -> web.Response:
        return replies.json(msgspec.to_builtins(administration.scan_status(request[VIEWER])))

    async def start(request: web.Request) -> web.Response:
        return replies.json(msgspec.to_builtins(administration.start_scan(request[VIEWER])), status=202)

    async def problems(request: web.Request) -> web.Response:
        limit, cursor = params.limit(request), params.cursor(request)
        if cursor is not None and not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise Invalid("the cursor is not one of this list", field="cursor")
        found = await administration.problems(
            request[VIEWER],
            reason=params.text(request, "reason", default="") or None,
            after_id=int(cursor or 0),
            limit=limit + 1,
        )
        shown = found[:limit]
        following = str(shown[-1].id) if len(found) > limit else None
        return replies.page([shapes.problem(one) for one in shown], following)

    return [
        web.get("/api/v1/scan", status),
        web.post("/api/v1/scan", start),
        web.get("/api/v1/scan/problems", problems),
    ]
