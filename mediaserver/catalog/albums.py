"""Albums with at least one track that is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from mediaserver.catalog import paging
from mediaserver.catalog.shapes import Album, ArtistRef, Page
from mediaserver.core.errors import NotFound
from mediaserver.core.units import AlbumId, ArtistId, Digest, GenreId
from mediaserver.storage.database import Database, Row

Sort = Literal["title", "artist", "added", "year"]

_OLDEST, _NEWEST = "COALESCE(al.year, 9999)", "COALESCE(al.year, 0)"  # without a year: last, both ways

_COLUMNS = (
    "al.id, al.title, al.sort_key, al.artist_credit, al.artist_sort_key, al.year, al.is_compilation,"
    f" al.picture_digest, al.added_at_ms, {_OLDEST} AS oldest, {_NEWEST} AS newest,"
    " (SELECT COUNT(*) FROM tracks t WHERE t.album_id = al.id AND t.missing_since_ms IS NULL) AS track_count,"
    " (SELECT COALESCE(SUM(t.duration_ms), 0) FROM tracks t WHERE t.album_id = al.id AND t.missing_since_ms IS NULL)"
    " AS duration_ms"
)
IS_PRESENT = "EXISTS (SELECT 1 FROM tracks t WHERE t.album_id = al.id AND t.missing_since_ms IS NULL)"
_LISTING = paging.Listing(
    "albums",
    f"SELECT {_COLUMNS} FROM albums al",
    IS_PRESENT,
    {
        "artist": "al.id IN (SELECT album_id FROM album_artists WHERE artist_id = :artist)",
        "genre": "al.id IN (SELECT t.album_id FROM tracks t JOIN track_genres tg ON tg.track_id = t.id"
        " WHERE tg.genre_id = :genre AND t.missing_since_ms IS NULL)",
    },
)
_ORDERS: dict[Sort | Literal["newest"], paging.Order] = {
    "title": paging.Order(("al.sort_key", "al.id"), ("sort_key", "id"), (str, int)),
    "artist": paging.Order(
        ("al.artist_sort_key", "al.sort_key", "al.id"), ("artist_sort_key", "sort_key", "id"), (str, str, int)
    ),
    "added": paging.Order(("al.added_at_ms", "al.id"), ("added_at_ms", "id"), (int, int)),
    "year": paging.Order((_OLDEST, "al.id"), ("oldest", "id"), (int, int)),
    "newest": paging.Order((_NEWEST, "al.id"), ("newest", "id"), (int, int)),
}


class Albums:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        *,
        sort: Sort = "title",
        descending: bool = False,
        artist_id: ArtistId | None = None,
        genre_id: GenreId | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[Album]:
        """Sorted by year, albums without one come last. Raises Invalid for a cursor of another list."""
        rows, following = await paging.rows_of(
            self._database,
            _LISTING,
            _ORDERS["newest" if sort == "year" and descending else sort],
            wanted={"artist": artist_id, "genre": genre_id},
            limit=limit,
            cursor=cursor,
            descending=descending,
        )
        artists = await self._artists([row["id"] for row in rows])
        return Page(tuple(_album(row, artists) for row in rows), following)

    async def get(self, album_id: AlbumId) -> Album:
        """Raises NotFound, also for an album of which nothing is there."""
        found = await self.of_ids([album_id])
        if not found:
            raise NotFound("there is no such album")
        return found[0]

    async def of_ids(self, ids: Sequence[int]) -> list[Album]:
        """Those that are there, in the order of `ids`."""
        albums = await self._some("al.id IN (:ids*)", {"ids": ids})
        by_id = {album.id: album for album in albums}
        return [by_id[AlbumId(i)] for i in ids if i in by_id]

    async def by_artist(self, artist_id: ArtistId) -> list[Album]:
        """The artist's own albums, the newest first."""
        own = "al.id IN (SELECT album_id FROM album_artists WHERE artist_id = :artist)"
        return await self._some(own, {"artist": artist_id})

    async def appears_on(self, artist_id: ArtistId) -> list[Album]:
        """Albums of others on which the artist is credited, the newest first."""
        others = (
            "al.id IN (SELECT t.album_id FROM tracks t JOIN track_artists ta ON ta.track_id = t.id"
            " WHERE ta.artist_id = :artist AND t.missing_since_ms IS NULL)"
            " AND al.id NOT IN (SELECT album_id FROM album_artists WHERE artist_id = :artist)"
        )
        return await self._some(others, {"artist": artist_id})

    async def _some(self, condition: str, params: Mapping[str, Any]) -> list[Album]:
        rows = await self._database.all(
            f"SELECT {_COLUMNS} FROM albums al WHERE {condition} AND {IS_PRESENT}"
            " ORDER BY COALESCE(al.year, 0) DESC, al.sort_key, al.id",
            params,
        )
        artists = await self._artists([row["id"] for row in rows])
        return [_album(row, artists) for row in rows]

    async def _artists(self, album_ids: Sequence[int]) -> Mapping[int, list[ArtistRef]]:
        credits = defaultdict(list)
        for row in await self._database.all(
            "SELECT aa.album_id, ar.id, ar.name FROM album_artists aa JOIN artists ar ON ar.id = aa.artist_id"
            " WHERE aa.album_id IN (:ids*) ORDER BY aa.album_id, aa.position",
            {"ids": album_ids},
        ):
            credits[row["album_id"]].append(ArtistRef(ArtistId(row["id"]), row["name"]))
        return credits


def _album(row: Row, artists: Mapping[int, list[ArtistRef]]) -> Album:
    return Album(
        AlbumId(row["id"]),
        row["title"],
        row["artist_credit"],
        tuple(artists.get(row["id"], ())),
        row["year"],
        bool(row["is_compilation"]),
        row["track_count"],
        int(row["duration_ms"]),
        Digest(row["picture_digest"]) if row["picture_digest"] else None,
        row["added_at_ms"],
    )
