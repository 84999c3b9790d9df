"""GET covers: pictures in asked sizes, for who is signed in."""

from __future__ import annotations

from aiohttp import web

from mediaserver.core.errors import Damaged, NotFound
from mediaserver.http.base import params
from mediaserver.http.base.auth import VIEWER
from mediaserver.streaming.covers import Covers, Format, size_px
from mediaserver.views.browsing import Browsing

_DEFAULT_PX = 300


def routes(browsing: Browsing, covers: Covers) -> list[web.RouteDef]:
    async def cover(request: web.Request) -> web.Response:
        size = size_px(params.integer(request, "size", default=_DEFAULT_PX))
        fmt: Format = "webp" if "image/webp" in request.headers.get("Accept", "") else "jpeg"
        digest = params.checked_text(request.match_info["digest"], "digest")
        etag = f'"{digest}.{size}.{fmt}"'
        headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": etag, "Vary": "Accept"}
        file = await browsing.picture(request[VIEWER], digest)
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        try:
            media = await covers.get(digest, file.path, is_embedded=file.is_embedded, size=size, fmt=fmt)
        except Damaged as error:
            raise NotFound("the picture cannot be read") from error
        return web.Response(body=media.body, content_type=media.content_type, headers=headers)

    return [web.get("/api/v1/covers/{digest}", cover)]
