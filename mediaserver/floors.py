"""The rooms, floor by floor: all that stands below the doors, for the server and for the command line."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mediaserver import accounts, catalog, library, listening
from mediaserver.core.clock import Clock, SystemClock
from mediaserver.core.errors import Invalid
from mediaserver.core.events import EventBus
from mediaserver.core.folders import Folders
from mediaserver.core.settings import Settings
from mediaserver.core.supervisor import Supervisor
from mediaserver.core.workers import Workers
from mediaserver.library import Library
from mediaserver.storage import open_database
from mediaserver.storage.timed import Timed

log = logging.getLogger(__name__)

PRELOAD = ("mediaserver.streaming.encoder", "mediaserver.library.reader", "mediaserver.media.probe")
_REST_S = 300.0  # longer than one looks for what to hear next: who then presses play waits half a second more
_JOBS_S = 3.3  # a little less than the doors have beside them, so that who did not end is told by name


@dataclass(frozen=True, slots=True)
class Rooms:
    """As they stand while `rooms` is entered."""

    database: Timed
    events: EventBus
    clock: Clock
    workers: Workers
    supervisor: Supervisor
    accounts: accounts.Accounts
    catalog: catalog.Catalog
    folders: Folders
    """The one that asks the disks of music: what it knows of a disk that hangs holds for every room."""
    library: Library
    listening: listening.Listening


def scan_roots(settings: Settings, folders: Sequence[Path]) -> list[Path]:
    """The folders to scan, absolute, each once; those on the command line replace the configured ones."""
    chosen = folders or [Path(folder).expanduser() for folder in settings.library.folders]
    return list(dict.fromkeys(folder.resolve() for folder in chosen))


def _check_roots(roots: Sequence[Path], known: Sequence[Path], *, named: Sequence[Path]) -> None:
    """Raises Invalid for a folder that was named and never seen, and where one would be scanned as two."""
    absent = [root for root in roots if named and root not in known and not root.exists()]
    if absent:
        raise Invalid(f"there is no folder {absent[0]}")
    for root in roots:
        for other in known:
            if root != other and (root.is_relative_to(other) or other.is_relative_to(root)):
                raise Invalid(
                    f"{root} overlaps {other}, which was scanned into this library before: serve {other}, or begin"
                    " another library with --data-dir"
                )


@asynccontextmanager
async def rooms(settings: Settings, data_dir: Path, folders: Sequence[Path] = ()) -> AsyncIterator[Rooms]:
    """The rooms without doors. Where no folder is named or configured, those that were scanned before are scanned.

    Raises Invalid (folders), Unavailable and StorageDamaged.
    """
    async with AsyncExitStack() as stack:
        clock, events = SystemClock(), EventBus()
        database = Timed(await open_database(settings.database.url, data_dir, clock))
        stack.push_async_callback(database.close)
        stack.push_async_callback(events.close)
        workers = Workers(processes=settings.library.worker_processes, rest_s=_REST_S, preload=PRELOAD)
        stack.push_async_callback(workers.close)
        supervisor = Supervisor()
        stack.push_async_callback(stop_jobs, supervisor)
        people = await accounts.build(database, events, clock, session_days=settings.accounts.session_days)
        music = catalog.build(database, clock, events)
        known = [Path(root) for root in await music.writer.roots()]
        roots = scan_roots(settings, folders) or known
        _check_roots(roots, known, named=folders)
        disks = Folders(roots)
        files = library.build(database, music.writer, workers, events, clock, supervisor, roots, disks)
        await files.scanner.open()
        heard = listening.build(database, clock)
        yield Rooms(database, events, clock, workers, supervisor, people, music, disks, files, heard)


async def stop_jobs(supervisor: Supervisor) -> None:
    """Says which did not end."""
    stubborn = await supervisor.stop(timeout_s=_JOBS_S)
    if stubborn:
        log.warning("these jobs did not end in time: %s", ", ".join(stubborn))
    await asyncio.sleep(0)
