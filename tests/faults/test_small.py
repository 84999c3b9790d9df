"""A server with 20,000 tracks that nobody asks for anything: one small process, asleep."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from tests.faults.houses import admin_token, process, scanned
from tests.library.test_size import make
from tests.processes import usage

FILES = 20_000
LETS_GO_S = 1800  # of the index of all files, on a busy machine, and the minutes until the last process goes
QUIET_S = 60
MOST_PSS_MB, MOST_OF_A_CORE = 100, 0.01


@pytest.mark.long
async def test_where_nobody_asks_for_anything_one_small_process_is_left_that_writes_nothing(
    tmp_path: Path, database_url: str
) -> None:
    make(tmp_path / "music", FILES)
    async with process(tmp_path / "music", tmp_path / "data", database_url) as (server, base, link):
        scan = await scanned(base, await admin_token(base, link))
        assert scan["added"] == FILES
        async with asyncio.timeout(LETS_GO_S):
            while usage(server.pid).processes > 1:
                await asyncio.sleep(1)
        before, began = usage(server.pid), time.monotonic()
        await asyncio.sleep(QUIET_S)
        after, quiet_s = usage(server.pid), time.monotonic() - began
    assert after.written_bytes == before.written_bytes
    assert (after.computed_s - before.computed_s) / quiet_s < MOST_OF_A_CORE
    assert after.pss_mb < MOST_PSS_MB
    assert after.processes == 1
    print(f"\n{after.pss_mb:.1f} MB PSS, {(after.computed_s - before.computed_s) / quiet_s:.3%} of a core")
