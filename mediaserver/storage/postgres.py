"""PostgreSQL through an asyncpg pool; imported only when the configured address asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from decimal import Decimal
from typing import Any

import asyncpg

from mediaserver.core.errors import Conflict, NotFound, Unavailable
from mediaserver.storage.database import NO_PARAMS, Dialect, Params, Row, StorageFull, expand, numbered


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound("what this refers to does not exist") from error
    except asyncpg.UniqueViolationError as error:
        raise Conflict("exists already") from error
    except asyncpg.DiskFullError as error:
        raise StorageFull(f"the database could not be written: {error}") from error
    except (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError, TimeoutError) as error:
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


class _Connection:
    dialect: Dialect = "postgres"

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.callbacks: list[Callable[[], None]] = []

    async def all(self, sql: str, params: Params = NO_PARAMS) -> Sequence[Row]:
        text, values = _positional(sql, params)
        with _translated():
            rows: Sequence[Row] = await self._connection.fetch(text, *values)
        return rows

    async def one(self, sql: str, params: Params = NO_PARAMS) -> Row | None:
        rows = await self.all(sql, params)
        return rows[0] if rows else None

    async def run(self, sql: str, params: Params = NO_PARAMS) -> None:
        await self.all(sql, params)

    async def many(self, sql: str, rows: Sequence[Params]) -> None:
        text, names = numbered(sql)
        with _translated():
            await self._connection.executemany(text, [[row[name] for name in names] for row in rows])

    async def lock(self, name: str) -> None:
        await self.run("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))", {"name": name})

    def after_commit(self, call: Callable[[], None]) -> None:
        self.callbacks.append(call)


class PostgresDatabase:
    dialect: Dialect = "postgres"

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, url: str, *, connections: int = 8) -> PostgresDatabase:
        """Connect to `postgresql://...`. Raises Unavailable when there is no such server, user or database."""
        try:
            pool = await asyncpg.create_pool(url, min_size=1, max_size=connections, init=_set_up)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, ValueError) as error:
            raise Unavailable(f"PostgreSQL is not to be had: {error}") from error
        return cls(pool)

    async def all(self, sql: str, params: Params = NO_PARAMS) -> Sequence[Row]:
        with _translated():
            async with self._pool.acquire() as connection:
                return await _Connection(connection).all(sql, params)

    async def one(self, sql: str, params: Params = NO_PARAMS) -> Row | None:
        rows = await self.all(sql, params)
        return rows[0] if rows else None

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[_Connection]:
        with _translated():
            async with self._pool.acquire() as connection:
                transaction = _Connection(connection)
                async with connection.transaction():
                    if not durable:
                        await transaction.run("SET LOCAL synchronous_commit TO off")
                    yield transaction
        for call in transaction.callbacks:
            call()

    async def close(self) -> None:
        await self._pool.close()
