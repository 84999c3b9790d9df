"""SQLite: one writer connection behind a lock, several readers, write-ahead log."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import aiosqlite

from mediaserver.core.errors import Conflict, Invalid, NotFound, Unavailable
from mediaserver.storage.database import NO_PARAMS, Dialect, Params, Row, StorageDamaged, StorageFull, expand
from mediaserver.storage.transaction import Asked, Written, finish

log = logging.getLogger(__name__)

BUSY_TIMEOUT_MS = 10_000
MINIMUM_VERSION = (3, 37)  # STRICT tables


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except UnicodeEncodeError as error:
        raise Invalid("a text holds a character that is none") from error
    except sqlite3.IntegrityError as error:
        if "FOREIGN KEY" in str(error):
            raise NotFound("what this refers to does not exist") from error
        if "UNIQUE" in str(error):
            raise Conflict("exists already") from error
        raise
    except sqlite3.OperationalError as error:
        if "full" in str(error) or "disk I/O" in str(error):
            raise StorageFull(f"the database could not be written: {error}") from error
        if "locked" in str(error) or "unable to open" in str(error):
            raise Unavailable(f"the database is not to be had: {error}") from error
        raise
    except sqlite3.DatabaseError as error:
        if "not a database" in str(error) or "malformed" in str(error):
            raise StorageDamaged(f"the database is damaged: {error}") from error
        raise


class _Connection(Written):
    dialect: Dialect = "sqlite"

    def __init__(self, connection: aiosqlite.Connection) -> None:
        super().__init__()
        self._connection = connection

    async def all(self, sql: str, params: Params = NO_PARAMS) -> Sequence[Row]:
        text, values = expand(sql, params)
        with _translated():
            return list(await self._connection.execute_fetchall(text, values))  # type: ignore[arg-type]

    async def many(self, sql: str, rows: Sequence[Params]) -> None:
        with _translated():
            await self._connection.executemany(sql, rows)

    async def lock(self, name: str) -> None:
        """Nothing to do: there is one writer at a time."""


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file stands at `path`; None for none that is to be had."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _keep_to_owner(path: Path) -> None:
    """Make the file or take it back from everybody else: it holds the keys that sign, and hashes of passwords.

    SQLite gives the files beside it the mode of this one when it makes them.
    """
    path.touch(mode=0o600)
    for file in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))):
        with suppress(FileNotFoundError):
            mode = file.stat().st_mode & 0o777
            if mode & 0o077:
                try:
                    file.chmod(0o600)
                except PermissionError:
                    log.warning("%s holds secrets and can be read by others (mode %o)", file, mode)
                else:
                    log.warning("%s could be read by others (mode %o): taken back; change the passwords", file, mode)


class SqliteDatabase(Asked):
    dialect: Dialect = "sqlite"

    def __init__(self, path: Path, writer: aiosqlite.Connection, readers: Sequence[aiosqlite.Connection]) -> None:
        self._path = path
        self._file = _identity(path)
        self._writer = writer
        self._lock = asyncio.Lock()
        self._durable = True
        self._readers: asyncio.Queue[aiosqlite.Connection] = asyncio.Queue()
        self._all = [writer, *readers]
        for reader in readers:
            self._readers.put_nowait(reader)

    @classmethod
    async def open(cls, path: Path, *, readers: int = 3) -> SqliteDatabase:
        """Open or make the database file, readable by its owner alone. Raises Unavailable or StorageDamaged."""
        if sqlite3.sqlite_version_info < MINIMUM_VERSION:
            raise Unavailable(f"SQLite {sqlite3.sqlite_version} is too old: 3.37 or newer is needed")
        connections: list[aiosqlite.Connection] = []
        try:
            with _translated():
                _keep_to_owner(path)
                for _ in range(readers + 1):
                    connection = await aiosqlite.connect(path, isolation_level=None)
                    connections.append(connection)
                    connection.row_factory = aiosqlite.Row
                    for pragma in (
                        f"busy_timeout={BUSY_TIMEOUT_MS}",
                        "journal_mode=WAL",
                        "synchronous=FULL",
                        "foreign_keys=ON",
                        "cache_size=-4096",
                        "temp_store=MEMORY",
                    ):
                        await connection.execute_fetchall(f"PRAGMA {pragma}")
                for reader in connections[1:]:
                    await reader.execute_fetchall("PRAGMA query_only=ON")
        except BaseException:
            for connection in connections:
                await connection.close()
            raise
        return cls(path, connections[0], connections[1:])

    async def all(self, sql: str, params: Params = NO_PARAMS) -> Sequence[Row]:
        reader = await self._readers.get()
        try:
            return await _Connection(reader).all(sql, params)
        finally:
            self._readers.put_nowait(reader)

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[_Connection]:
        cancelled = False
        async with self._lock:
            transaction = _Connection(self._writer)
            try:  # BEGIN is inside: a cancelled `await` still runs in aiosqlite's thread
                with _translated():
                    if durable is not self._durable:
                        self._durable = durable
                        await self._writer.execute_fetchall(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
                    await self._writer.execute_fetchall("BEGIN IMMEDIATE")
                yield transaction
                with _translated():
                    _, cancelled = await finish(self._writer.commit())
            except BaseException:
                _, cancelled = await finish(self._writer.rollback())
                if cancelled:
                    raise asyncio.CancelledError from None
                raise
        transaction.committed()
        if cancelled:
            raise asyncio.CancelledError

    async def check(self) -> None:
        """A file that was removed or replaced goes on to be written, and nobody will ever find what stands in it."""
        if await asyncio.to_thread(_identity, self._path) != self._file:
            raise StorageDamaged(f"the database {self._path} was removed or replaced under the running server")

    async def close(self) -> None:
        """Close every connection; the last one folds the write-ahead log into the file."""
        for connection in reversed(self._all):
            await connection.close()
