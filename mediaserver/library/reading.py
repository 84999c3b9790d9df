"""Files through the workers, batch by batch; who dies or hangs on one is found and told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress

from mediaserver.core.errors import Unavailable, WorkerFailed
from mediaserver.core.folders import Folders
from mediaserver.core.passing import was_killed
from mediaserver.core.workers import Workers
from mediaserver.library.reader import Read, ToRead, read_packed, unpacked
from mediaserver.library.report import Problem

log = logging.getLogger(__name__)

_BATCH_FILES = 96
_SECONDS_TOGETHER = 60.0
_SECONDS_ALONE = 15.0


class Reading:
    def __init__(self, workers: Workers, folders: Folders) -> None:
        self._workers = workers
        self._folders = folders
        self.read_batch: Callable[[str, list[ToRead]], bytes] = read_packed
        """What workers do with a batch."""

    async def warm_up(self, root: str) -> None:
        """Have the processes started before there is something to read. Where they cannot be, whoever reads says so."""
        with suppress(WorkerFailed, Unavailable):
            await self._workers.background(read_packed, root, [])

    async def all(self, root: str, wanted: list[ToRead]) -> AsyncGenerator[tuple[list[ToRead], Read], None]:
        """Every batch with what was read, as they get done; a few are under way at a time.

        Raises FolderAway where the root is not there any more or does not answer: no file is to blame then.
        """
        waiting = iter([wanted[at : at + _BATCH_FILES] for at in range(0, len(wanted), _BATCH_FILES)])
        running: dict[asyncio.Task[Read], list[ToRead]] = {}
        try:
            while True:
                while len(running) < 2 * self._workers.processes + 2:  # so that none waits while a batch is stored
                    batch = next(waiting, None)
                    if batch is None:
                        break
                    running[asyncio.create_task(self._read(root, batch))] = batch
                if not running:
                    return
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield running.pop(task), task.result()
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _read(self, root: str, batch: list[ToRead], *, is_again: bool = False) -> Read:
        """Read a batch; where the worker dies or hangs, each file by itself, so that only the culprit is left out."""
        limit_s = _SECONDS_ALONE if len(batch) == 1 else _SECONDS_TOGETHER
        first = f"{root}/{batch[0].path}"
        try:
            reading = self._workers.background(self.read_batch, root, batch, timeout_s=limit_s)
            read = unpacked(await self._folders.reading(first, reading))
            if any(one.reason == "unreadable" for one in read.problems):
                await self._folders.check(first)
            return read
        except WorkerFailed as error:
            if len(batch) == 1 and was_killed(error) and not is_again:  # it may have been another's memory
                return await self._read(root, batch, is_again=True)
            if len(batch) == 1:
                one = batch[0]
                log.warning("a worker failed on one file: %s", error)
                return Read([], [Problem(one.path, "crashed", str(error), one.size_bytes, one.mtime_ns)], [])
            singly = [asyncio.create_task(self._read(root, [one])) for one in batch]
            try:
                reads = await asyncio.gather(*singly)
            finally:  # the first failure ends the others: nobody takes what they would find
                for task in singly:
                    task.cancel()
                await asyncio.gather(*singly, return_exceptions=True)
            return Read(
                [file for read in reads for file in read.files],
                [problem for read in reads for problem in read.problems],
                [path for read in reads for path in read.unsettled],
            )
