"""What takes long while sounds are made: it keeps nobody from others, and ends with the server."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from mediaserver import sound
from mediaserver.core.errors import Unavailable
from mediaserver.core.folders import Folders
from mediaserver.core.shelf import Shelf
from mediaserver.core.workers import Workers
from mediaserver.storage.database import Database
from tests import audio
from tests.clock import FakeClock


def long(path: Path) -> Path:
    """Silence of 6 hours, which takes seconds to be read: a hole, which takes no disk."""
    audio.write(path, seconds=0.1)
    head = bytearray(path.read_bytes()[:200])
    at, sound_bytes = head.index(b"data"), 6 * 3600 * 4 * 44_100
    head[at + 4 : at + 8] = sound_bytes.to_bytes(4, "little")
    with path.open("r+b") as file:
        file.write(head)
        file.truncate(at + 8 + sound_bytes)
    return path


async def test_files_that_take_long_leave_a_worker_to_others_and_are_read_on_in_the_background(
    database: Database, tmp_path: Path
) -> None:
    workers = Workers(processes=2)
    shelf = Shelf(tmp_path / "shelf", limit_bytes=10**9)
    sounds = sound.build(database, workers, FakeClock(), shelf=shelf, folders=Folders(), at_once_s=0.5)
    paths = [long(tmp_path / f"{n}.wav") for n in range(3)]
    waiting = [asyncio.create_task(sounds.of_file(str(path))) for path in paths]
    async with asyncio.timeout(60):
        while not workers.pools()["urgent"].tasks:
            await asyncio.sleep(0.01)
        await workers.urgent(os.getpid)
        assert (await sounds.of_file(str(audio.write(tmp_path / "short.flac")))).index.length_samples == 44_100
        while workers.pools()["background"].tasks < 3:
            await asyncio.sleep(0.01)
        await workers.urgent(os.getpid)
    assert not any(one.done() for one in waiting), "they wait for the background, and are not refused"
    await sounds.close()
    await asyncio.gather(*waiting, return_exceptions=True)
    await workers.close()


async def test_closing_ends_what_is_being_made_and_lets_nothing_begin(database: Database, tmp_path: Path) -> None:
    workers = Workers(processes=1)
    sounds = sound.build(database, workers, FakeClock(), shelf=Shelf(tmp_path, limit_bytes=10**9), folders=Folders())
    path = str(long(tmp_path / "a.wav"))
    await workers.urgent(os.getpid)
    waiting = [asyncio.create_task(sounds.of_file(path)) for _ in range(3)]
    async with asyncio.timeout(5):
        while not workers.pools()["urgent"].tasks:
            await asyncio.sleep(0.01)
        await sounds.close()
        for answer in await asyncio.gather(*waiting, return_exceptions=True):
            assert isinstance(answer, Unavailable), answer
        await workers.close()
    with pytest.raises(Unavailable):
        await sounds.of_file(str(audio.write(tmp_path / "b.flac")))
    assert await database.all("SELECT path FROM sound_files") == []
