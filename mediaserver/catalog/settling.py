"""What an album is called, credited to and pictured with, derived from its tracks as they are now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from mediaserver.catalog.grouping import VARIOUS_ARTISTS, AlbumIdentity
from mediaserver.core.text import identity_key, sort_key
from mediaserver.storage import search
from mediaserver.storage.database import Row, Transaction


async def settle_albums(
    tx: Transaction, album_ids: Sequence[int], known: Mapping[str, AlbumIdentity], artists: dict[str, int]
) -> None:
    """Derive anew what depends on the tracks of these albums.

    `known` has the identities of the batch at hand by album_key, `artists` ids by identity_key; Various Artists is
    entered where it is first needed.
    """
    albums = await tx.all(
        "SELECT id, album_key, title, artist_credit, is_compilation FROM albums WHERE id IN (:ids*)",
        {"ids": album_ids},
    )
    tracks = defaultdict(list)
    for row in await tx.all(
        "SELECT id, album_id, artist_credit, year, picture_digest FROM tracks WHERE album_id IN (:ids*)"
        " ORDER BY album_id, disc_no, track_no, id",
        {"ids": album_ids},
    ):
        tracks[row["album_id"]].append(row)
    settled: list[dict[str, Any]] = []
    credits: list[dict[str, Any]] = []
    for album in albums:
        members = tracks[album["id"]]
        if not members:
            continue
        identity = known.get(album["album_key"])
        is_own = identity is None or not identity.credit
        if album["album_key"][:2] in ("F/", "U/"):
            row = await _by_tracks(tx, album, members, artists, credits)
        else:
            row = {
                "title": identity.title if identity else album["title"],
                "credit": identity.credit if identity and not is_own else album["artist_credit"],
                "compilation": identity.is_compilation if identity else bool(album["is_compilation"]),
            }
            if identity is not None:
                ids = dict.fromkeys(artists[identity_key(name)] for name in identity.artists)
                credits += [{"album": album["id"], "position": n, "artist": a} for n, a in enumerate(ids)]
        years = [member["year"] for member in members if member["year"]]
        row |= {
            "id": album["id"],
            "sort": sort_key(row["title"]),
            "artist_sort": sort_key(row["credit"]),
            "year": max(years) if years else None,
            "picture": next((m["picture_digest"] for m in members if m["picture_digest"]), None),
        }
        settled.append(row)
    await tx.many(
        "UPDATE albums SET title = :title, sort_key = :sort, artist_credit = :credit, artist_sort_key = :artist_sort,"
        " is_compilation = :compilation, year = :year, picture_digest = :picture WHERE id = :id",
        settled,
    )
    replaced = sorted({credit["album"] for credit in credits})
    await tx.many("DELETE FROM album_artists WHERE album_id = :id", [{"id": album_id} for album_id in replaced])
    await tx.many(
        "INSERT INTO album_artists (album_id, position, artist_id) VALUES (:album, :position, :artist)", credits
    )
    await search.put(tx, "album", [(row["id"], row["title"], row["credit"]) for row in settled])


async def _by_tracks(
    tx: Transaction, album: Row, members: Sequence[Row], artists: dict[str, int], credits: list[dict[str, Any]]
) -> dict[str, Any]:
    """An album without album artist: its one artist's, or Various Artists'."""
    names = {identity_key(member["artist_credit"]): member["artist_credit"] for member in members}
    if len(names) == 1:
        credit = next(iter(names.values()))
        rows = await tx.all(
            "SELECT artist_id FROM track_artists WHERE track_id = :id ORDER BY position", {"id": members[0]["id"]}
        )
        ids = [row["artist_id"] for row in rows]
    else:
        credit = VARIOUS_ARTISTS
        ids = [await _various_artists(tx, artists)]
    credits += [{"album": album["id"], "position": n, "artist": artist} for n, artist in enumerate(ids)]
    return {"title": album["title"], "credit": credit, "compilation": len(names) > 1}


async def _various_artists(tx: Transaction, artists: dict[str, int]) -> int:
    key = identity_key(VARIOUS_ARTISTS)
    if key not in artists:
        await tx.run(
            "INSERT INTO artists (name, name_key, sort_key) VALUES (:name, :key, :sort) ON CONFLICT DO NOTHING",
            {"name": VARIOUS_ARTISTS, "key": key, "sort": sort_key(VARIOUS_ARTISTS)},
        )
        row = await tx.one("SELECT id FROM artists WHERE name_key = :key", {"key": key})
        artists[key] = int(row["id"]) if row else 0
        await search.put(tx, "artist", [(artists[key], VARIOUS_ARTISTS, "")])
    return artists[key]
