"""Genres, as they are tagged on tracks that are there."""

from __future__ import annotations

from mediaserver.catalog import paging
from mediaserver.catalog.shapes import Genre, Page
from mediaserver.core.units import GenreId
from mediaserver.storage.database import NO_PARAMS, Database, Row

_COUNT = (
    "(SELECT COUNT(*) FROM track_genres tg JOIN tracks t ON t.id = tg.track_id"
    " WHERE tg.genre_id = g.id AND t.missing_since_ms IS NULL)"
)


def _genre(row: Row) -> Genre:
    return Genre(GenreId(row["id"]), row["name"], row["track_count"])


class Genres:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, *, limit: int, cursor: str | None = None) -> Page[Genre]:
        """By name. Raises Invalid for a cursor of another list."""
        where, params = "1 = 1", NO_PARAMS
        if cursor is not None:
            where, params = paging.after(["g.sort_key", "g.id"], paging.decode(cursor, (str, int)), descending=False)
        rows = await self._database.all(
            f"SELECT g.id, g.name, g.sort_key, {_COUNT} AS track_count FROM genres g WHERE {where} AND EXISTS"
            " (SELECT 1 FROM track_genres tg JOIN tracks t ON t.id = tg.track_id WHERE tg.genre_id = g.id"
            " AND t.missing_since_ms IS NULL) ORDER BY g.sort_key, g.id LIMIT :limit",
            {**params, "limit": limit + 1},
        )
        return paging.page_of(rows, limit, _genre, lambda row: [row["sort_key"], row["id"]])
