"""GET openapi.json: what all the doors are, for programs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import cache
from typing import Any

from aiohttp import web

from mediaserver import __version__
from mediaserver.accounts.permits import Viewer
from mediaserver.http.base import basepath, openapi
from mediaserver.http.base.endpoints import Door, Endpoint

_WORDS = """\
JSON over HTTP, the interface that the server's own page uses. Names and shapes stay; fields may be added, so a client
ignores what it does not know.

Programs send a token (`Authorization: Bearer TOKEN`), browsers a cookie. Lists are `{"items": [...], "next": CURSOR}`:
ask again with `cursor` until `next` is null. Failures are `application/problem+json` (RFC 9457). HEAD is answered
wherever GET is. What has an `ETag` is answered with 304, without a body, to `If-None-Match`.
"""


def routes(routes: Sequence[web.AbstractRouteDef]) -> list[Endpoint]:
    """`routes`: of all doors; those that are endpoints are documented, and this one with them."""
    others = [one for one in routes if isinstance(one, Endpoint)]
    others.sort(key=lambda one: not one.path.startswith("/api/"))  # what stands beside the API comes last
    door = Door("This document", "OpenAPI 3.1 of all of this.", is_revalidated=True)

    @cache
    def written() -> dict[str, Any]:
        endpoints = [*others, *door.endpoints]
        root = basepath.address("") or "/"
        return openapi.document(endpoints, title="mediaserver", version=__version__, description=_WORDS, root=root)

    @door("GET /api/v1/openapi.json")
    async def openapi_json(viewer: Viewer) -> dict[str, Any]:
        """This document (OpenAPI 3.1)."""
        return await asyncio.to_thread(written)

    return door.endpoints
