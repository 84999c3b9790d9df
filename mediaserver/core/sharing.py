"""Work that several askers share: begun by the first, outlives the one who leaves, ends with its owner.

These tasks are the one kind that the supervisor does not start. It keeps what must run for as long as the server does,
by name, restarted with backoff, shown in health. What runs here is the continuation of a request: people wait for it
now, it ends by itself within the time limit of its worker, its failure is the askers' answer and no reason to begin
again, and there are hundreds in a minute. In exchange every one of them is held here, none begins after `close`, and
the composition root closes their owners before what they stand on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from mediaserver.core.errors import Unavailable

log = logging.getLogger(__name__)

T = TypeVar("T")
_CLOSE_S = 2.0


class Shared(Generic[T]):
    """At most one task for each key at a time. `name` is told where one does not end."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.tasks: dict[str, asyncio.Task[T]] = {}
        self._is_closed = False

    def __len__(self) -> int:
        return len(self.tasks)

    async def get(self, key: str, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What `make()` gives, or what is being made under this key already.

        Raises what it raises, and Unavailable once this is closed.
        """
        task = self.begin(key, make)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            asker = asyncio.current_task()
            if task.cancelled() and not (asker is not None and asker.cancelling()):
                raise Unavailable("the server is stopping") from None
            raise

    def begin(self, key: str, make: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """The same without waiting. Raises Unavailable once this is closed."""
        if self._is_closed:
            raise Unavailable("the server is stopping")
        task = self.tasks.get(key)
        if task is None or task.done():  # what has ended a moment ago is not being made any more
            task = self.tasks[key] = asyncio.create_task(make(), name=f"{self.name}:{key}")
            task.add_done_callback(lambda done: self._done(key, done))
        return task

    async def close(self) -> None:
        """End what is being made, within two seconds; nothing begins any more."""
        self._is_closed = True
        tasks = list(self.tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=_CLOSE_S)
            if pending:
                log.warning("%d %s did not end in time", len(pending), self.name)

    def _done(self, key: str, task: asyncio.Task[T]) -> None:
        if self.tasks.get(key) is task:
            del self.tasks[key]
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody waiting is no reason for a warning
