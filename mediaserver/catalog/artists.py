"""Artists who have an album or a credit on a track that is there."""

from __future__ import annotations

from collections.abc import Sequence

from mediaserver.catalog import paging
from mediaserver.catalog.albums import IS_PRESENT as _ALBUM_IS_PRESENT
from mediaserver.catalog.shapes import Artist, Page
from mediaserver.core.errors import NotFound
from mediaserver.core.units import ArtistId, Digest
from mediaserver.storage.database import Database, Row

_COLUMNS = (
    "ar.id, ar.name, ar.sort_key,"
    " (SELECT COUNT(DISTINCT al.id) FROM album_artists aa JOIN albums al ON al.id = aa.album_id"
    f"  WHERE aa.artist_id = ar.id AND {_ALBUM_IS_PRESENT}) AS album_count,"
    " (SELECT COUNT(*) FROM track_artists ta JOIN tracks t ON t.id = ta.track_id"
    "  WHERE ta.artist_id = ar.id AND t.missing_since_ms IS NULL) AS track_count,"
    " (SELECT al.picture_digest FROM album_artists aa JOIN albums al ON al.id = aa.album_id"
    f"  WHERE aa.artist_id = ar.id AND al.picture_digest IS NOT NULL AND {_ALBUM_IS_PRESENT}"
    "  ORDER BY COALESCE(al.year, 0) DESC, al.id DESC LIMIT 1) AS picture"
)
_IS_PRESENT = (
    "(EXISTS (SELECT 1 FROM track_artists ta JOIN tracks t ON t.id = ta.track_id"
    " WHERE ta.artist_id = ar.id AND t.missing_since_ms IS NULL)"
    " OR EXISTS (SELECT 1 FROM album_artists aa JOIN tracks t ON t.album_id = aa.album_id"
    " WHERE aa.artist_id = ar.id AND t.missing_since_ms IS NULL))"
)
_LISTING = paging.Listing("artists", f"SELECT {_COLUMNS} FROM artists ar", _IS_PRESENT)
_ORDER = paging.Order(("ar.sort_key", "ar.id"), ("sort_key", "id"), (str, int))


def _artist(row: Row) -> Artist:
    picture = Digest(row["picture"]) if row["picture"] else None
    return Artist(ArtistId(row["id"]), row["name"], row["album_count"], row["track_count"], picture)


class Artists:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, *, limit: int, cursor: str | None = None) -> Page[Artist]:
        """By name, articles and accents left out. Raises Invalid for a cursor of another list."""
        rows, following = await paging.rows_of(self._database, _LISTING, _ORDER, limit=limit, cursor=cursor)
        return Page(tuple(_artist(row) for row in rows), following)

    async def get(self, artist_id: ArtistId) -> Artist:
        """Raises NotFound, also for an artist of whom nothing is there."""
        found = await self.of_ids([artist_id])
        if not found:
            raise NotFound("there is no such artist")
        return found[0]

    async def of_ids(self, ids: Sequence[int]) -> list[Artist]:
        """Those that are there, in the order of `ids`."""
        rows = await self._database.all(
            f"SELECT {_COLUMNS} FROM artists ar WHERE ar.id IN (:ids*) AND {_IS_PRESENT}", {"ids": ids}
        )
        by_id = {row["id"]: _artist(row) for row in rows}
        return [by_id[i] for i in ids if i in by_id]
