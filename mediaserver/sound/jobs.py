"""Indexes the whole library in the background, so that the first play of a track need not wait for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

from mediaserver.core import memory
from mediaserver.core.errors import Damaged, MediaServerError, Unavailable
from mediaserver.core.events import EventBus, LibraryChanged
from mediaserver.sound.index import SoundFile, Sounds

log = logging.getLogger(__name__)

Files = Callable[[], AsyncIterator[tuple[str, int, int]]]
"""Gives (path or place, size_bytes, mtime_ns) of every track that is there."""
Known = Callable[[Sequence[str]], Awaitable[set[str]]]
"""Which of these paths and places the library has, also while their files are missing."""
Tell = Callable[[SoundFile, str], Awaitable[None]]
"""Told of every file that was looked at why its sound cannot be played; "" where it can."""

_AT_ONCE = 500
_CLEAN_EVERY_S = 24 * 3600.0


async def index_library(
    sounds: Sounds, events: EventBus, files: Files, known: Known, tell: Tell, *, at_once: int = 1
) -> None:
    """Run for ever: at the start and after every change, index what is not indexed. Niced workers do it.

    Once a day, after that, what is known of files that have left the library is forgotten.
    """
    changed = asyncio.Event()
    changed.set()
    cleaned_s: float | None = None
    loop = asyncio.get_running_loop()

    async def wake(event: LibraryChanged) -> None:
        changed.set()

    cancel = events.subscribe(LibraryChanged, wake, name="sound.jobs")
    try:
        while True:
            await changed.wait()
            changed.clear()
            await _index_all(sounds, files, tell, at_once)
            if cleaned_s is None or loop.time() - cleaned_s > _CLEAN_EVERY_S:
                cleaned_s = loop.time()
                await sounds.forget_strangers(known)
    finally:
        cancel()


async def _index_all(sounds: Sounds, files: Files, tell: Tell, at_once: int) -> None:
    turns = asyncio.Semaphore(at_once)
    made = failed = 0

    async def one(file: SoundFile) -> None:
        nonlocal made, failed
        reason: str | None = ""
        try:
            await sounds.index(file.place)
            made += 1
        except MediaServerError as error:
            reason = str(error) if isinstance(error, Damaged) else None
            failed += 1
            log.debug("no index for a file: %s", error)
        finally:
            turns.release()
        if reason is not None:  # else it was busy or away, and nothing is said of it
            with suppress(Unavailable):  # a full disk: it is told at the next start
                await tell(file, reason)

    async with asyncio.TaskGroup() as group:
        async for batch in _batches(files()):
            for file in await sounds.unindexed(batch):
                await turns.acquire()
                group.create_task(one(file))
    if made or failed:
        log.info("indexed the sound of %d %s, %d could not be read", made, "file" if made == 1 else "files", failed)
        await asyncio.to_thread(memory.give_back_freed)


async def _batches(files: AsyncIterator[tuple[str, int, int]]) -> AsyncIterator[list[SoundFile]]:
    batch: list[SoundFile] = []
    async for path, size_bytes, mtime_ns in files:
        batch.append(SoundFile.at(path, size_bytes, mtime_ns))
        if len(batch) == _AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
