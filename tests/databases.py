"""The engine under test: MEDIASERVER_TEST_DATABASE=postgresql://... names a PostgreSQL; without it, it is SQLite."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

POSTGRES = os.environ.get("MEDIASERVER_TEST_DATABASE", "")


async def _administer(statement: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(POSTGRES)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def fresh_database_url() -> AsyncIterator[str]:
    """The setting `database.url` of an empty database: "" for SQLite, or a new database on the test server."""
    if not POSTGRES:
        yield ""
        return
    name = f"test_{uuid.uuid4().hex[:12]}"
    await _administer(f"CREATE DATABASE {name}")
    try:
        yield urlunsplit(urlsplit(POSTGRES)._replace(path=f"/{name}"))
    finally:
        await _administer(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def fresh_database_url_apart() -> Iterator[str]:
    """The same for tests that are no coroutines: an event loop may be running already in their thread."""

    def apart(call: Coroutine[Any, Any, Any]) -> Any:
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, call).result()

    made = fresh_database_url()
    url = apart(made.__aenter__())
    try:
        yield url
    finally:
        apart(made.__aexit__(None, None, None))
