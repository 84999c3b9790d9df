"""Search: every word of the query must begin a word of the name, or of the artist or album beside it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from mediaserver.catalog import paging
from mediaserver.catalog.albums import Albums
from mediaserver.catalog.artists import Artists
from mediaserver.catalog.shapes import Album, Artist, Page, Track
from mediaserver.catalog.tracks import Tracks
from mediaserver.core.errors import Invalid
from mediaserver.storage import search
from mediaserver.storage.database import Database

T = TypeVar("T")
_FARTHEST = 10_000


class Find:
    def __init__(self, database: Database, artists: Artists, albums: Albums, tracks: Tracks) -> None:
        self._database = database
        self._artists = artists
        self._albums = albums
        self._tracks = tracks

    async def artists(self, query: str, *, limit: int, cursor: str | None = None) -> Page[Artist]:
        """Best first. What is not there is left out, so that a page may be shorter than `limit`."""
        return await self._find("artist", query, limit, cursor, self._artists.of_ids)

    async def albums(self, query: str, *, limit: int, cursor: str | None = None) -> Page[Album]:
        return await self._find("album", query, limit, cursor, self._albums.of_ids)

    async def tracks(self, query: str, *, limit: int, cursor: str | None = None) -> Page[Track]:
        return await self._find("track", query, limit, cursor, self._tracks.of_ids)

    async def _find(
        self,
        kind: search.Kind,
        query: str,
        limit: int,
        cursor: str | None,
        load: Callable[[Sequence[int]], Awaitable[list[T]]],
    ) -> Page[T]:
        offset, bound = 0, paging.mark("search", kind, query)
        if cursor is not None:
            offset = int(paging.decode(cursor, (int,), bound)[0] or 0)
            if not 0 <= offset <= _FARTHEST:
                raise Invalid("the cursor is not one of this list", field="cursor")
        ids = await search.find(self._database, kind, query, limit=limit + 1, offset=offset)
        items = await load(ids[:limit])
        following = paging.encode([offset + limit], bound) if len(ids) > limit and offset + limit <= _FARTHEST else None
        return Page(tuple(items), following)
