"""GET artists, albums, tracks and genres."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from aiohttp import web

from mediaserver.core.units import AlbumId, ArtistId, GenreId, TrackId
from mediaserver.http.api import shapes
from mediaserver.http.base import params, replies
from mediaserver.http.base.auth import VIEWER
from mediaserver.views.browsing import AlbumSort, Browsing, TrackSort

Id = TypeVar("Id")


def routes(browsing: Browsing) -> list[web.RouteDef]:
    async def artists(request: web.Request) -> web.Response:
        page = await browsing.artists(request[VIEWER], limit=params.limit(request), cursor=params.cursor(request))
        return replies.page([shapes.artist(one) for one in page.items], page.next)

    async def artist(request: web.Request) -> web.Response:
        found = await browsing.artist(request[VIEWER], ArtistId(params.path_id(request)))
        body = shapes.artist(found.artist)
        body["albums"] = [shapes.album(one) for one in found.albums]
        body["appears_on"] = [shapes.album(one) for one in found.appears_on]
        return replies.json(body)

    async def albums(request: web.Request) -> web.Response:
        sort = params.choice(request, "sort", ("title", "artist", "added", "year"), default="title")
        page = await browsing.albums(
            request[VIEWER],
            sort=cast(AlbumSort, sort),
            descending=_descending(request),
            artist_id=_optional(request, "artist", ArtistId),
            genre_id=_optional(request, "genre", GenreId),
            limit=params.limit(request),
            cursor=params.cursor(request),
        )
        return replies.page([shapes.album(one) for one in page.items], page.next)

    async def album(request: web.Request) -> web.Response:
        found = await browsing.album(request[VIEWER], AlbumId(params.path_id(request)))
        body = shapes.album(found.album)
        body["tracks"] = [shapes.track(one) for one in found.tracks]
        return replies.json(body)

    async def tracks(request: web.Request) -> web.Response:
        sort = params.choice(request, "sort", ("title", "added"), default="title")
        page = await browsing.tracks(
            request[VIEWER],
            sort=cast(TrackSort, sort),
            descending=_descending(request),
            artist_id=_optional(request, "artist", ArtistId),
            album_id=_optional(request, "album", AlbumId),
            genre_id=_optional(request, "genre", GenreId),
            limit=params.limit(request),
            cursor=params.cursor(request),
        )
        return replies.page([shapes.track(one) for one in page.items], page.next)

    async def track(request: web.Request) -> web.Response:
        return replies.json(shapes.track(await browsing.track(request[VIEWER], TrackId(params.path_id(request)))))

    async def genres(request: web.Request) -> web.Response:
        page = await browsing.genres(request[VIEWER], limit=params.limit(request), cursor=params.cursor(request))
        return replies.page([shapes.genre(one) for one in page.items], page.next)

    return [
        web.get("/api/v1/artists", artists),
        web.get("/api/v1/artists/{id}", artist),
        web.get("/api/v1/albums", albums),
        web.get("/api/v1/albums/{id}", album),
        web.get("/api/v1/tracks", tracks),
        web.get("/api/v1/tracks/{id}", track),
        web.get("/api/v1/genres", genres),
    ]


def _descending(request: web.Request) -> bool:
    return params.choice(request, "order", ("asc", "desc"), default="asc") == "desc"


def _optional(request: web.Request, name: str, kind: Callable[[int], Id]) -> Id | None:
    number = params.optional_integer(request, name)
    return None if number is None else kind(number)
