"""A pipe in the place of a file: whoever reads it waits for ever, and the test knows when that begins."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path


async def opened_by_a_reader(pipe: Path) -> int:
    """Its writing end, once somebody reads: it opens no sooner, and nothing is ever written to it."""
    async with asyncio.timeout(60):
        while True:
            try:
                return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                assert error.errno == errno.ENXIO
            await asyncio.sleep(0.01)
