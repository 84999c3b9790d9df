"""Files into the catalogue, in batches. The only writer of its tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mediaserver.catalog import moved
from mediaserver.catalog.grouping import AlbumIdentity, identify
from mediaserver.catalog.incoming import Known, ReadFile, Stored
from mediaserver.catalog.moved import Elsewhere, chunks
from mediaserver.catalog.pictures import FIND_AGAIN
from mediaserver.catalog.settling import settle_albums
from mediaserver.core.clock import Clock
from mediaserver.core.events import CatalogChanged, EventBus
from mediaserver.core.text import identity_key, sort_key
from mediaserver.core.units import AlbumId, LibraryId, TrackId
from mediaserver.storage import search
from mediaserver.storage.below import below
from mediaserver.storage.database import Database, Transaction

_LOCK = "catalog"

_COLUMNS = (
    *("size_bytes", "mtime_ns", "identity", "title", "sort_key", "album_id", "artist_credit", "disc_no", "track_no"),
    *("year", "date", "duration_ms", "container", "codec", "rate_hz", "channels", "bit_depth", "bitrate_bps"),
    *("is_lossless", "picture_digest", "reader_version", "sheets", "cut_start", "cut_stop"),
    *("tagged_track_gain_db", "tagged_track_peak", "tagged_album_gain_db", "tagged_album_peak"),
)
_INSERT = (
    f"INSERT INTO tracks (library_id, path, {', '.join(_COLUMNS)}, added_at_ms, changed_at_ms)"
    f" VALUES (:library_id, :path, {', '.join(':' + c for c in _COLUMNS)}, :now, :now)"
)
_UPDATE = (
    f"UPDATE tracks SET {', '.join(f'{c} = :{c}' for c in _COLUMNS)}, path = :path, library_id = :library_id,"
    " missing_since_ms = NULL, changed_at_ms = :now WHERE id = :id"
)


class Writer:
    def __init__(self, database: Database, clock: Clock, events: EventBus) -> None:
        self._database = database
        self._clock = clock
        self._events = events

    async def library(self, root: str) -> LibraryId:
        """The library of this root folder (absolute), made if it is new."""
        row = await self._database.one("SELECT id FROM libraries WHERE root = :root", {"root": root})
        if row is not None:
            return LibraryId(row["id"])
        async with self._database.write() as tx:
            await tx.run("INSERT INTO libraries (root) VALUES (:root) ON CONFLICT (root) DO NOTHING", {"root": root})
            row = await tx.one("SELECT id FROM libraries WHERE root = :root", {"root": root})
        return LibraryId(row["id"]) if row else LibraryId(0)

    async def roots(self) -> list[str]:
        """The root folder of every library."""
        return [row["root"] for row in await self._database.all("SELECT root FROM libraries ORDER BY id")]

    async def known(self, library_id: LibraryId) -> dict[str, Known]:
        """Every file of a library by its path, as last seen."""
        return await self.known_in(library_id, "", is_deep=True)

    async def known_in(self, library_id: LibraryId, folder: str, *, is_deep: bool) -> dict[str, Known]:
        """Those in one folder ("" is the root), with `is_deep` also in all that are below."""
        where, params = below(folder, is_deep=is_deep, is_within="cut_start IS NOT NULL")
        rows = await self._database.all(
            "SELECT id, path, size_bytes, mtime_ns, missing_since_ms, reader_version, sheets FROM tracks"
            f" WHERE library_id = :library AND {where}",
            {"library": library_id, **params},
        )
        return {
            r["path"]: Known(
                TrackId(r["id"]),
                r["size_bytes"],
                r["mtime_ns"],
                r["missing_since_ms"] is not None,
                r["reader_version"],
                r["sheets"],
            )
            for r in rows
        }

    async def count_present(self, library_id: LibraryId) -> int:
        """How many files of a library are there, as far as is known."""
        row = await self._database.one(
            "SELECT COUNT(*) AS n FROM tracks WHERE library_id = :library AND missing_since_ms IS NULL",
            {"library": library_id},
        )
        return int(row["n"]) if row else 0

    async def store(self, library_id: LibraryId, files: Sequence[ReadFile]) -> Stored:
        """Enter a batch of files: new ones, changed ones, and moved ones, which keep the row of the missing file
        with the same identity. One transaction; a power cut may undo it whole, and the next scan repeats it.
        """
        async with self._database.write(durable=False) as tx:
            await tx.lock(_LOCK)
            return await self._store(tx, library_id, files)

    async def elsewhere(self, files: Sequence[ReadFile]) -> list[Elsewhere]:
        """Where files of the same sounds lie, as far as is known: one that is not there any more has moved."""
        return await moved.elsewhere(self._database, files)

    async def mark_missing(self, library_id: LibraryId, paths: Sequence[str], *, is_replaced: bool = False) -> int:
        """These files are gone. Their rows, and with them their history, stay. Returns how many were there before.

        With `is_replaced` the file is there, and this is no track of it any more: only reading it brings that back.
        """
        count = 0
        for chunk in chunks(paths):
            async with self._database.write(durable=False) as tx:
                await tx.lock(_LOCK)
                if is_replaced:
                    await tx.run(
                        "UPDATE tracks SET reader_version = 0 WHERE library_id = :library AND path IN (:paths*)",
                        {"library": library_id, "paths": chunk},
                    )
                rows = await tx.all(
                    "UPDATE tracks SET missing_since_ms = :now WHERE library_id = :library AND path IN (:paths*)"
                    " AND missing_since_ms IS NULL RETURNING id, album_id",
                    {"now": self._clock.now_ms(), "library": library_id, "paths": chunk},
                )
                await search.drop(tx, "track", [row["id"] for row in rows])
                self._tell(tx, {row["album_id"] for row in rows}, [row["id"] for row in rows])
                count += len(rows)
        return count

    async def mark_present(self, library_id: LibraryId, paths: Sequence[str]) -> int:
        """These files are back, unchanged. Returns how many were missing before."""
        count = 0
        for chunk in chunks(paths):
            async with self._database.write(durable=False) as tx:
                await tx.lock(_LOCK)
                rows = await tx.all(
                    "UPDATE tracks SET missing_since_ms = NULL WHERE library_id = :library AND path IN (:paths*)"
                    " AND missing_since_ms IS NOT NULL RETURNING id, title, artist_credit, album_id",
                    {"library": library_id, "paths": chunk},
                )
                albums = await _titles(tx, {row["album_id"] for row in rows})
                artists = await _credited(tx, [row["id"] for row in rows])
                await search.put(
                    tx,
                    "track",
                    [
                        (r["id"], r["title"], _found_by(r["artist_credit"], artists[r["id"]], albums[r["album_id"]]))
                        for r in rows
                    ],
                )
                self._tell(tx, {row["album_id"] for row in rows}, [row["id"] for row in rows])
                count += len(rows)
        return count

    async def prune(self) -> None:
        """Drop albums, artists, genres and pictures that no track refers to any more, missing tracks included.

        A picture whose file is gone, or holds another one now, is taken from the next file that holds it.
        """
        async with self._database.write(durable=False) as tx:
            await tx.lock(_LOCK)
            await tx.run(FIND_AGAIN)
            albums = await tx.all(
                "DELETE FROM albums WHERE NOT EXISTS (SELECT 1 FROM tracks WHERE tracks.album_id = albums.id)"
                " RETURNING id"
            )
            await search.drop(tx, "album", [row["id"] for row in albums])
            self._tell(tx, [row["id"] for row in albums], ())
            artists = await tx.all(
                "DELETE FROM artists WHERE NOT EXISTS (SELECT 1 FROM track_artists t WHERE t.artist_id = artists.id)"
                " AND NOT EXISTS (SELECT 1 FROM album_artists a WHERE a.artist_id = artists.id) RETURNING id"
            )
            await search.drop(tx, "artist", [row["id"] for row in artists])
            await tx.run(
                "DELETE FROM genres WHERE NOT EXISTS (SELECT 1 FROM track_genres t WHERE t.genre_id = genres.id)"
            )
            await tx.run(
                "DELETE FROM pictures WHERE digest NOT IN"
                " (SELECT picture_digest FROM tracks WHERE picture_digest IS NOT NULL)"
            )

    async def _store(self, tx: Transaction, library_id: LibraryId, files: Sequence[ReadFile]) -> Stored:
        now_ms = self._clock.now_ms()
        identities = [identify(library_id, file.file, file.facts) for file in files]
        artists = await _names(tx, "artists", _all_artists(files, identities))
        genres = await _names(tx, "genres", {genre for file in files for genre in file.facts.genres})
        await _pictures(tx, library_id, files)
        albums = await _albums(tx, identities, now_ms)
        existing = await moved.rows_of(tx, library_id, files)

        rows: list[dict[str, Any]] = []
        touched_albums = set(albums.values())
        for file, album in zip(files, identities, strict=True):
            row = _track_row(library_id, file, albums[album.key], now_ms)
            before = existing.get(file.path)
            if before is not None:
                row["id"] = before["id"]
                touched_albums.add(before["album_id"])
            rows.append(row)
        await tx.many(_UPDATE, [row for row in rows if "id" in row])
        added = [row for row in rows if "id" not in row]
        await tx.many(_INSERT, added)
        ids = await _ids_by_path(tx, library_id, [file.path for file in files])
        changed_ids = [row["id"] for row in rows if "id" in row]
        await _unlink(tx, changed_ids)
        await search.drop(tx, "track", changed_ids)
        await _link(tx, files, ids, artists, genres)
        await settle_albums(tx, sorted(touched_albums), {a.key: a for a in reversed(identities)}, artists)
        await search.put(
            tx,
            "track",
            [
                (ids[f.path], f.facts.title, _found_by(f.facts.artist_credit, f.facts.artists, a.title))
                for f, a in zip(files, identities, strict=True)
            ],
            all_new=True,
        )
        self._tell(tx, touched_albums, ids.values())
        others = sum(one["path"] != path for path, one in existing.items())
        return Stored(len(added), len(rows) - len(added), others)

    def _tell(self, tx: Transaction, albums: Iterable[int], tracks: Iterable[int]) -> None:
        """What this transaction changes, once it is committed."""
        changed = CatalogChanged(frozenset(map(AlbumId, albums)), frozenset(map(TrackId, tracks)))
        if changed.albums or changed.tracks:
            tx.after_commit(lambda: self._events.publish(changed))


def _all_artists(files: Sequence[ReadFile], identities: Sequence[AlbumIdentity]) -> set[str]:
    tracks = {artist for file in files for artist in file.facts.artists}
    return tracks | {artist for album in identities for artist in album.artists}


async def _names(tx: Transaction, table: str, names: set[str]) -> dict[str, int]:
    """identity_key -> id of artists or genres, new ones entered; new artists can be found from now on."""
    by_key = {identity_key(name): name for name in sorted(names)}
    ids: dict[str, int] = {}

    async def look_up(keys: Sequence[str]) -> None:
        for chunk in chunks(keys):
            rows = await tx.all(f"SELECT id, name_key FROM {table} WHERE name_key IN (:keys*)", {"keys": chunk})
            ids.update((row["name_key"], row["id"]) for row in rows)

    await look_up(list(by_key))
    new = [key for key in by_key if key not in ids]
    if new:
        await tx.many(
            f"INSERT INTO {table} (name, name_key, sort_key) VALUES (:name, :key, :sort) ON CONFLICT DO NOTHING",
            [{"name": by_key[key], "key": key, "sort": sort_key(by_key[key])} for key in new],
        )
        await look_up(new)
        if table == "artists":
            await search.put(tx, "artist", [(ids[key], by_key[key], "") for key in new], all_new=True)
    return ids


async def _pictures(tx: Transaction, library_id: LibraryId, files: Sequence[ReadFile]) -> None:
    rows = {}
    for file in files:
        folder = file.folder_picture
        if folder is not None:
            rows[folder.facts.digest] = (folder.path, False, folder.facts)
        if file.facts.picture is not None and file.facts.picture.digest not in rows:
            rows[file.facts.picture.digest] = (file.path, True, file.facts.picture)
    await tx.many(
        "INSERT INTO pictures (digest, library_id, path, embedded, mime, size_bytes)"
        " VALUES (:digest, :library, :path, :embedded, :mime, :size)"
        " ON CONFLICT (digest) DO UPDATE SET library_id = excluded.library_id, path = excluded.path,"
        " embedded = excluded.embedded",
        [
            {"digest": digest, "library": library_id, "path": path, "embedded": embedded, "mime": facts.mime,
             "size": facts.size_bytes}
            for digest, (path, embedded, facts) in sorted(rows.items())
        ],
    )  # fmt: skip


async def _albums(tx: Transaction, identities: Sequence[AlbumIdentity], now_ms: int) -> dict[str, int]:
    """album_key -> id, new ones entered with what this batch knows; `settle_albums` derives the rest."""
    unique = {album.key: album for album in reversed(identities)}  # the first spelling of a title wins
    ids: dict[str, int] = {}

    async def look_up(keys: Sequence[str]) -> None:
        for chunk in chunks(keys):
            rows = await tx.all("SELECT id, album_key FROM albums WHERE album_key IN (:keys*)", {"keys": chunk})
            ids.update((row["album_key"], row["id"]) for row in rows)

    await look_up(list(unique))
    new = [album for key, album in unique.items() if key not in ids]
    await tx.many(
        "INSERT INTO albums (album_key, title, sort_key, artist_credit, artist_sort_key, is_compilation, added_at_ms)"
        " VALUES (:key, :title, :sort, :credit, :artist_sort, :compilation, :now)",
        [
            {
                "key": album.key,
                "title": album.title,
                "sort": sort_key(album.title),
                "credit": album.credit,
                "artist_sort": sort_key(album.credit),
                "compilation": album.is_compilation,
                "now": now_ms,
            }
            for album in new
        ],
    )
    await look_up([album.key for album in new])
    return ids


def _track_row(library_id: LibraryId, file: ReadFile, album_id: int, now_ms: int) -> dict[str, Any]:
    facts = file.facts
    row: dict[str, Any] = {name: getattr(facts, name) for name in _COLUMNS if hasattr(facts, name)}
    picture = facts.picture or (file.folder_picture.facts if file.folder_picture else None)
    row |= {
        "library_id": library_id,
        "path": file.path,
        "size_bytes": file.size_bytes,
        "mtime_ns": file.mtime_ns,
        "sort_key": sort_key(facts.title),
        "album_id": album_id,
        "picture_digest": picture.digest if picture else None,
        "reader_version": file.reader_version,
        "sheets": file.sheets,
        "cut_start": file.cut.start if file.cut else None,
        "cut_stop": file.cut.stop if file.cut else None,
        **{f"tagged_{name}": getattr(facts.gain, name) for name in facts.gain.__slots__},
        "now": now_ms,
    }
    return row


async def _ids_by_path(tx: Transaction, library_id: LibraryId, paths: Sequence[str]) -> dict[str, int]:
    ids: dict[str, int] = {}
    for chunk in chunks(paths):
        rows = await tx.all(
            "SELECT id, path FROM tracks WHERE library_id = :library AND path IN (:paths*)",
            {"library": library_id, "paths": chunk},
        )
        ids.update((row["path"], row["id"]) for row in rows)
    return ids


def _found_by(credit: str, artists: Sequence[str], album: str) -> str:
    """By which words a track is found, its title aside."""
    return " ".join((credit, *artists, album))


async def _credited(tx: Transaction, track_ids: Sequence[int]) -> Mapping[int, list[str]]:
    """The names of a track's artists in their order."""
    names: dict[int, list[str]] = {track_id: [] for track_id in track_ids}
    for row in await tx.all(
        "SELECT ta.track_id, ar.name FROM track_artists ta JOIN artists ar ON ar.id = ta.artist_id"
        " WHERE ta.track_id IN (:ids*) ORDER BY ta.track_id, ta.position",
        {"ids": track_ids},
    ):
        names[row["track_id"]].append(row["name"])
    return names


async def _titles(tx: Transaction, album_ids: set[int]) -> dict[int, str]:
    rows = await tx.all("SELECT id, title FROM albums WHERE id IN (:ids*)", {"ids": sorted(album_ids)})
    return {row["id"]: row["title"] for row in rows}


async def _unlink(tx: Transaction, track_ids: Sequence[int]) -> None:
    rows = [{"id": track_id} for track_id in track_ids]
    await tx.many("DELETE FROM track_artists WHERE track_id = :id", rows)
    await tx.many("DELETE FROM track_genres WHERE track_id = :id", rows)


async def _link(
    tx: Transaction,
    files: Sequence[ReadFile],
    ids: dict[str, int],
    artists: dict[str, int],
    genres: dict[str, int],
) -> None:
    """Who is credited on these tracks and which genres they have."""
    credits, tagged = [], []
    for file in files:
        track_id = ids[file.path]
        unique = dict.fromkeys(artists[identity_key(name)] for name in file.facts.artists)
        credits += [{"track": track_id, "position": n, "artist": artist} for n, artist in enumerate(unique)]
        tagged += [
            {"track": track_id, "genre": genre}
            for genre in dict.fromkeys(genres[identity_key(name)] for name in file.facts.genres)
        ]
    await tx.many(
        "INSERT INTO track_artists (track_id, position, artist_id) VALUES (:track, :position, :artist)", credits
    )
    await tx.many("INSERT INTO track_genres (track_id, genre_id) VALUES (:track, :genre)", tagged)
