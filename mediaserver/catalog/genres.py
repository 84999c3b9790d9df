"""Genres, as they are tagged on tracks that are there."""

from __future__ import annotations

from mediaserver.catalog import paging
from mediaserver.catalog.shapes import Genre, Page
from mediaserver.core.units import GenreId
from mediaserver.storage.database import Database, Row

_COUNT = (
    "(SELECT COUNT(*) FROM track_genres tg JOIN tracks t ON t.id = tg.track_id"
    " WHERE tg.genre_id = g.id AND t.missing_since_ms IS NULL)"
)
_IS_PRESENT = (
    "EXISTS (SELECT 1 FROM track_genres tg JOIN tracks t ON t.id = tg.track_id WHERE tg.genre_id = g.id"
    " AND t.missing_since_ms IS NULL)"
)
_LISTING = paging.Listing(
    "genres", f"SELECT g.id, g.name, g.sort_key, {_COUNT} AS track_count FROM genres g", _IS_PRESENT
)
_ORDER = paging.Order(("g.sort_key", "g.id"), ("sort_key", "id"), (str, int))


def _genre(row: Row) -> Genre:
    return Genre(GenreId(row["id"]), row["name"], row["track_count"])


class Genres:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, *, limit: int, cursor: str | None = None) -> Page[Genre]:
        """By name. Raises Invalid for a cursor of another list."""
        rows, following = await paging.rows_of(self._database, _LISTING, _ORDER, limit=limit, cursor=cursor)
        return Page(tuple(_genre(row) for row in rows), following)
