"""A database whose answers are timed, whichever one it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from mediaserver.core.timings import Timings
from mediaserver.storage.database import NO_PARAMS, Database, Dialect, Params, Row, Transaction


class Timed:
    """`reads`: from the question to the rows, with the wait for a connection. `writes`: whole transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.reads, self.writes = Timings(), Timings()

    @property
    def dialect(self) -> Dialect:
        return self._database.dialect

    async def all(self, sql: str, params: Params = NO_PARAMS) -> Sequence[Row]:
        with self.reads.timed():
            return await self._database.all(sql, params)

    async def one(self, sql: str, params: Params = NO_PARAMS) -> Row | None:
        with self.reads.timed():
            return await self._database.one(sql, params)

    @asynccontextmanager
    async def write(self, *, durable: bool = True) -> AsyncIterator[Transaction]:
        with self.writes.timed():
            async with self._database.write(durable=durable) as transaction:
                yield transaction

    async def check(self) -> None:
        await self._database.check()

    async def close(self) -> None:
        await self._database.close()
