"""What both engines have in common: first rows, calls after the commit, endings that are not torn apart."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

from mediaserver.storage.database import NO_PARAMS, Params, Row

T = TypeVar("T")


class Asked(ABC):
    """Answers questions; the contract stands in `database.Reader`."""

    @abstractmethod
    async def all(self, sql: str, params: Params = NO_PARAMS) -> Sequence[Row]: ...

    async def one(self, sql: str, params: Params = NO_PARAMS) -> Row | None:
        rows = await self.all(sql, params)
        return rows[0] if rows else None


class Written(Asked):
    """One transaction; the contract stands in `database.Transaction`."""

    def __init__(self) -> None:
        self._callbacks: list[Callable[[], None]] = []

    async def run(self, sql: str, params: Params = NO_PARAMS) -> None:
        await self.all(sql, params)

    def after_commit(self, call: Callable[[], None]) -> None:
        self._callbacks.append(call)

    def committed(self) -> None:
        """It is on disk: make the calls that waited for this."""
        for call in self._callbacks:
            call()


async def finish(ending: Coroutine[Any, Any, T]) -> tuple[T, bool]:
    """Await `ending` to its end even if we are cancelled: its result, and whether we were.

    A commit that is torn apart may have happened without anybody being told.
    """
    task = asyncio.ensure_future(ending)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    return task.result(), cancelled
