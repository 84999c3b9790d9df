"""The loudness of a library: measured once, in the background, and never again."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import astuple
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest_asyncio

from mediaserver import sound
from mediaserver.core.events import EventBus, LibraryChanged
from mediaserver.core.folders import Folders
from mediaserver.core.pool import PoolStatus
from mediaserver.core.settings import Loudness
from mediaserver.core.shelf import Shelf
from mediaserver.core.workers import Workers
from mediaserver.sound.index import SoundFile, Sounds
from mediaserver.sound.measuring import Measuring
from mediaserver.storage.database import Database
from tests import audio
from tests.clock import FakeClock
from tests.loudness import music

FAST = Loudness(measure_share=100)


class Leaving(SoundFile):
    """Leaves as soon as it was looked at."""

    def looks_like(self, status: os.stat_result) -> bool:
        found = super().looks_like(status)
        moved(Path(self.path))
        return found


def moved(path: Path) -> Path:
    return path.rename(path.with_stem("moved")) if path.exists() else path.with_stem("moved")


class Counting(Workers):
    """Real workers that count what was asked of them."""

    asked = 0
    looks = 0
    """How often somebody looked whether listeners wait."""
    is_left = False
    """Whether files leave while they are measured."""

    async def analysis(self, call: Any, *args: Any, timeout_s: float = 300.0) -> Any:
        self.asked += 1
        if self.is_left:
            args = (Leaving(*astuple(args[0])), *args[1:])
        return await super().analysis(call, *args, timeout_s=timeout_s)

    def pools(self) -> dict[str, PoolStatus]:
        self.looks += 1
        return super().pools()


class Looked(FakeClock):
    """Counts how often the time was asked for."""

    looks = 0

    def now_ms(self) -> int:
        self.looks += 1
        return super().now_ms()


class House:
    def __init__(self, database: Database, workers: Counting, clock: Looked, root: Path) -> None:
        self.database, self.workers, self.clock, self.root = database, workers, clock, root
        self.events = EventBus()
        shelf = Shelf(root / "cache", limit_bytes=10**9)
        self.sounds: Sounds = sound.build(database, workers, clock, shelf=shelf, folders=Folders())

    async def indexed(self, name: str, seed: int, *, dbfs: float = -20.0) -> str:
        path = audio.write(self.root / name, wave=music(seed, 4, dbfs=dbfs))
        await self.sounds.index(str(path))
        self.clock.advance(seconds=1)
        return str(path)

    @asynccontextmanager
    async def measuring(self, wanted: Loudness = FAST) -> AsyncIterator[Measuring]:
        one = sound.build_measuring(
            *(self.database, self.workers, self.events, self.clock, self.sounds, wanted, UTC), look_every_s=0.01
        )
        job = asyncio.create_task(one.run())
        try:
            yield one
        finally:
            job.cancel()
            await asyncio.gather(job, return_exceptions=True)


@pytest_asyncio.fixture
async def at_home(database: Database, tmp_path: Path) -> AsyncIterator[House]:
    workers = Counting(processes=1)
    one = House(database, workers, Looked(), tmp_path)
    yield one
    await one.events.close()
    await one.sounds.close()
    await workers.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.02)


async def test_every_sound_is_measured_once_the_newest_first_and_later_ones_as_they_come(at_home: House) -> None:
    old, new = await at_home.indexed("old.flac", 1), await at_home.indexed("new.mp3", 2, dbfs=-30)
    async with at_home.measuring() as one:
        await until(lambda: one.progress().state == "done")
        assert (one.progress().measured, one.progress().total) == (2, 2)
        rows = await at_home.database.all(
            "SELECT f.path, l.measured_at_ms FROM loudness l JOIN sound_files f ON f.digest = l.digest"
        )
        assert {row["path"] for row in rows} == {old, new}
        found = await one.meter.of_files([old, new, "nobody"])
        assert set(found) == {old, new}
        louder, softer = found[old].integrated_lufs, found[new].integrated_lufs
        assert louder is not None and softer is not None and louder - softer > 5
        later = await at_home.indexed("later.ogg", 3)
        await until(lambda: one.progress().measured == 3)
        assert (await one.meter.of_files([later]))[later].range_lu is not None
    assert at_home.workers.asked == 3
    async with at_home.measuring() as again:
        await until(lambda: again.progress().state == "done")
    assert at_home.workers.asked == 3, "what is known is not measured again"


async def test_it_goes_on_where_it_was_broken_off(at_home: House) -> None:
    for n in range(4):
        await at_home.indexed(f"{n}.flac", n)
    async with at_home.measuring() as one:
        await until(lambda: one.progress().measured >= 2)
    async with at_home.measuring() as one:
        await until(lambda: one.progress().state == "done")
    assert len(await at_home.database.all("SELECT 1 AS yes FROM loudness")) == 4
    assert at_home.workers.asked <= 5, "at most the one that was under way is measured again"


async def test_listeners_come_first(at_home: House) -> None:
    await at_home.indexed("a.flac", 1)
    held = asyncio.create_task(at_home.workers.urgent(wait_for, str(at_home.root / "go")))
    await until(lambda: at_home.workers.pools()["urgent"].tasks == 1)
    async with at_home.measuring() as one:
        before = at_home.workers.looks
        await until(lambda: at_home.workers.looks >= before + 3 or at_home.workers.asked > 0)
        assert (at_home.workers.asked, one.progress().measured) == (0, 0)
        (at_home.root / "go").touch()
        await held
        await until(lambda: one.progress().measured == 1)


def wait_for(path: str) -> None:
    """In a worker."""
    while not Path(path).exists():
        time.sleep(0.01)


async def test_it_keeps_to_its_hours_and_can_be_turned_off(at_home: House) -> None:
    await at_home.indexed("a.flac", 1)
    hour = at_home.clock.now_ms() // 3_600_000 % 24
    other = f"{(hour + 3) % 24:02d}:00-{(hour + 5) % 24:02d}:00"
    async with at_home.measuring(Loudness(measure_hours=(other,), measure_share=100)) as one:
        before = at_home.clock.looks
        await until(lambda: at_home.clock.looks >= before + 3 or at_home.workers.asked > 0)
        assert (one.progress().state, one.progress().measured, at_home.workers.asked) == ("waiting", 0, 0)
        at_home.clock.advance(seconds=3 * 3600)
        await until(lambda: one.progress().state == "done")
        assert (one.progress().measured, at_home.workers.asked) == (1, 1)
    await at_home.indexed("b.flac", 2)
    async with at_home.measuring(Loudness(measure=False)) as one:
        await until(lambda: one.progress().total == 2)
        assert one.progress().state == "off"
    assert at_home.workers.asked == 1


async def test_what_cannot_be_measured_is_given_up_and_not_tried_again(at_home: House) -> None:
    path = Path(await at_home.indexed("a.wma", 1))
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    good = await at_home.indexed("b.flac", 2)
    async with at_home.measuring() as one:
        await until(lambda: one.progress().state == "done")
        assert (one.progress().measured, one.progress().failed) == (1, 1)
        assert await one.meter.of_files([str(path)]) == {}
        assert await one.meter.together([str(path), good]) == (await one.meter.of_files([good]))[good]
    async with at_home.measuring() as one:
        await until(lambda: one.progress().state == "done")
    assert at_home.workers.asked == 2


async def test_a_file_that_changed_is_measured_as_what_it_is_now(at_home: House) -> None:
    path = Path(await at_home.indexed("a.flac", 1))
    audio.write(path, wave=music(2, 4, dbfs=-40))
    async with at_home.measuring() as one:
        await until(lambda: one.progress().state == "done")
        assert await one.meter.of_files([str(path)]) == {}
        await at_home.sounds.index(str(path))
        await until(lambda: one.progress().measured == 1)
        found = (await one.meter.of_files([str(path)]))[str(path)]
    assert found.integrated_lufs is not None and found.integrated_lufs < -45
    assert len(await at_home.database.all("SELECT 1 AS yes FROM loudness")) == 1, "nothing is left of the old one"


async def test_a_file_that_leaves_while_it_is_measured_is_measured_where_it_is_found_again(at_home: House) -> None:
    path = Path(await at_home.indexed("a.flac", 1))
    at_home.workers.is_left = True
    async with at_home.measuring() as one:
        await until(lambda: one.progress().state == "done")
        assert (at_home.workers.asked, one.progress().failed) == (1, 0)
        at_home.workers.is_left = False
        await at_home.sounds.index(str(moved(path)))
        await until(lambda: one.progress().measured == 1)
        assert set(await one.meter.of_files([str(moved(path))])) == {str(moved(path))}


async def test_an_album_follows_its_tracks(at_home: House) -> None:
    paths = [await at_home.indexed(f"{n}.flac", n, dbfs=dbfs) for n, dbfs in enumerate((-10, -30, -30))]
    async with at_home.measuring() as one:
        await until(lambda: one.progress().state == "done")
        peaks = [each.true_peak_dbtp or 0 for each in (await one.meter.of_files(paths)).values()]
        whole, soft = await one.meter.together(paths), await one.meter.together(paths[1:])
        assert whole is not None and soft is not None
        assert whole.integrated_lufs is not None and soft.integrated_lufs is not None
        assert whole.integrated_lufs > soft.integrated_lufs + 5
        assert whole.true_peak_dbtp == max(peaks)
        assert await one.meter.together([*paths, "not measured yet"]) is None


async def test_a_scan_wakes_it_for_what_was_away(at_home: House) -> None:
    path = Path(await at_home.indexed("a.flac", 1))
    away = path.rename(path.with_suffix(".away"))
    async with at_home.measuring() as one:
        await until(lambda: one.progress().state == "done" and one.progress().total == 1)
        assert one.progress().measured == 0
        away.rename(path)
        at_home.events.publish(LibraryChanged(0, 0, 0))
        await until(lambda: one.progress().measured == 1)
