"""A copy of the SQLite database as it is at one moment, made while a server writes to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from mediaserver.core.errors import Unavailable
from mediaserver.storage.database import StorageDamaged
from mediaserver.storage.place import sqlite_file

_TIMEOUT_S = 10.0


def copy_database(data_dir: Path, into: Path) -> Path | None:
    """Into the folder `into`, looked through afterwards; None where none is there yet. Changes nothing.

    A reader sees one moment of the database, write-ahead log included, and keeps nobody from writing.
    Raises StorageDamaged for one that is not whole, and Unavailable. Source: SQLite, "Online Backup API".
    """
    path = sqlite_file(data_dir)
    if not path.exists():
        return None
    copy = sqlite_file(into)
    try:
        with (
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_TIMEOUT_S)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)  # in one step, and so of one moment
            (found,) = target.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        if any(words in str(error) for words in ("locked", "unable to open", "disk is full", "disk I/O")):
            raise Unavailable(f"the database cannot be copied: {error}") from error
        found = str(error)
    if found != "ok":
        raise StorageDamaged(f"the database {path} is damaged and was not backed up: {found}")
    return copy
