"""Search as one person may find."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from mediaserver.accounts.permits import Viewer
from mediaserver.catalog.find import Find
from mediaserver.catalog.shapes import Album, Artist, Page, Track

__all__ = ["Album", "Artist", "Found", "Page", "Searching", "Track"]


@dataclass(frozen=True, slots=True)
class Found:
    artists: Page[Artist]
    albums: Page[Album]
    tracks: Page[Track]


class Searching:
    def __init__(self, find: Find) -> None:
        self._find = find

    async def everything(self, viewer: Viewer, query: str, *, limit: int) -> Found:
        """The best of each kind, side by side."""
        artists, albums, tracks = await asyncio.gather(
            self._find.artists(query, limit=limit),
            self._find.albums(query, limit=limit),
            self._find.tracks(query, limit=limit),
        )
        return Found(artists, albums, tracks)

    async def artists(self, viewer: Viewer, query: str, *, limit: int, cursor: str | None) -> Page[Artist]:
        return await self._find.artists(query, limit=limit, cursor=cursor)

    async def albums(self, viewer: Viewer, query: str, *, limit: int, cursor: str | None) -> Page[Album]:
        return await self._find.albums(query, limit=limit, cursor=cursor)

    async def tracks(self, viewer: Viewer, query: str, *, limit: int, cursor: str | None) -> Page[Track]:
        return await self._find.tracks(query, limit=limit, cursor=cursor)
