"""kill -9 while loudness is measured: the next start goes on with the next sound."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from tests import audio
from tests.faults.houses import LIMIT_S, admin_token, ask, process
from tests.loudness import music

TRACKS = 8


async def measured(base: str, headers: dict[str, str], least: int) -> Any:
    async with asyncio.timeout(2 * LIMIT_S):
        while (now := await ask("GET", f"{base}/api/v1/loudness", 200, headers=headers))["measured"] < least:
            await asyncio.sleep(0.02)
    return now


@pytest.mark.long
async def test_after_a_kill_it_goes_on_where_it_was(tmp_path: Path, database_url: str) -> None:
    (tmp_path / "music").mkdir()
    for n in range(TRACKS):
        audio.write(tmp_path / "music" / f"{n}.flac", wave=music(n, 20))
    slow, quick = ({"MEDIASERVER_LOUDNESS__MEASURE_SHARE": share} for share in ("20", "100"))
    async with process(tmp_path / "music", tmp_path / "data", database_url, **slow) as (server, base, link):
        headers = await admin_token(base, link)
        before = await measured(base, headers, 2)
        assert before["measured"] < TRACKS, "it is killed in the midst of it"
        os.kill(server.pid, 9)
        await server.wait()
    again = process(tmp_path / "music", tmp_path / "data", database_url, has_people=True, **quick)
    async with again as (server, base, _):
        first = await measured(base, headers, 0)
        while not first["total"]:
            first = await measured(base, headers, 0)
        assert first["measured"] >= before["measured"], "nothing is measured twice"
        last = await measured(base, headers, TRACKS)
        assert (last["total"], last["failed"]) == (TRACKS, 0)
