"""Rooms on a folder of music, and waiting for what becomes of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from mediaserver import floors
from mediaserver.core.settings import Settings
from mediaserver.library.status import ScanStatus
from mediaserver.library.watch import Watcher
from tests import audio, seeded

Rooms = floors.Rooms
PATIENCE_S = 30.0


@asynccontextmanager
async def opened(folders: list[Path], data_dir: Path, url: str) -> AsyncIterator[Rooms]:
    settings = msgspec.convert({"database": {"url": url}, "library": {"worker_processes": 1}}, Settings)
    data_dir.mkdir(exist_ok=True)
    async with floors.rooms(settings, data_dir, folders) as rooms:
        yield rooms


@asynccontextmanager
async def watched(
    folders: list[Path], data_dir: Path, url: str, **times: float
) -> AsyncIterator[tuple[Rooms, Watcher]]:
    """Scanned once, and watched from then on."""
    async with opened(folders, data_dir, url) as rooms:
        scanner = rooms.library.scanner
        watcher = Watcher(scanner, rooms.library.looker, rooms.clock, **times)
        scanner.before_walk = watcher.stand
        rooms.supervisor.start("watch", watcher.run)
        scanner.start()
        await scanner.wait()
        yield rooms, watcher


async def scan(rooms: Rooms) -> ScanStatus:
    rooms.library.scanner.start()
    return await rooms.library.scanner.wait()


async def until(true: Callable[[], Awaitable[Any]], what: str) -> float:
    """Seconds until it was true."""
    began_s = time.monotonic()
    while not await true():
        assert time.monotonic() - began_s < PATIENCE_S, f"not within {PATIENCE_S:g} s: {what}"
        await asyncio.sleep(0.02)
    return time.monotonic() - began_s


async def ids(rooms: Rooms) -> dict[str, int]:
    rows = await rooms.database.all("SELECT id, path FROM tracks WHERE missing_since_ms IS NULL")
    return {row["path"]: row["id"] for row in rows}


async def problems(rooms: Rooms) -> dict[str, str]:
    return {one.path: one.reason for one in await rooms.library.report.problems(limit=500)}


def song(path: Path, title: str, *, album: str = "New", seconds: float = 1.0, seed: int = 50) -> Path:
    """A tagged file, moved into its place whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}")
    audio.write(draft, path.suffix[1:], seconds=seconds, seed=seed)
    seeded.tag(draft, seeded.Tagged(path.name, title, "Somebody", album, "Somebody"))
    draft.rename(path)
    return path
