"""Asks the server that has a data directory, through its control socket."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from mediaserver.core.errors import Invalid, Unavailable
from mediaserver.http.ops import control

STARTING_S = 10.0
"""How long a server may hold the lock before it listens."""


class Ask(Protocol):
    async def __call__(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """The answer. Raises Invalid where the server refuses what was asked."""
        ...


@asynccontextmanager
async def server(data_dir: Path, *, patience_s: float = STARTING_S) -> AsyncIterator[Ask]:
    """`ask("POST", "/scan")`. One that has the lock may not listen yet: it is waited for so long.

    Raises Unavailable where none answers, also later.
    """
    try:
        descriptor = os.open(data_dir, os.O_PATH | os.O_DIRECTORY)
    except OSError as error:
        raise Unavailable(f"no server can be asked in {data_dir}: {error.strerror}") from error
    connector = aiohttp.UnixConnector(f"/proc/self/fd/{descriptor}/{control.NAME}")
    try:
        async with aiohttp.ClientSession("http://server", connector=connector) as client:

            async def once(method: str, path: str, body: Any) -> dict[str, Any]:
                async with client.request(method, path, json=body) as response:
                    if response.status == 400:
                        raise Invalid((await response.json())["detail"])
                    response.raise_for_status()
                    told: dict[str, Any] = await response.json()
                    return told

            async def ask(method: str, path: str, body: Any = None) -> dict[str, Any]:
                async with asyncio.timeout(max(patience_s, STARTING_S)):
                    end = asyncio.get_running_loop().time() + patience_s
                    while True:
                        try:
                            return await once(method, path, body)
                        except aiohttp.ClientConnectorError:
                            if asyncio.get_running_loop().time() >= end:
                                raise
                            await asyncio.sleep(0.1)

            yield ask
    except (TimeoutError, aiohttp.ClientError) as error:
        reason = str(error) or "it does not answer"
        raise Unavailable(f"{data_dir} is in use, but not by a server that answers: {reason}") from error
    finally:
        os.close(descriptor)
