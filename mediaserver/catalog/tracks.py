"""Tracks: what they are and where their files lie."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from mediaserver.catalog import paging
from mediaserver.catalog.shapes import ArtistRef, Page, Track, TrackFile
from mediaserver.core.errors import NotFound
from mediaserver.core.units import AlbumId, ArtistId, Digest, GenreId, LibraryId, TrackId
from mediaserver.media import cuts
from mediaserver.media.cuts import Cut
from mediaserver.media.gains import Tagged
from mediaserver.storage.database import Database, Row

Sort = Literal["title", "added"]

_SELECT = "SELECT t.*, al.title AS album_title FROM tracks t JOIN albums al ON al.id = t.album_id"
_LISTING = paging.Listing(
    "tracks",
    _SELECT,
    "t.missing_since_ms IS NULL",
    {
        "artist": "t.id IN (SELECT track_id FROM track_artists WHERE artist_id = :artist)",
        "album": "t.album_id = :album",
        "genre": "t.id IN (SELECT track_id FROM track_genres WHERE genre_id = :genre)",
    },
)
_ORDERS: dict[Sort, paging.Order] = {
    "title": paging.Order(("t.sort_key", "t.id"), ("sort_key", "id"), (str, int)),
    "added": paging.Order(("t.added_at_ms", "t.id"), ("added_at_ms", "id"), (int, int)),
}
_FILES_AT_ONCE = 500
_PLACE = "t.path, t.cut_start, t.cut_stop, t.rate_hz, l.root"


class Tracks:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self,
        *,
        sort: Sort = "title",
        descending: bool = False,
        artist_id: ArtistId | None = None,
        album_id: AlbumId | None = None,
        genre_id: GenreId | None = None,
        limit: int,
        cursor: str | None = None,
    ) -> Page[Track]:
        """Tracks that are there. Raises Invalid for a cursor of another list."""
        rows, following = await paging.rows_of(
            self._database,
            _LISTING,
            _ORDERS[sort],
            wanted={"artist": artist_id, "album": album_id, "genre": genre_id},
            limit=limit,
            cursor=cursor,
            descending=descending,
        )
        return Page(tuple(await self._shaped(rows)), following)

    async def get(self, track_id: TrackId) -> Track:
        """Also of a track whose file is missing. Raises NotFound."""
        rows = await self._database.all(f"{_SELECT} WHERE t.id = :id", {"id": track_id})
        if not rows:
            raise NotFound("there is no such track")
        return (await self._shaped(rows))[0]

    async def of_ids(self, ids: Sequence[int]) -> list[Track]:
        """Those whose files are there, in the order of `ids`."""
        rows = await self._database.all(f"{_SELECT} WHERE t.id IN (:ids*) AND t.missing_since_ms IS NULL", {"ids": ids})
        by_id = {track.id: track for track in await self._shaped(rows)}
        return [by_id[TrackId(i)] for i in ids if i in by_id]

    async def titles(self, ids: Collection[TrackId]) -> dict[TrackId, tuple[str, str]]:
        """Title and artist of those that there are, also while their files are missing."""
        rows = await self._database.all(
            "SELECT id, title, artist_credit FROM tracks WHERE id IN (:ids*)", {"ids": list(ids)}
        )
        return {TrackId(row["id"]): (row["title"], row["artist_credit"]) for row in rows}

    async def of_album(self, album_id: AlbumId) -> tuple[Track, ...]:
        """In the order of discs and tracks; only what is there."""
        rows = await self._database.all(
            f"{_SELECT} WHERE t.album_id = :album AND t.missing_since_ms IS NULL"
            " ORDER BY t.disc_no, t.track_no, t.sort_key, t.id",
            {"album": album_id},
        )
        return tuple(await self._shaped(rows))

    async def file(self, track_id: TrackId) -> TrackFile:
        """Where the audio lies. Raises NotFound, also while the file is missing."""
        row = await self._database.one(
            "SELECT t.*, l.root FROM tracks t JOIN libraries l ON l.id = t.library_id"
            " WHERE t.id = :id AND t.missing_since_ms IS NULL",
            {"id": track_id},
        )
        if row is None:
            raise NotFound("there is no such track, or its file is missing")
        return TrackFile(
            TrackId(row["id"]),
            LibraryId(row["library_id"]),
            _place(row),
            row["size_bytes"],
            row["mtime_ns"],
            row["duration_ms"],
            row["container"],
            row["codec"],
            bool(row["is_lossless"]),
        )

    async def paths(self, ids: Sequence[TrackId]) -> dict[TrackId, str]:
        """Where the audio of at most 500 tracks lies, absolute, also of missing ones: files, and places in them."""
        rows = await self._database.all(
            f"SELECT t.id, {_PLACE} FROM tracks t JOIN libraries l ON l.id = t.library_id WHERE t.id IN (:ids*)",
            {"ids": list(ids)},
        )
        return {TrackId(row["id"]): _place(row) for row in rows}

    async def paths_of_album(self, album_id: AlbumId) -> list[str]:
        """The same of all tracks of an album that are there."""
        rows = await self._database.all(
            f"SELECT {_PLACE} FROM tracks t JOIN libraries l ON l.id = t.library_id"
            " WHERE t.album_id = :album AND t.missing_since_ms IS NULL ORDER BY t.id",
            {"album": album_id},
        )
        return [_place(row) for row in rows]

    async def files(self) -> AsyncIterator[tuple[str, int, int]]:
        """Path (of tracks that are cut out of a file their place), size in bytes and mtime in ns of every file that is
        there, the newest first.
        """
        last = 2**62
        while True:
            rows = await self._database.all(
                f"SELECT t.id, t.size_bytes, t.mtime_ns, {_PLACE} FROM tracks t JOIN libraries l"
                " ON l.id = t.library_id WHERE t.id < :last AND t.missing_since_ms IS NULL"
                " ORDER BY t.id DESC LIMIT :limit",
                {"last": last, "limit": _FILES_AT_ONCE},
            )
            for row in rows:
                yield _place(row), row["size_bytes"], row["mtime_ns"]
            if len(rows) < _FILES_AT_ONCE:
                return
            last = rows[-1]["id"]

    async def known_paths(self, paths: Sequence[str]) -> set[str]:
        """Which of these absolute paths and places are tracks, also while their files are missing. One query for each
        library.
        """
        known: set[str] = set()
        for library in await self._database.all("SELECT id, root FROM libraries"):
            inside = {str(Path(path).relative_to(library["root"])): path for path in paths if _is_below(path, library)}
            rows = await self._database.all(
                f"SELECT {_PLACE} FROM tracks t JOIN libraries l ON l.id = t.library_id"
                " WHERE t.library_id = :library AND t.path IN (:paths*)",
                {"library": library["id"], "paths": list(set(map(cuts.track_path_of, inside)))},
            )
            known |= set(map(_place, rows)) & set(inside.values())
        return known

    async def _shaped(self, rows: Sequence[Row]) -> list[Track]:
        """Two more queries, however many rows."""
        ids = [row["id"] for row in rows]
        artists: Mapping[int, list[ArtistRef]] = defaultdict(list)
        for row in await self._database.all(
            "SELECT ta.track_id, ar.id, ar.name FROM track_artists ta JOIN artists ar ON ar.id = ta.artist_id"
            " WHERE ta.track_id IN (:ids*) ORDER BY ta.track_id, ta.position",
            {"ids": ids},
        ):
            artists[row["track_id"]].append(ArtistRef(ArtistId(row["id"]), row["name"]))
        genres: Mapping[int, list[str]] = defaultdict(list)
        for row in await self._database.all(
            "SELECT tg.track_id, g.name FROM track_genres tg JOIN genres g ON g.id = tg.genre_id"
            " WHERE tg.track_id IN (:ids*) ORDER BY tg.track_id, g.sort_key",
            {"ids": ids},
        ):
            genres[row["track_id"]].append(row["name"])
        return [_track(row, artists[row["id"]], genres[row["id"]]) for row in rows]


def _place(row: Row) -> str:
    """Of a row of `_PLACE`."""
    cut = None if row["cut_start"] is None else Cut(row["cut_start"], row["cut_stop"], row["rate_hz"])
    return cuts.place(str(Path(row["root"], row["path"])), cut)


def _is_below(path: str, library: Row) -> bool:
    return path.startswith(library["root"].rstrip("/") + "/")


def _track(row: Mapping[str, Any], artists: list[ArtistRef], genres: list[str]) -> Track:
    return Track(
        id=TrackId(row["id"]),
        title=row["title"],
        album_id=AlbumId(row["album_id"]),
        album_title=row["album_title"],
        artist_credit=row["artist_credit"],
        artists=tuple(artists),
        genres=tuple(genres),
        disc_no=row["disc_no"],
        track_no=row["track_no"],
        year=row["year"],
        date=row["date"],
        duration_ms=row["duration_ms"],
        container=row["container"],
        codec=row["codec"],
        rate_hz=row["rate_hz"],
        channels=row["channels"],
        bit_depth=row["bit_depth"],
        bitrate_bps=row["bitrate_bps"],
        is_lossless=bool(row["is_lossless"]),
        size_bytes=row["size_bytes"],
        picture=Digest(row["picture_digest"]) if row["picture_digest"] else None,
        is_missing=row["missing_since_ms"] is not None,
        added_at_ms=row["added_at_ms"],
        tagged=Tagged(
            *(row["tagged_track_gain_db"], row["tagged_track_peak"]),
            *(row["tagged_album_gain_db"], row["tagged_album_peak"]),
        ),
    )
