"""Looks a database through without changing it: which one, which version, and whether it is whole."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mediaserver.core.errors import Unavailable
from mediaserver.storage.migrate import migrations
from mediaserver.storage.place import sqlite_file

_TIMEOUT_S = 10.0
_MOST_FAULTS = 5


@dataclass(frozen=True, slots=True)
class Examined:
    engine: str
    """`SQLite 3.40.1`."""
    major: int
    size_bytes: int
    step: int
    """The shape it has; 0 for one in which nothing was ever kept."""
    newest_step: int
    """That this server knows."""
    faults: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        return self.step == self.newest_step and not self.faults


async def examine(url: str, data_dir: Path) -> Examined | None:
    """None where no SQLite file is there yet. Raises Unavailable, also for what is no database."""
    if url:
        return await _postgres(url)
    path = sqlite_file(data_dir)
    return await asyncio.to_thread(_sqlite, path) if path.exists() else None


def _sqlite(path: Path) -> Examined:
    """While a server writes to it, too: a reader sees one moment of it."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_TIMEOUT_S)) as opened:
            has_steps = opened.execute("SELECT COUNT(*) FROM sqlite_master WHERE name = 'schema_migrations'")
            step = 0
            if has_steps.fetchone()[0]:
                step = opened.execute("SELECT COALESCE(MAX(version), 0) FROM schema_migrations").fetchone()[0]
            said = [str(row[0]) for row in opened.execute(f"PRAGMA integrity_check({_MOST_FAULTS})")]
            if said == ["ok"]:
                broken = opened.execute("PRAGMA foreign_key_check").fetchmany(_MOST_FAULTS)
                said = [f"a row of {row[0]} refers to none of {row[2]}" for row in broken]
    except sqlite3.DatabaseError as error:
        if "locked" in str(error) or "unable to open" in str(error):
            raise Unavailable(f"it cannot be opened: {error}") from error
        said, step = [str(error)], 0
    version = sqlite3.sqlite_version
    wal = path.with_name(f"{path.name}-wal")
    size = path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)
    return Examined(f"SQLite {version}", 3, size, step, len(migrations()), tuple(said))


async def _postgres(url: str) -> Examined:
    try:
        import asyncpg  # an optional extra
    except ImportError as error:
        raise Unavailable("PostgreSQL needs asyncpg") from error
    try:
        connection: Any = await asyncpg.connect(url, timeout=_TIMEOUT_S)
        try:
            number = int(await connection.fetchval("SELECT current_setting('server_version_num')"))
            size = int(await connection.fetchval("SELECT pg_database_size(current_database())"))
            step = 0
            if await connection.fetchval("SELECT to_regclass('schema_migrations') IS NOT NULL"):
                step = int(await connection.fetchval("SELECT COALESCE(MAX(version), 0) FROM schema_migrations"))
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, ValueError) as error:
        raise Unavailable(f"it does not answer: {error}") from error
    major = number // 10_000
    return Examined(f"PostgreSQL {major}.{number % 10_000}", major, size, step, len(migrations()), ())
