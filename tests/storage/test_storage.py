"""The database contract, on whichever engine the suite runs."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest

from mediaserver.core.clock import SystemClock
from mediaserver.core.errors import Conflict, Invalid, NotFound, Unavailable
from mediaserver.storage import open_database, search
from mediaserver.storage.database import Database, expand, numbered
from mediaserver.storage.migrate import migrate, migrations
from mediaserver.storage.place import sqlite_file
from mediaserver.storage.sqlite import SqliteDatabase

ADD = "INSERT INTO genres (name, name_key, sort_key) VALUES (:name, :name, :name)"


async def names(database: Database) -> list[str]:
    return [row["name"] for row in await database.all("SELECT name FROM genres ORDER BY name")]


async def test_a_failed_transaction_leaves_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError):
        async with database.write() as tx:
            await tx.run(ADD, {"name": "a"})
            raise RuntimeError
    async with database.write() as tx:
        await tx.run(ADD, {"name": "b"})
    assert await names(database) == ["b"]


async def test_after_commit_is_called_once_and_only_on_success(database: Database) -> None:
    calls: list[str] = []
    async with database.write() as tx:
        tx.after_commit(lambda: calls.append("yes"))
        assert not calls
    with pytest.raises(RuntimeError):
        async with database.write() as tx:
            tx.after_commit(lambda: calls.append("no"))
            raise RuntimeError
    assert calls == ["yes"]


async def test_broken_rules_are_raised_in_the_houses_words(database: Database) -> None:
    async with database.write() as tx:
        await tx.run(ADD, {"name": "a"})
    with pytest.raises(Conflict):
        async with database.write() as tx:
            await tx.run(ADD, {"name": "a"})
    with pytest.raises(NotFound):
        async with database.write() as tx:
            await tx.run("INSERT INTO track_genres (track_id, genre_id) VALUES (7, 7)")


@pytest.mark.parametrize("error", [ConnectionError, TimeoutError, ValueError])
async def test_a_callers_own_error_passes_through_and_is_none_of_the_databases(
    database: Database, error: type[Exception]
) -> None:
    with pytest.raises(error, match="of the caller"):
        async with database.write() as tx:
            await tx.run(ADD, {"name": "a"})
            raise error("of the caller")
    assert await names(database) == []


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb"])
async def test_text_that_is_none_is_refused_in_the_houses_words(database: Database, text: str) -> None:
    with pytest.raises(Invalid):
        await database.all("SELECT name FROM genres WHERE name = :name", {"name": text})
    with pytest.raises(Invalid):
        async with database.write() as tx:
            await tx.run(ADD, {"name": text})
    assert await names(database) == []


async def test_what_was_acknowledged_is_on_disk_also_after_writing_that_was_not(database: Database) -> None:
    async def promise(*, durable: bool) -> object:
        async with database.write(durable=durable) as tx:
            asked = "PRAGMA synchronous" if tx.dialect == "sqlite" else "SHOW synchronous_commit"
            row = await tx.one(asked)
            assert row is not None
            return next(iter(row.values())) if tx.dialect == "postgres" else row[0]  # type: ignore[index]

    full, relaxed = (2, 1) if database.dialect == "sqlite" else ("on", "off")
    for durable in (True, False, True, False, False, True):
        assert await promise(durable=durable) == (full if durable else relaxed)


async def test_random_cancellation_never_wedges_the_writer(database: Database) -> None:
    chance = random.Random(3)

    told: set[str] = set()

    async def write(n: int) -> None:
        async with database.write(durable=False) as tx:
            tx.after_commit(lambda: told.add(f"{n:04d}"))
            await tx.run(ADD, {"name": f"{n:04d}"})

    began = time.monotonic()
    for n in range(8000, 8020):
        await write(n)
    usual_s = (time.monotonic() - began) / 20
    acknowledged, broken_off = [], 0
    for n in range(200):
        task = asyncio.create_task(write(n))
        await asyncio.sleep(chance.random() * 2 * usual_s)
        task.cancel()
        try:
            await task
            acknowledged.append(f"{n:04d}")
        except asyncio.CancelledError:
            broken_off += 1
    await write(9999)
    present = set(await names(database))
    assert "9999" in present
    assert present.issuperset(acknowledged)
    assert present == told, "what is committed is told, and nothing else"
    assert len(acknowledged) > 10, "hardly any ended: the test cancelled too early"
    assert broken_off > 10, "hardly any was broken off: the test cancelled too late"


async def test_lists_expand_and_empty_ones_match_nothing(database: Database) -> None:
    async with database.write() as tx:
        for name in "abc":
            await tx.run(ADD, {"name": name})
    asked = "SELECT name FROM genres WHERE name IN (:names*) ORDER BY name"
    assert [row["name"] for row in await database.all(asked, {"names": ["c", "a"]})] == ["a", "c"]
    assert list(await database.all(asked, {"names": []})) == []


async def test_an_id_that_was_removed_is_given_to_nobody_else(database: Database) -> None:
    seen = []
    for name in ("Anna", "Ben"):
        async with database.write() as tx:
            row = await tx.one(
                "INSERT INTO genres (name, name_key, sort_key) VALUES (:n, :n, :n) RETURNING id", {"n": name}
            )
            assert row is not None
            await tx.run("DELETE FROM genres WHERE id = :id", {"id": row["id"]})
            seen.append(row["id"])
    assert seen[1] > seen[0]


def test_placeholders_inside_quotes_and_casts_are_left_alone() -> None:
    assert numbered("SELECT ':a', x::text, :b, :c, :b") == ("SELECT ':a', x::text, $1, $2, $1", ("b", "c"))
    assert expand("IN (:x*) AND :y", {"x": [1, 2], "y": 3}) == ("IN (:x_0, :x_1) AND :y", {"x_0": 1, "x_1": 2, "y": 3})


async def test_opening_again_keeps_everything(database_url: str, tmp_path: Path) -> None:
    first = await open_database(database_url, tmp_path, SystemClock())
    async with first.write() as tx:
        await tx.run(ADD, {"name": "kept"})
    await first.close()
    second = await open_database(database_url, tmp_path, SystemClock())
    assert await names(second) == ["kept"]
    await second.close()


async def test_a_database_of_a_newer_server_is_refused(database: Database) -> None:
    async with database.write() as tx:
        await tx.run("INSERT INTO schema_migrations (version, name, applied_at_ms) VALUES (9999, 'later', 0)")
    with pytest.raises(Unavailable, match="newer"):
        await migrate(database, SystemClock())


TRACK_OF_VERSION_1 = (
    "INSERT INTO tracks (library_id, path, size_bytes, mtime_ns, identity, title, sort_key, album_id, artist_credit,"
    " disc_no, track_no, date, duration_ms, container, codec, rate_hz, channels, bitrate_bps, is_lossless,"
    " added_at_ms, changed_at_ms) SELECT l.id, :path, 1000, 1, :path, 'Old', 'old', a.id, 'Anna', 1, 1, '', 180000,"
    " 'flac', 'flac', 44100, 2, 900000, TRUE, 7, 7 FROM libraries l, albums a"
)


async def test_a_database_of_version_1_with_music_in_it_becomes_one_of_today(database_url: str, tmp_path: Path) -> None:
    if database_url:
        from mediaserver.storage.postgres import PostgresDatabase

        first: Database = await PostgresDatabase.open(database_url)
    else:
        first = await SqliteDatabase.open(sqlite_file(tmp_path))
    assert await migrate(first, SystemClock(), migrations()[:1]) == 1
    async with first.write() as tx:
        await tx.run("INSERT INTO libraries (root) VALUES ('/music')")
        await tx.run(
            "INSERT INTO albums (album_key, title, sort_key, artist_credit, artist_sort_key, is_compilation,"
            " added_at_ms) VALUES ('k', 'Album', 'album', 'Anna', 'anna', FALSE, 7)"
        )
        for path in ("a.flac", "b.flac"):
            await tx.run(TRACK_OF_VERSION_1, {"path": path})
    before = await first.all("SELECT id, path, title, duration_ms, added_at_ms FROM tracks ORDER BY id")
    await first.close()

    today = await open_database(database_url, tmp_path, SystemClock())
    after = await today.all("SELECT id, path, title, duration_ms, added_at_ms FROM tracks ORDER BY id")
    assert [dict(row) for row in after] == [dict(row) for row in before]
    rows = await today.all("SELECT reader_version FROM tracks")
    assert [row["reader_version"] for row in rows] == [1, 1], "the next scan reads them again"
    row = await today.one("SELECT MAX(version) AS version FROM schema_migrations")
    assert row is not None
    assert row["version"] == len(migrations())
    await today.close()


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("bjor gud", [1]),
        ("BJÖRK", [1]),
        ("海", [2]),
        ("sea", [2]),
        ("moon", [3, 1]),
        ("", []),
        ("' OR \" * (", []),
        ("zzz", []),
    ],
)
async def test_search_folds_prefixes_and_ranks(database: Database, query: str, ids: list[int]) -> None:
    async with database.write() as tx:
        await search.put(
            tx,
            "track",
            [
                (1, "Björk Guðmundsdóttir", "Moon Safari"),
                (2, "夜の海", "Sea of Night"),
                (3, "Moon", ""),
                (4, "gone", ""),
            ],
        )
        await search.put(tx, "track", [(4, "replaced", "")])
        await search.drop(tx, "track", [4, 99])
    assert await search.find(database, "track", query, limit=10) == ids
    assert await search.find(database, "track", "gone", limit=10) == []
