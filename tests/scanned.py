"""The rooms of a house without doors, whose library was scanned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from mediaserver import floors
from mediaserver.core.settings import Settings


@asynccontextmanager
async def scanned(music: Path, data_dir: Path, database_url: str) -> AsyncIterator[floors.Rooms]:
    data_dir.mkdir()
    settings = msgspec.convert({"database": {"url": database_url}, "library": {"worker_processes": 1}}, Settings)
    async with floors.rooms(settings, data_dir, [music]) as rooms:
        rooms.library.scanner.start()
        await rooms.library.scanner.wait()
        yield rooms
