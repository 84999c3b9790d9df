"""What a scan keeps of what it read: every bad file told once, pictures found again, moves counted as moves."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest
from mutagen.id3 import ID3

from mediaserver.catalog.incoming import ReadFile, Stored
from mediaserver.catalog.writer import Writer
from mediaserver.core.clock import Clock
from mediaserver.core.errors import Invalid
from mediaserver.core.events import EventBus
from mediaserver.core.folders import FolderAway
from mediaserver.core.units import LibraryId
from mediaserver.library.intake import Before, Intake, to_read
from mediaserver.library.reader import VERSION, ToRead, read_packed
from mediaserver.library.status import Progress
from mediaserver.library.walk import walk
from mediaserver.storage.database import Database
from tests.library.music import Rooms, ids, opened, problems, scan, song


async def test_every_one_of_many_bad_files_is_told_at_each_scan(tmp_path: Path, database_url: str) -> None:
    folder = tmp_path / "music"
    song(folder / "good.flac", "Good")
    for n in range(1100):
        (folder / f"{n}.mp3").touch()
    async with opened([folder], tmp_path / "d", database_url) as rooms:
        for _ in range(3):
            await scan(rooms)
            assert await rooms.library.report.count() == 1100


async def test_a_file_that_was_spoilt_is_missing_and_read_once_until_it_is_whole_again(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    path = "Mixed/Summer/1.opus"
    whole = (music / path).read_bytes()
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        before = (await ids(rooms))[path]
        (music / path).write_bytes(os.urandom(5000))
        spoilt = await scan(rooms)
        assert (spoilt.files_read, spoilt.missing) == (1, 1)
        assert path in await problems(rooms)
        assert path not in await ids(rooms)
        assert (await scan(rooms)).files_read == 0
        (music / path).write_bytes(whole)
        await scan(rooms)
        assert (await ids(rooms))[path] == before
        assert path not in await problems(rooms)


async def test_a_moved_file_is_not_told_as_missing(music: Path, tmp_path: Path, database_url: str) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        (music / "Mixed/Summer").rename(music / "Mixed/Winter")
        moved = await scan(rooms)
        assert (moved.added, moved.changed, moved.missing) == (0, 2, 0)


@pytest.mark.parametrize("how", ["gone", "another cover"])
async def test_a_cover_in_several_files_is_found_though_the_first_of_them_has_it_no_more(
    music: Path, tmp_path: Path, database_url: str, how: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        digest = (await rooms.database.one("SELECT digest FROM pictures WHERE path LIKE '%.mp3'") or {})["digest"]
        file = Path((await rooms.catalog.pictures.file(digest)).path)
        if how == "gone":
            file.unlink()
        else:
            tags = ID3(file)
            tags.delall("APIC")
            tags.save()
        await scan(rooms)
        again = await rooms.catalog.pictures.file(digest)
        assert Path(again.path) != file
        assert Path(again.path).exists()


async def test_no_file_is_scanned_into_two_libraries(music: Path, tmp_path: Path, database_url: str) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
    for folder in (music / "Björk", music.parent):
        with pytest.raises(Invalid, match="overlaps"):
            async with opened([folder], tmp_path / "d", database_url):
                pass


async def test_a_folder_that_is_away_is_served_where_it_had_music_and_else_refused(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
    music.rename(tmp_path / "away")
    async with opened([music], tmp_path / "d", database_url) as rooms:
        status = await scan(rooms)
        assert "cannot be listed" in status.message
        assert len(await ids(rooms)) == 10
    with pytest.raises(Invalid, match="there is no folder"):
        async with opened([tmp_path / "never"], tmp_path / "d", database_url):
            pass


async def test_asking_many_times_while_a_scan_runs_scans_once_more(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        scanner = rooms.library.scanner
        scanner.start()
        while scanner.walks == 0:
            await asyncio.sleep(0)
        for _ in range(3):
            scanner.start()
        await scanner.wait()
        assert scanner.walks == 2


async def test_a_scan_that_was_asked_for_comes_though_the_one_before_it_fails(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        scanner = rooms.library.scanner

        async def fail() -> None:
            scanner.before_walk = nothing
            scanner.start()
            raise RuntimeError("the first one fails")

        async def nothing() -> None:
            pass

        scanner.before_walk = fail
        scanner.start()
        status = await scanner.wait()
        assert (status.state, status.message, len(await ids(rooms))) == ("idle", "", 10)
        rows = await rooms.database.all("SELECT outcome FROM scans ORDER BY id")
        assert [row["outcome"] for row in rows] == ["failed", "done"]


async def test_what_need_not_be_read_is_scanned_without_any_process_to_read(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        await rooms.workers.close()
        (music / "Mixed/Summer").rename(tmp_path / "gone")
        status = await scan(rooms)
        assert (status.message, status.missing > 0) == ("", True)


class Storing(Writer):
    """Tells when a batch is committed, and is not done with it yet."""

    def __init__(self, database: Database, clock: Clock, events: EventBus) -> None:
        super().__init__(database, clock, events)
        self.committed = asyncio.Event()
        self.batches: list[int] = []

    async def store(self, library_id: LibraryId, files: Sequence[ReadFile]) -> Stored:
        stored = await super().store(library_id, files)
        self.batches.append(len(files))
        self.committed.set()
        for _ in range(100):
            await asyncio.sleep(0)
        return stored


async def test_what_is_stored_as_a_scan_is_cancelled_is_stored_and_counted_once(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    song(music / "first.mp3", "First")
    for n in range(800):  # more than are stored at a time
        shutil.copyfile(music / "first.mp3", music / f"copy {n}.mp3")
    async with opened([music], tmp_path / "d", database_url) as rooms:
        report, writer = rooms.library.report, Storing(rooms.database, rooms.clock, rooms.events)
        intake = Intake(writer, report, rooms.library.scanner.reading, rooms.events, rooms.clock, rooms.folders)
        library_id, walked, progress = await writer.library(str(music)), walk(str(music)), Progress()
        before = Before({}, {}, {})
        taking = asyncio.create_task(
            intake.take(library_id, str(music), before, walked, to_read(before, walked), progress)
        )
        await writer.committed.wait()
        taking.cancel()
        await asyncio.wait({taking})
        assert taking.cancelled()
        assert (progress.added, progress.changed) == (sum(writer.batches), 0)
        assert len(await ids(rooms)) == sum(writer.batches)


async def test_no_reading_goes_on_once_the_folder_is_known_to_be_away(tmp_path: Path, database_url: str) -> None:
    music, count = tmp_path / "music", 8
    song(music / "0.mp3", "One")
    for n in range(1, count):
        shutil.copyfile(music / "0.mp3", music / f"{n}.mp3")
    async with opened([music], tmp_path / "d", database_url) as rooms:
        reading, wanted = rooms.library.scanner.reading, to_read(Before({}, {}, {}), walk(str(music)))
        reading.read_batch = crashing_as_the_disk_goes
        before = asyncio.all_tasks()
        with pytest.raises(FolderAway):
            async for _ in reading.all(str(music), wanted):
                pass
        assert asyncio.all_tasks() == before


def crashing_as_the_disk_goes(root: str, batch: list[ToRead]) -> bytes:
    """In a worker."""
    if len(batch) == 1:
        for file in Path(root).iterdir():
            file.unlink()
    os._exit(1)


async def read_by_an_older_one(rooms: Rooms, paths: str) -> None:
    """As if the reader before this one had found something else in these files."""
    async with rooms.database.write() as tx:
        await tx.run(
            "UPDATE tracks SET title = 'old', duration_ms = 1, reader_version = :version WHERE path LIKE :paths",
            {"version": VERSION - 1, "paths": paths},
        )


async def facts(rooms: Rooms) -> dict[str, tuple[str, int, int, int]]:
    rows = await rooms.database.all("SELECT path, id, title, duration_ms, added_at_ms FROM tracks")
    return {row["path"]: (row["title"], row["duration_ms"], row["id"], row["added_at_ms"]) for row in rows}


async def test_what_an_older_reader_read_is_read_again_once_and_stays_what_it_was(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        before = await facts(rooms)
        await read_by_an_older_one(rooms, "%.mp3")
        again = await scan(rooms)
        assert (again.files_read, again.added, again.changed, again.missing) == (3, 0, 3, 0)
        assert await facts(rooms) == before
        assert (await scan(rooms)).files_read == 0


async def test_reading_all_again_goes_on_where_it_was_broken_off(
    tmp_path: Path, database_url: str, seeded_library: Path
) -> None:
    """Every row says by which reader it was read, so that what is stored is not read twice."""
    folder = tmp_path / "music"
    for n in range(200):
        copy = folder / f"{n:03d}.mp3"
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(seeded_library / "The Quiet/Long Way/CD 1/1 Setting Out.mp3", copy)
    async with opened([folder], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        await read_by_an_older_one(rooms, "%")
        scanner = rooms.library.scanner
        scanner.start()
        while not scanner.status().files_read:
            await asyncio.sleep(0)
        scanner.cancel()
        broken_off = (await scanner.wait()).files_read
        rest = await scan(rooms)
        assert rest.files_read == 200 - broken_off
        assert (await scan(rooms)).files_read == 0
        assert all(title != "old" for title, *_ in (await facts(rooms)).values())


async def test_what_is_said_of_a_sound_stays_until_its_file_changes(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    path = "Björk/Homogenic/01 Hunter.flac"
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        status = (music / path).stat()

        async def told(reason: str) -> dict[str, str]:
            report = rooms.library.report
            await report.heard(str(music / path), status.st_size, status.st_mtime_ns, reason)
            return await problems(rooms)

        assert await told("nothing in it can be decoded") == {path: "unplayable"}
        assert await told("") == {}
        await told("nothing in it can be decoded")
        (music / "Björk/Homogenic/cover.jpg").unlink()  # so that what lies beside it is read again
        assert (await scan(rooms)).files_read == 3
        assert await problems(rooms) == {path: "unplayable"}
        song(music / path, "Mended")
        assert (await scan(rooms)).files_read == 1
        assert await problems(rooms) == {}


async def test_a_cut_file_that_cannot_be_played_is_told_as_both_and_as_cut_once_it_plays(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    path = "Björk/Homogenic/01 Hunter.flac"
    whole = (music / path).read_bytes()
    (music / path).write_bytes(whole[: len(whole) // 2])
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        status = (music / path).stat()

        async def told(reason: str) -> list[str]:
            await rooms.library.report.heard(str(music / path), status.st_size, status.st_mtime_ns, reason)
            return sorted(one.reason for one in await rooms.library.report.problems(limit=500))

        assert await told("nothing in it can be decoded") == ["truncated", "unplayable"]
        (music / "Björk/Homogenic/cover.jpg").unlink()  # so that what lies beside it is read again
        assert (await scan(rooms)).files_read == 3
        assert await told("nothing in it can be decoded") == ["truncated", "unplayable"]
        assert await told("") == ["truncated"]
        await told("nothing in it can be decoded")
        (music / path).unlink()
        await scan(rooms)
        assert await problems(rooms) == {}


async def test_a_worker_that_the_system_ends_reads_its_file_another_time(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    song(music / "one.mp3", "One")
    async with opened([music], tmp_path / "d", database_url) as rooms:
        rooms.library.scanner.reading.read_batch = killed_at_first
        status = await scan(rooms)
        assert (status.added, await problems(rooms)) == (1, {})


def killed_at_first(root: str, batch: list[ToRead]) -> bytes:
    """In a worker."""
    mark = Path(root).with_name("was here")
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return read_packed(root, batch)
