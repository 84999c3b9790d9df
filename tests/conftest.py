"""What all tests share: a clock, a fresh database of the engine under test, worker processes.

MEDIASERVER_TEST_DATABASE=postgresql://... runs the suite on PostgreSQL; without it, on SQLite.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from mediaserver.core.clock import SystemClock
from mediaserver.core.workers import Workers
from mediaserver.storage import open_database
from mediaserver.storage.database import Database
from tests import seeded
from tests.clock import FakeClock
from tests.databases import fresh_database_url
from tests.server import Running, running

SLOW = ("tests/cli/test_service.py", "tests/faults", "tests/scripts", "tests/discovery", "tests/cli", "tests/http")
"""What takes long comes first: begun last, one of the processes would do it while the others have nothing left."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def place(item: pytest.Item) -> int:
        return next((n for n, path in enumerate(SLOW) if item.nodeid.startswith(path)), len(SLOW))

    items.sort(key=place)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest_asyncio.fixture
async def database_url() -> AsyncIterator[str]:
    async with fresh_database_url() as url:
        yield url


@pytest_asyncio.fixture
async def database(database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    """A fresh database in its newest shape."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    opened = await open_database(database_url, data_dir, SystemClock())
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def workers() -> AsyncIterator[Workers]:
    """Worker processes of this test's own (0.2 s to start); asked for only where code runs in them."""
    own = Workers(processes=2)
    yield own
    await own.close()


@pytest.fixture(scope="session")
def seeded_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read it, never change it: all tests share it."""
    return seeded.make(tmp_path_factory.mktemp("library"))


@pytest_asyncio.fixture
async def house(seeded_library: Path, tmp_path: Path, database_url: str) -> AsyncIterator[Running]:
    """A running server of this test's own on the shared library."""
    async with running(seeded_library, tmp_path / "data", database_url) as up:
        yield up
