"""A scan that is cancelled or killed goes on where it was: what is stored is not read again, which is counted."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

from mediaserver.core.events import ScanProgressed
from mediaserver.library.reader import ToRead, read_packed
from tests import seeded
from tests.library.music import Rooms, opened, until
from tests.server import running

ROOT = Path(__file__).parent.parent.parent


def many(library: Path, root: Path, folders: int, each: int) -> int:
    """Folders with a cover, a bad file and a cut one beside the good ones; returns the number of audio files."""
    song = (library / seeded.TRACKS[3].path).read_bytes()
    flac = (library / seeded.TRACKS[0].path).read_bytes()
    for n in range(folders):
        folder = root / f"{n:03d}"
        folder.mkdir(parents=True)
        for m in range(each):
            (folder / f"{m}.mp3").write_bytes(song)
        (folder / "bad.flac").write_text("no music " * 100)
        (folder / "cut.flac").write_bytes(flac[: len(flac) // 2])
        (folder / "cover.jpg").write_bytes(seeded.cover(n % 250))
    return folders * (each + 2)


async def stored(rooms: Rooms) -> int:
    """Files that the database knows, good ones and bad ones."""
    good = await rooms.database.one("SELECT COUNT(*) AS n FROM tracks")
    bad = await rooms.database.one("SELECT COUNT(*) AS n FROM scan_problems WHERE path LIKE '%bad.flac'")
    return int(good["n"]) + int(bad["n"]) if good and bad else 0


def slow(root: str, batch: list[ToRead]) -> bytes:
    time.sleep(0.3 if batch else 0.0)
    return read_packed(root, batch)


async def test_a_cancelled_scan_stops_at_once_and_the_next_reads_only_the_rest(
    seeded_library: Path, tmp_path: Path, database_url: str
) -> None:
    total = many(seeded_library, tmp_path / "music", 40, 20)
    async with opened([tmp_path / "music"], tmp_path / "d", database_url) as rooms:
        scanner = rooms.library.scanner
        scanner.reading.read_batch = slow
        told: list[tuple[float, ScanProgressed]] = []

        async def hear(event: ScanProgressed) -> None:
            told.append((time.monotonic(), event))

        rooms.events.subscribe(ScanProgressed, hear, name="test")
        scanner.start()

        async def is_half_done() -> bool:
            return scanner.status().files_read >= 192

        await until(is_half_done, "some batches")
        scanner.start()  # another one that waits is cancelled too
        began_s = time.monotonic()
        scanner.cancel()
        status = await scanner.wait()
        assert time.monotonic() - began_s < 3  # a bound for a busy machine: it takes a tenth of a second
        assert status.last is not None
        assert (status.state, status.last.outcome) == ("idle", "cancelled")
        kept = await stored(rooms)
        assert 192 <= kept < total
        told_before = len(told)

        scanner.reading.read_batch = read_packed
        scanner.start()
        status = await scanner.wait()
        in_second = [at for at, event in told[told_before:] if event.is_running]
        assert status.files_read == total - kept
        assert await stored(rooms) == total
        scanner.start()
        assert (await scanner.wait()).files_read == 0

        assert (told[0][1].is_running, told[-1][1].is_running) == (True, False)
        # Five in two seconds at most; half a second is what a busy machine may hear the first one late.
        assert in_second[-1] - in_second[0] >= (len(in_second) - 1) * 0.4 - 0.5


async def test_cancelling_nothing_is_nothing(seeded_library: Path, tmp_path: Path, database_url: str) -> None:
    async with opened([seeded_library], tmp_path / "d", database_url) as rooms:
        rooms.library.scanner.cancel()
        rooms.library.scanner.start()
        rooms.library.scanner.cancel()
        assert (await rooms.library.scanner.wait()).state == "idle"
        rooms.library.scanner.start()
        status = await rooms.library.scanner.wait()
        assert status.last is not None
        assert (status.added, status.last.outcome) == (10, "done")


async def test_a_scan_that_was_killed_is_taken_up_by_the_next_start_and_reads_only_the_rest(
    seeded_library: Path, tmp_path: Path, database_url: str
) -> None:
    total = many(seeded_library, tmp_path / "music", 60, 60)
    data_dir = tmp_path / "d"
    async with opened([tmp_path / "music"], data_dir, database_url) as rooms:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "MEDIASERVER_LIBRARY__WORKER_PROCESSES": "1"}
        environment.pop("MEDIASERVER_TEST_DATABASE", None)
        if database_url:
            environment["MEDIASERVER_DATABASE__URL"] = database_url
        words = ("-m", "mediaserver", "scan", str(tmp_path / "music"), "--data-dir", str(data_dir))
        process = await asyncio.create_subprocess_exec(
            sys.executable, *words, env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        try:

            async def has_begun_to_store() -> bool:
                return await stored(rooms) >= 768

            await until(has_begun_to_store, "the first batches")
        finally:
            process.kill()
            await process.wait()
        assert process.returncode == -9
        kept = await stored(rooms)
        assert kept < total
    library = {"worker_processes": 1, "scan_at_start": False}
    async with running(tmp_path / "music", data_dir, database_url, library=library) as house:
        status = house.server.scanner.status()
        assert status.last is not None
        assert status.last.outcome == "done"
        assert (status.files_seen, status.files_read) == (total, total - kept)
    async with running(tmp_path / "music", data_dir, database_url, library=library) as house:
        assert house.server.scanner.walks == 0  # that one ended well: nothing to take up


async def test_a_cut_file_whose_report_was_kept_and_itself_not_is_read_again(
    seeded_library: Path, tmp_path: Path, database_url: str
) -> None:
    music = tmp_path / "music"
    many(seeded_library, music, 1, 0)
    async with opened([music], tmp_path / "d", database_url) as rooms:
        library_id = await rooms.catalog.writer.library(str(music))
        status = (music / "000/cut.flac").stat()
        from mediaserver.library.report import Problem

        told = Problem("000/cut.flac", "truncated", "as before a crash", status.st_size, status.st_mtime_ns)
        await rooms.library.report.replace(library_id, [], [told])
        rooms.library.scanner.start()
        assert (await rooms.library.scanner.wait()).added == 1


async def test_only_the_touched_folders_are_read(seeded_library: Path, tmp_path: Path, database_url: str) -> None:
    from mediaserver.library.debounce import Due

    music = Path(shutil.copytree(seeded_library, tmp_path / "music"))
    async with opened([music], tmp_path / "d", database_url) as rooms:
        rooms.library.scanner.start()
        await rooms.library.scanner.wait()
        shutil.copy(music / seeded.TRACKS[3].path, music / "Mixed/Summer/new.mp3")
        (music / seeded.TRACKS[0].path).unlink()  # of this nobody is told
        looked = await rooms.library.looker.look({music: Due({"Mixed/Summer": False}, frozenset())})
        p = looked.progress
        assert (p.files_seen, p.files_read, p.added, p.missing) == (3, 1, 1, 0)
        looked = await rooms.library.looker.look({music: Due({"": False, "Björk": False}, frozenset())})
        assert (looked.progress.files_seen, looked.progress.missing) == (0, 0)
        looked = await rooms.library.looker.look({music: Due({"Björk": True}, frozenset())})
        assert (looked.progress.files_read, looked.progress.missing) == (0, 1)
        # A folder that was never there, and one that nobody may leave by.
        looked = await rooms.library.looker.look({music: Due({"Nothing": True, "Mixed/../..": True}, frozenset())})
        assert looked.progress.missing == 0
