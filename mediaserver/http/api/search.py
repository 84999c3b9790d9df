"""GET search: all kinds at once, or one of them by pages."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from mediaserver.http.api import shapes
from mediaserver.http.base import params, replies
from mediaserver.http.base.auth import VIEWER
from mediaserver.views.searching import Page, Searching

_KINDS = ("all", "artist", "album", "track")


def routes(searching: Searching) -> list[web.RouteDef]:
    async def search(request: web.Request) -> web.Response:
        viewer, query, limit = request[VIEWER], params.text(request, "q"), params.limit(request)
        kind = params.choice(request, "type", _KINDS, default="all")
        cursor = params.cursor(request)
        if kind == "artist":
            artists = await searching.artists(viewer, query, limit=limit, cursor=cursor)
            return replies.json(_list(artists, shapes.artist))
        if kind == "album":
            albums = await searching.albums(viewer, query, limit=limit, cursor=cursor)
            return replies.json(_list(albums, shapes.album))
        if kind == "track":
            tracks = await searching.tracks(viewer, query, limit=limit, cursor=cursor)
            return replies.json(_list(tracks, shapes.track))
        found = await searching.everything(viewer, query, limit=limit)
        return replies.json(
            {
                "artists": _list(found.artists, shapes.artist),
                "albums": _list(found.albums, shapes.album),
                "tracks": _list(found.tracks, shapes.track),
            }
        )

    return [web.get("/api/v1/search", search)]


def _list(page: Page[Any], shape: Any) -> dict[str, Any]:
    return {"items": [shape(one) for one in page.items], "next": page.next}
