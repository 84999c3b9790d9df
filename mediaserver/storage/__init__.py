"""SQL without domain: the only room that knows a dialect."""

from __future__ import annotations

from pathlib import Path

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Unavailable
from mediaserver.storage.database import Database
from mediaserver.storage.migrate import migrate
from mediaserver.storage.place import sqlite_file
from mediaserver.storage.sqlite import SqliteDatabase


def is_new(url: str, data_dir: Path) -> bool:
    """Whether it is certain that nothing was ever kept there."""
    return not url and not sqlite_file(data_dir).exists()


async def open_database(url: str, data_dir: Path, clock: Clock) -> Database:
    """The configured database, brought to the newest shape.

    An empty `url` is SQLite in `data_dir`; otherwise `postgresql://...`. Raises Unavailable or StorageDamaged.
    """
    database: Database
    if not url:
        database = await SqliteDatabase.open(sqlite_file(data_dir))
    else:
        try:
            from mediaserver.storage.postgres import PostgresDatabase  # asyncpg is an optional extra
        except ImportError as error:
            raise Unavailable("PostgreSQL needs asyncpg: pip install 'mediaserver[postgres]'") from error
        database = await PostgresDatabase.open(url)
    try:
        await migrate(database, clock)
    except BaseException:
        await database.close()
        raise
    return database
