"""Which sound is in which file, through changes, losses and many askers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from mediaserver import sound
from mediaserver.core.errors import Damaged, Gone, NotFound, Unavailable
from mediaserver.core.events import EventBus, LibraryChanged
from mediaserver.core.folders import Folders
from mediaserver.core.shelf import Shelf
from mediaserver.core.workers import Workers
from mediaserver.media.decode import read_range
from mediaserver.media.probe import survey
from mediaserver.sound.index import SoundFile, Sounds
from mediaserver.sound.jobs import index_library
from mediaserver.storage.database import Database
from tests import audio
from tests.clock import FakeClock


@pytest.fixture
def sounds(database: Database, workers: Workers, clock: FakeClock, tmp_path: Path) -> Sounds:
    return sound.build(database, workers, clock, shelf=Shelf(tmp_path, limit_bytes=10**9), folders=Folders())


async def rows(database: Database, table: str) -> int:
    row = await database.one(f"SELECT COUNT(*) AS n FROM {table}")
    return int(row["n"]) if row else 0


async def test_a_sound_is_found_by_its_file_and_by_its_digest_also_after_a_restart(
    sounds: Sounds, database: Database, workers: Workers, clock: FakeClock, tmp_path: Path
) -> None:
    path = audio.write(tmp_path / "a.flac")
    made = await sounds.of_file(str(path))
    assert (made.path, made.index.length_samples) == (str(path), 44_100)
    again = sound.build(database, workers, clock, shelf=Shelf(tmp_path, limit_bytes=10**9), folders=Folders())
    for found in (
        await sounds.by_digest(made.digest),
        await again.by_digest(made.digest),
        await again.of_file(str(path)),
    ):
        assert (found.digest, found.path, found.packed) == (made.digest, made.path, made.packed)


async def test_many_askers_of_one_file_share_one_making(sounds: Sounds, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "a.mp3")
    found = await asyncio.gather(*(sounds.of_file(str(path)) for _ in range(20)))
    assert len({id(one) for one in found}) == 1


async def test_a_changed_file_has_a_new_digest_and_the_old_one_is_gone(sounds: Sounds, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "a.flac")
    old = await sounds.of_file(str(path))
    audio.write(path, seed=2)
    with pytest.raises(Gone):
        await sounds.by_digest(old.digest)
    new = await sounds.of_file(str(path))
    assert new.digest != old.digest
    with pytest.raises(Gone):
        await sounds.by_digest(old.digest)
    with pytest.raises(NotFound):
        await sounds.by_digest("N" * 22)


async def test_a_pipe_or_a_device_where_a_file_stood_is_missing_and_holds_nobody(
    sounds: Sounds, tmp_path: Path
) -> None:
    old = await sounds.of_file(str(audio.write(tmp_path / "a.flac")))
    for replace in (lambda path: os.mkfifo(path), lambda path: path.symlink_to("/dev/zero")):
        (tmp_path / "a.flac").unlink()
        replace(tmp_path / "a.flac")
        async with asyncio.timeout(5):
            with pytest.raises(NotFound):
                await sounds.of_file(old.file)
            with pytest.raises(NotFound):
                await sounds.index(old.file)
            with pytest.raises(Gone):
                await sounds.by_digest(old.digest)
        with pytest.raises(Damaged):  # where it became one after the server looked
            survey(old.file)


async def test_any_file_of_a_sound_may_serve_it(sounds: Sounds, tmp_path: Path) -> None:
    first, second = audio.write(tmp_path / "a.flac"), audio.write(tmp_path / "b.flac")
    one, two = await sounds.of_file(str(first)), await sounds.of_file(str(second))
    assert one.digest == two.digest
    first.unlink()
    assert (await sounds.by_digest(one.digest)).path == str(second)
    second.unlink()
    with pytest.raises(Gone):
        await sounds.by_digest(one.digest)
    with pytest.raises(NotFound):
        await sounds.of_file(str(first))


async def test_a_lost_side_file_is_made_again(sounds: Sounds, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "a.wma")
    made = await sounds.of_file(str(path))
    assert Path(made.path).parent == tmp_path / "sides"
    before = read_range(made.path, made.index, 0, 1000)
    Path(made.path).unlink()
    found = await sounds.by_digest(made.digest)
    assert found.digest == made.digest
    assert (read_range(found.path, found.index, 0, 1000) == before).all()


async def test_what_is_no_audio_is_damaged_and_leaves_nothing(
    sounds: Sounds, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "a.flac"
    path.write_text("no music, only words. " * 300)
    with pytest.raises(Damaged):
        await sounds.of_file(str(path))
    assert await rows(database, "sounds") == 0


async def test_a_damaged_copy_does_not_hide_the_others(
    sounds: Sounds, database: Database, workers: Workers, clock: FakeClock, tmp_path: Path
) -> None:
    first, second = audio.write(tmp_path / "a.flac"), audio.write(tmp_path / "b.flac")
    digest = (await sounds.of_file(str(first))).digest
    await sounds.of_file(str(second))
    async with database.write() as tx:  # its index is lost, and so is its sound, unnoticed
        await tx.run("UPDATE sound_files SET packet_index = :no WHERE path = :path", {"no": b"?", "path": str(first)})
    stat = first.stat()
    first.write_bytes(bytes(stat.st_size))
    os.utime(first, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    again = sound.build(database, workers, clock, shelf=Shelf(tmp_path, limit_bytes=10**9), folders=Folders())
    assert (await again.by_digest(digest)).path == str(second)
    second.unlink()
    last = sound.build(database, workers, clock, shelf=Shelf(tmp_path, limit_bytes=10**9), folders=Folders())
    with pytest.raises(Damaged):
        await last.by_digest(digest)


async def test_the_background_makes_no_side_files_and_the_first_listener_does(sounds: Sounds, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "a.wma")
    await sounds.index(str(path))
    stat = path.stat()
    assert not list(tmp_path.rglob("sides/*"))
    assert await sounds.unindexed([SoundFile(str(path), stat.st_size, stat.st_mtime_ns)]) == []
    made = await sounds.of_file(str(path))
    assert [one.name for one in (tmp_path / "sides").iterdir()] == [f"{made.digest}.flac"]
    assert (await sounds.by_digest(made.digest)).path == made.path


async def test_who_finds_no_room_for_a_side_file_is_told_so_and_may_try_again(
    sounds: Sounds, workers: Workers, tmp_path: Path
) -> None:
    path = audio.write(tmp_path / "a.tta", seconds=3)
    no_limit = (resource.RLIM_INFINITY,) * 2
    for _ in range(2):  # each of the two workers
        limited = [workers.urgent(limit_files, 1000) for _ in range(8)]
        await asyncio.gather(*limited)
    with pytest.raises(Unavailable):
        await sounds.of_file(str(path))
    assert not list(tmp_path.rglob("sides/*"))
    await asyncio.gather(*(workers.urgent(limit_files, no_limit[0]) for _ in range(8)))
    assert (await sounds.of_file(str(path))).index.length_samples == 3 * 44_100


def limit_files(size_bytes: int) -> None:
    """In a worker, long enough that the other one takes the next."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, resource.RLIM_INFINITY))
    time.sleep(0.05)


async def test_who_finds_no_place_for_a_side_file_is_told_so_and_may_try_again(sounds: Sounds, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "a.tta")
    (tmp_path / sound.index.SIDES).write_bytes(b"where their folder should be")
    with pytest.raises(Unavailable):
        await sounds.of_file(str(path))
    (tmp_path / sound.index.SIDES).unlink()
    assert (await sounds.of_file(str(path))).index.length_samples == 44_100


async def test_a_maker_that_is_killed_leaves_no_half_side_file(database: Database, tmp_path: Path) -> None:
    workers = Workers(processes=1)
    sounds = sound.build(database, workers, FakeClock(), shelf=Shelf(tmp_path, limit_bytes=10**9), folders=Folders())
    path = audio.dsf(tmp_path / "a.dsf", seconds=0.2)
    audio.stretch_dsf(path, seconds=60)
    worker = await workers.urgent(os.getpid)
    waiting = asyncio.create_task(sounds.of_file(str(path)))
    async with asyncio.timeout(60):
        while not list(tmp_path.rglob("sides/*.part")):
            await asyncio.sleep(0.005)
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(Unavailable):
        await waiting
    assert not list(tmp_path.rglob("sides/*"))
    await workers.close()


class Counting(Workers):
    """Real workers that count what they were asked in the background."""

    asked = 0

    async def background(self, call: Any, *args: Any, timeout_s: float = 300.0) -> Any:
        self.asked += 1
        return await super().background(call, *args, timeout_s=timeout_s)


async def test_what_could_not_be_read_is_not_tried_again_until_it_changes(database: Database, tmp_path: Path) -> None:
    workers, clock = Counting(processes=1), FakeClock()
    sounds = sound.build(database, workers, clock, shelf=Shelf(tmp_path, limit_bytes=10**9), folders=Folders())
    path = tmp_path / "bad.flac"
    path.write_bytes(b"nothing")

    async def again() -> int:
        stat = path.stat()
        for file in await sounds.unindexed([SoundFile(str(path), stat.st_size, stat.st_mtime_ns)]):
            with contextlib.suppress(Damaged):
                await sounds.index(file.path)
        return workers.asked

    assert [await again() for _ in range(3)] == [1, 1, 1]
    with pytest.raises(Damaged):
        await sounds.of_file(str(path))
    audio.write(path)
    assert [await again() for _ in range(2)] == [2, 2]
    await workers.close()


async def test_a_listener_may_try_a_failed_file_again_after_a_minute(
    sounds: Sounds, clock: FakeClock, tmp_path: Path
) -> None:
    path = audio.write(tmp_path / "a.flac")
    good, stat = path.read_bytes(), path.stat()
    path.write_bytes(bytes(len(good)))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(Damaged):
        await sounds.of_file(str(path))
    path.write_bytes(good)  # the disk is well again, and the file looks as before
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    with pytest.raises(Damaged):
        await sounds.of_file(str(path))
    clock.advance(seconds=61)
    assert await sounds.of_file(str(path))


async def test_five_hundred_files_are_looked_up_in_one_query(database: Database, tmp_path: Path) -> None:
    class Asked:
        """The real database, counting."""

        queries = 0

        def __getattr__(self, name: str) -> Any:
            return getattr(database, name)

        async def all(self, *args: Any) -> Any:
            self.queries += 1
            return await database.all(*args)

    asked: Any = Asked()
    sounds = sound.build(
        asked, Workers(processes=1), FakeClock(), shelf=Shelf(tmp_path, limit_bytes=10**9), folders=Folders()
    )
    files = [SoundFile(f"/music/{n}.flac", n, n) for n in range(500)]
    assert await sounds.unindexed(files) == files
    assert asked.queries == 1


async def test_an_index_of_an_older_form_is_made_anew_when_it_is_wanted(
    sounds: Sounds, database: Database, workers: Workers, tmp_path: Path
) -> None:
    made = await sounds.of_file(str(audio.write(tmp_path / "a.flac")))
    async with database.write() as tx:
        await tx.run("UPDATE sound_files SET packet_index = :old", {"old": b"PX1" + made.packed[3:]})
    again = sound.build(database, workers, FakeClock(), shelf=Shelf(tmp_path, limit_bytes=10**9), folders=Folders())
    assert (await again.of_file(made.file)).packed == made.packed


async def test_what_left_the_library_is_forgotten_and_what_is_missing_is_not(
    sounds: Sounds, database: Database, tmp_path: Path
) -> None:
    paths = [str(audio.write(tmp_path / f"{n}.flac", seed=n // 2)) for n in range(4)]
    digests = [(await sounds.of_file(path)).digest for path in paths]
    assert len(set(digests)) == 2
    Path(paths[0]).unlink()  # missing, but still in the library
    left = {paths[1], paths[2], paths[3]}

    async def known(asked: Sequence[str]) -> set[str]:
        return set(asked) - left

    assert await sounds.forget_strangers(known) == 3
    assert [row["path"] for row in await database.all("SELECT path FROM sound_files")] == [paths[0]]
    assert [row["digest"] for row in await database.all("SELECT digest FROM sounds")] == [digests[0]]
    assert [row["digest"] for row in await database.all("SELECT digest FROM retired_sounds")] == [digests[2]]
    fresh = sound.build(
        database, Workers(processes=1), FakeClock(), shelf=Shelf(tmp_path, limit_bytes=10**9), folders=Folders()
    )
    with pytest.raises(Gone):
        await fresh.by_digest(digests[2])
    assert (await sounds.of_file(paths[2])).digest == digests[2]  # it came back
    assert await rows(database, "retired_sounds") == 0


async def test_the_whole_library_is_indexed_after_a_scan_bad_files_apart(
    sounds: Sounds, database: Database, tmp_path: Path
) -> None:
    paths = [audio.write(tmp_path / f"{n}.flac", seed=n) for n in range(4)]
    (tmp_path / "bad.flac").write_bytes(b"nothing")
    bus = EventBus()

    async def files():  # type: ignore[no-untyped-def]
        for path in [tmp_path / "bad.flac", *paths]:
            stat = path.stat()
            yield str(path), stat.st_size, stat.st_mtime_ns

    async def known(asked: Sequence[str]) -> set[str]:
        return set(asked)

    told: dict[str, str] = {}

    async def tell(file: SoundFile, reason: str) -> None:
        told[Path(file.path).name] = reason

    job = asyncio.create_task(index_library(sounds, bus, files, known, tell))
    async with asyncio.timeout(10):
        while await rows(database, "sounds") < 4:
            await asyncio.sleep(0.02)
        audio.write(paths[0], seed=77)
        bus.publish(LibraryChanged(0, 1, 0))
        while await rows(database, "retired_sounds") < 1:
            await asyncio.sleep(0.02)
    job.cancel()
    await bus.close()
    assert told.pop("bad.flac") == "there is no sound in it"
    assert told == dict.fromkeys((path.name for path in paths), "")
    assert await rows(database, "sounds") == 4


async def test_a_disk_that_cannot_read_now_is_not_held_against_the_file(
    sounds: Sounds, clock: FakeClock, tmp_path: Path
) -> None:
    path = tmp_path / "song.flac"
    path.symlink_to("/proc/self/mem")  # whose first byte nobody can read: EIO
    look = path.stat()
    for _ in range(2):
        with pytest.raises(Unavailable, match="cannot be read now"):
            await sounds.of_file(str(path))
        with pytest.raises(Unavailable, match="cannot be read now"):
            await sounds.index(str(path))
    file = SoundFile(str(path), look.st_size, look.st_mtime_ns)
    assert await sounds.unindexed([file]) == [file], "it is tried again"
    path.unlink()
    audio.write(path)
    assert (await sounds.of_file(str(path))).index.length_samples == 44_100


class OutOfMemory(Workers):
    """The system ends the worker each time, as it does where memory runs out."""

    async def urgent(self, call: Any, *args: Any, timeout_s: float = 30.0) -> Any:
        return await super().urgent(killed, timeout_s=timeout_s)


def killed() -> None:
    """In a worker."""
    os.kill(os.getpid(), signal.SIGKILL)


async def test_a_worker_that_the_system_ends_is_held_against_its_file_the_second_time(
    database: Database, clock: FakeClock, tmp_path: Path
) -> None:
    workers = OutOfMemory(processes=1)
    sounds = sound.build(database, workers, clock, shelf=Shelf(tmp_path, limit_bytes=10**9), folders=Folders())
    path = str(audio.write(tmp_path / "song.flac"))
    with pytest.raises(Unavailable):
        await sounds.of_file(path)
    with pytest.raises(Damaged, match="not to be read"):
        await sounds.of_file(path)
    await workers.close()
