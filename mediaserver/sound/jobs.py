"""Indexes the whole library in the background, so that the first play of a track need not wait for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from mediaserver.core.errors import MediaServerError
from mediaserver.core.events import EventBus, LibraryChanged
from mediaserver.sound.index import Sounds

log = logging.getLogger(__name__)

Files = Callable[[], AsyncIterator[tuple[str, int, int]]]
"""Gives (path, size_bytes, mtime_ns) of every file that is there."""


async def index_library(sounds: Sounds, events: EventBus, files: Files, *, at_once: int = 1) -> None:
    """Run for ever: at the start and after every change, index what is not indexed. Niced workers do it."""
    changed = asyncio.Event()
    changed.set()

    async def wake(event: LibraryChanged) -> None:
        changed.set()

    cancel = events.subscribe(LibraryChanged, wake, name="sound.jobs")
    try:
        while True:
            await changed.wait()
            changed.clear()
            await _index_all(sounds, files, at_once)
    finally:
        cancel()


async def _index_all(sounds: Sounds, files: Files, at_once: int) -> None:
    turns = asyncio.Semaphore(at_once)
    made = failed = 0

    async def one(path: str) -> None:
        nonlocal made, failed
        try:
            await sounds.of_file(path, urgent=False)
            made += 1
        except MediaServerError as error:
            failed += 1
            log.debug("no index for a file: %s", error)
        finally:
            turns.release()

    async with asyncio.TaskGroup() as group:
        async for path, size_bytes, mtime_ns in files():
            if await sounds.is_indexed(path, size_bytes, mtime_ns):
                continue
            await turns.acquire()
            group.create_task(one(path))
    if made or failed:
        log.info("indexed the sound of %d files, %d could not be read", made, failed)
