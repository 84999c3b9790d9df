"""PostgreSQL through an asyncpg pool; imported only when the configured address asks for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from decimal import Decimal
from typing import Any

import asyncpg

from mediaserver.core.errors import Conflict, Invalid, NotFound, Unavailable
from mediaserver.storage.database import (
    NO_PARAMS,
    Dialect,
    Params,
    Row,
    StorageDamaged,
    StorageFull,
    expand,
    numbered,
)
from mediaserver.storage.transaction import Asked, Written, finish

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0
_NO_TEXT = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)
_FULL = (asyncpg.DiskFullError, asyncpg.PostgresIOError)
_DAMAGED = (asyncpg.DataCorruptedError, asyncpg.IndexCorruptedError)
# What passes by itself, or when the operator has mended the server. Source: PostgreSQL's appendix A, error codes.
_AWAY = (
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.InvalidAuthorizationSpecificationError,  # class 28: the password was changed meanwhile
    asyncpg.InvalidCatalogNameError,  # class 3D: the database is away
    asyncpg.TransactionRollbackError,  # class 40: deadlock, serialization
    asyncpg.InsufficientResourcesError,  # class 53: too many connections, out of memory
    asyncpg.ObjectNotInPrerequisiteStateError,  # class 55: a lock not to be had, no connections allowed
    asyncpg.OperatorInterventionError,  # class 57: shutdown, crash, starting up, cancelled
    asyncpg.PostgresSystemError,  # class 58
    asyncpg.ReadOnlySQLTransactionError,  # 25006: this is the standby now
    asyncpg.IdleInTransactionSessionTimeoutError,  # 25P03
    asyncpg.InterfaceError,  # the connection or the pool is closed
    asyncpg.InternalClientError,  # the connection ended amid an answer
    OSError,
    TimeoutError,
)
_NOT_DURABLE = "SET LOCAL synchronous_commit TO off"
# The server's own setting may be `off`, and what is acknowledged has to be on disk; `remote_apply` promises more.
_DURABLE = (
    "SELECT set_config('synchronous_commit', CASE setting WHEN 'off' THEN 'on' ELSE setting END, true)"
    " FROM current_setting('synchronous_commit') AS setting"
)


@contextmanager
def _translated() -> Iterator[None]:
    """Stands around calls of the driver alone: a caller's own errors are none of the database's."""
    try:
        yield
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound("what this refers to does not exist") from error
    except asyncpg.UniqueViolationError as error:
        raise Conflict("exists already") from error
    except asyncpg.DataError as error:
        if isinstance(error, _NO_TEXT) or isinstance(error.__cause__, UnicodeEncodeError):
            raise Invalid("a text holds a character that is none") from error
        raise  # a number that does not fit, say: a mistake of ours
    except _FULL as error:
        raise StorageFull(f"the database could not be written: {error}") from error
    except _DAMAGED as error:
        raise StorageDamaged(f"the database is damaged: {error}") from error
    except _AWAY as error:
        raise Unavailable(f"the database is not to be had: {error}") from error


def _positional(sql: str, params: Params) -> tuple[str, list[Any]]:
    text, values = expand(sql, params)
    text, names = numbered(text)
    return text, [values[name] for name in names]


def _plain_number(text: str) -> int | float:
    """SUM of BIGINT is NUMERIC; the rest of the server knows integers and floats."""
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else float(number)


async def _set_up(connection: Any) -> None:
    await connection.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=_plain_number, format="text")


class _Connection(Written):
    dialect: Dialect = "postgres"

    def __init__(self, connection: Any) -> None:
        super().__init__()
        self._connection = connection

    async def all(self, sql: str, params: Params = NO_PARAMS) -> Sequence[Row]:
        text, values = _positional(sql, params)
        with _translated():
            rows: Sequence[Row] = await self._connection.fetch(text, *values)
        return rows

    async def many(self, sql: str, rows: Sequence[Params]) -> None:
        text, names = numbered(sql)
        with _translated():
            await self._connection.executemany(text, [[row[name] for name in names] for row in rows])

    async def lock(self, name: str) -> None:
        await self.run("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))", {"name": name})

    async def begin(self, *, durable: bool) -> None:
        with _translated():
            await self._connection.execute(f"BEGIN; {_DURABLE if durable else _NOT_DURABLE}")

    async def commit(self) -> bool:
        """Whether we were cancelled meanwhile; it is committed all the same."""
        with _translated():
            word, cancelled = await finish(self._connection.execute("COMMIT"))
        if word != "COMMIT":  # PostgreSQL answers ROLLBACK where a statement failed and the caller went on
            raise RuntimeError("a transaction went on after one of its statements had failed")
        return cancelled

    async def roll_back(self) -> bool:
        """Whether we were cancelled meanwhile."""
        try:
            _, cancelled = await finish(self._connection.execute("ROLLBACK"))
            return cancelled
        except Exception as error:  # then the server ends the transaction, for the connection is gone
            log.debug("not rolled back: %s", error)
            with suppress(asyncpg.InterfaceError):  # the pool has taken it back already
                self._connection.terminate()
            return False


class PostgresDatabase(Asked):
    dialect: Dialect = "postgres"

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, url: str, *, connections: int = 8) -> PostgresDatabase:
        """Connect to `postgresql://...`. Raises Unavailable when there is no such server, user or database."""
        try:
            pool = await asyncpg.create_pool(
                url, min_size=1, max_size=connections, init=_set_up, timeout=CONNECT_TIMEOUT_S
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, ValueError) as error:
            raise Unavailable(f"PostgreSQL is not to be had: {error}") from error
        return cls(pool)

    @asynccontextmanager
    async def _borrowed(self) -> AsyncIterator[_Connection]:
        with _translated():
            connection = await self._pool.acquire()
        try:
            yield _Connection(connection)
        finally:
            try:
                await self._pool.release(connection)  # shields itself
            except Exception as error:  # the pool throws it away; what was done with it is done
                log.debug("a connection was lost: %s", error)

    async def all(self, sql: str, params: Params = NO_PARAMS) -> Sequence[Row]:
        async with self._borrowed() as connection:
            return await connection.all(sql, params)

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[_Connection]:
        async with self._borrowed() as transaction:
            try:
                await transaction.begin(durable=durable)
                yield transaction
                cancelled = await transaction.commit()
            except BaseException:
                if await transaction.roll_back():
                    raise asyncio.CancelledError from None
                raise
            transaction.committed()
        if cancelled:
            raise asyncio.CancelledError

    async def check(self) -> None:
        await self.one("SELECT 1 AS yes")

    async def close(self) -> None:
        await self._pool.close()
