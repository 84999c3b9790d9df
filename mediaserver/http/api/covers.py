"""GET covers: pictures in asked sizes, for who is signed in."""

from __future__ import annotations

from typing import Annotated

from aiohttp import web
from msgspec import Meta

from mediaserver.accounts.permits import Viewer
from mediaserver.core.errors import Damaged, NotFound, WorkerFailed
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.shapes import Query
from mediaserver.streaming.covers import SIZES_PX, Covers, Format, size_px
from mediaserver.views.browsing import Browsing


class CoverAsked(Query):
    size: Annotated[
        int, Meta(ge=1, le=SIZES_PX[-1], description="width and height in pixels; the next larger one there is comes")
    ] = 300


def routes(browsing: Browsing, covers: Covers) -> list[Endpoint]:
    door = Door("Covers", "Pictures of albums.")

    @door(
        "GET /api/v1/covers/{digest}",
        content=["image/webp", "image/jpeg"],
        also={304: "`If-None-Match` has the picture's ETag"},
        raises=[NotFound, WorkerFailed],
    )
    async def cover(request: web.Request, viewer: Viewer, digest: str, query: CoverAsked) -> web.Response:
        """A picture: WebP where `Accept` has it, else JPEG.

        What an address shows never changes, and browsers keep it for a year.
        """
        size = size_px(query.size)
        fmt: Format = "webp" if "image/webp" in request.headers.get("Accept", "") else "jpeg"
        etag = f'"{digest}.{size}.{fmt}"'
        headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": etag, "Vary": "Accept"}
        file = await browsing.picture(viewer, digest)
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        try:
            media = await covers.get(digest, file.path, is_embedded=file.is_embedded, size=size, fmt=fmt)
        except Damaged as error:
            raise NotFound("the picture cannot be read") from error
        return web.Response(body=media.body, content_type=media.content_type, headers=headers)

    return door.endpoints
