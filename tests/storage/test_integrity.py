"""A database is looked through without being changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaserver.checkup import database as checkup
from mediaserver.core.errors import Unavailable
from mediaserver.storage.database import Database
from mediaserver.storage.integrity import Examined, examine
from mediaserver.storage.place import sqlite_file


async def test_a_whole_database_is_whole_while_it_is_in_use(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    found = await examine(database_url, tmp_path / "data")
    assert found is not None
    assert found.is_current
    assert found.engine.startswith("PostgreSQL" if database_url else "SQLite")
    assert found.size_bytes > 10_000
    assert checkup.judged(found, is_postgres=bool(database_url)).state == "ok"


async def test_where_nothing_was_kept_there_is_nothing(tmp_path: Path) -> None:
    assert await examine("", tmp_path) is None
    assert list(tmp_path.iterdir()) == []


async def test_a_damaged_page_and_a_file_that_is_no_database_are_told(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    if database_url:
        pytest.skip("not here: of SQLite")
    await database.close()
    path = sqlite_file(tmp_path / "data")
    whole = path.read_bytes()
    middle = len(whole) // 4096 // 2 * 4096
    path.write_bytes(whole[:middle] + b"\xff" * 8192 + whole[middle + 8192 :])
    finding, found = await checkup.look("", tmp_path / "data")
    assert (finding.state, "damaged" in finding.told, bool(finding.remedy)) == ("bad", True, True)
    assert found is not None and not found.is_current
    path.write_bytes(b"this is no database " * 500)
    assert (await checkup.look("", tmp_path / "data"))[0].state == "bad"
    assert path.read_bytes() == b"this is no database " * 500


async def test_a_server_that_does_not_answer_is_told() -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        await examine("postgresql://nobody:s3cr3t@127.0.0.1:1/none", Path("/"))


def test_shapes_and_versions_that_do_not_fit_are_told() -> None:
    def state(engine: str, major: int, step: int) -> str:
        return checkup.judged(Examined(engine, major, 1, step, 2, ()), is_postgres=True).state

    assert state("PostgreSQL 14.2", 14, 2) == "bad"
    assert state("PostgreSQL 16.2", 16, 3) == "bad"
    assert state("PostgreSQL 16.2", 16, 1) == "ok"
