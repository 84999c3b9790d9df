"""What the tests of streaming stand on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from mediaserver.core.clock import SystemClock
from mediaserver.core.folders import Folders
from mediaserver.core.workers import Workers
from mediaserver.sound.index import Sounds
from mediaserver.storage.database import Database
from mediaserver.streaming import build, caches
from tests.streaming.desk import Desk


@pytest_asyncio.fixture
async def desk(database: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    workers = Workers(processes=1)
    sound_cache, cover_cache = caches(tmp_path / "cache", 100_000_000)
    sounds = Sounds(database, workers, SystemClock(), shelf=sound_cache, folders=Folders())
    streaming = build(workers, database, SystemClock(), sounds, sound_cache, cover_cache)
    yield Desk(streaming, sound_cache, sounds, database, workers, tmp_path)
    await streaming.close()
    await sounds.close()
    await workers.close()
