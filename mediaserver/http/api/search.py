"""GET search: all kinds at once, or one of them by pages."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mediaserver.accounts.permits import Viewer
from mediaserver.http.api import shapes
from mediaserver.http.api.shapes import Album, Artist, Track
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.shapes import Page, Paging, Shape, page
from mediaserver.views.levels import Levels
from mediaserver.views.searching import Searching


class SearchAsked(Paging, kw_only=True):
    q: Annotated[str, Meta(description="words or their beginnings", examples=["bjo"])]
    type: Annotated[
        Literal["all", "artist", "album", "track"], Meta(description="one kind, which then comes by pages")
    ] = "all"


class Found(Shape):
    """The best of each kind."""

    artists: Page[Artist]
    albums: Page[Album]
    tracks: Page[Track]


def routes(searching: Searching, levels: Levels) -> list[Endpoint]:
    door = Door("Search", "Words by their beginnings, whatever their case and diacritics.", is_revalidated=True)

    @door("GET /api/v1/search")
    async def search(viewer: Viewer, query: SearchAsked) -> Found | Page[Artist] | Page[Album] | Page[Track]:
        """What fits best, of all kinds or of one.

        Without `type`, a page of each kind: `{"artists": ..., "albums": ..., "tracks": ...}`. With it, one page.
        """
        q, limit, cursor = query.q, query.limit, query.cursor
        if query.type == "artist":
            return page(await searching.artists(viewer, q, limit=limit, cursor=cursor), shapes.artist)
        if query.type == "album":
            return page(await searching.albums(viewer, q, limit=limit, cursor=cursor), shapes.album)
        if query.type == "track":
            only = await searching.tracks(viewer, q, limit=limit, cursor=cursor)
            heard = await levels.of_tracks(viewer, only.items)
            return page(only, lambda one: shapes.track(one, heard.get(one.id)))
        found = await searching.everything(viewer, q, limit=limit)
        known = await levels.of_tracks(viewer, found.tracks.items)
        return Found(
            page(found.artists, shapes.artist),
            page(found.albums, shapes.album),
            page(found.tracks, lambda one: shapes.track(one, known.get(one.id))),
        )

    return door.endpoints
