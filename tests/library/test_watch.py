"""What changes in the folders is noticed, by real inotify on real files; where there is none, by polling."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from mediaserver.library.debounce import Due
from mediaserver.library.look import Looked
from mediaserver.library.watch import Watcher
from tests import seeded
from tests.databases import POSTGRES
from tests.library.music import Rooms, ids, opened, problems, song, until, watched

# The limits are the machine's: other runs that go on beside this one, as those on PostgreSQL do, would meet them too.
ONCE = pytest.mark.skipif(bool(POSTGRES), reason="not here: told apart before any database is asked; done on SQLite")
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="left out: only root may mount, and change inotify's limits")
INOTIFY = Path("/proc/sys/fs/inotify")


@contextmanager
def limit(name: str, value: int) -> Iterator[None]:
    """Another limit of inotify for the while; other programs keep what they have."""
    file = INOTIFY / name
    before = file.read_text()
    try:
        file.write_text(str(value))
    except OSError as error:
        pytest.skip(f"left out: the limits of inotify cannot be changed here: {error.strerror}")
    try:
        yield
    finally:
        file.write_text(before)


async def titles(rooms: Rooms) -> dict[str, str]:
    rows = await rooms.database.all("SELECT path, title FROM tracks WHERE missing_since_ms IS NULL")
    return {row["path"]: row["title"] for row in rows}


async def test_new_changed_moved_and_removed_files_are_noticed(music: Path, tmp_path: Path, database_url: str) -> None:
    async with watched([music], tmp_path / "d", database_url) as (rooms, watcher):
        assert [(one.mode, one.folders, one.message) for one in watcher.statuses()] == [("watching", 11, "")]
        before = await ids(rooms)

        async def shows(path: str, title: str) -> bool:
            return (await titles(rooms)).get(path) == title

        new = song(music / "Björk/Homogenic/04 New.flac", "New", album="Homogenic")
        await until(lambda: shows("Björk/Homogenic/04 New.flac", "New"), "the new file")
        seeded.tag(new, seeded.Tagged("", "Newer", "Björk", "Homogenic", "Björk"))
        await until(lambda: shows("Björk/Homogenic/04 New.flac", "Newer"), "the changed file")
        track = (await ids(rooms))["Björk/Homogenic/04 New.flac"]

        moved = music / "Mixed/Moved.flac"
        new.rename(moved)
        await until(lambda: shows("Mixed/Moved.flac", "Newer"), "the moved file")
        assert (await ids(rooms))["Mixed/Moved.flac"] == track

        moved.unlink()

        async def is_gone() -> bool:
            return await ids(rooms) == before

        await until(is_gone, "the removed file to go")
        assert (await rooms.catalog.tracks.get(track)).is_missing  # type: ignore[arg-type]


async def test_a_folder_that_moves_takes_all_in_it_along(music: Path, tmp_path: Path, database_url: str) -> None:
    async with watched([music], tmp_path / "d", database_url) as (rooms, _):
        before = await ids(rooms)
        (music / "The Quiet").rename(music / "Mixed" / "Loud")
        expected = {path.replace("The Quiet/", "Mixed/Loud/"): track for path, track in before.items()}

        async def has_moved() -> bool:
            return await ids(rooms) == expected

        await until(has_moved, "the folder at its new place, with the same ids")
        # What happens in the folder from now on is noticed at its new place.
        song(music / "Mixed/Loud/Long Way/CD 2/2 More.mp3", "More")

        async def has_more() -> bool:
            return "Mixed/Loud/Long Way/CD 2/2 More.mp3" in await ids(rooms)

        await until(has_more, "a file in the moved folder")


async def test_new_folders_are_watched_with_what_they_bring(music: Path, tmp_path: Path, database_url: str) -> None:
    aside = tmp_path / "aside"
    for n in range(3):
        song(aside / f"Deep/{n}/er/{n}.mp3", f"Deep {n}", seed=n + 60)
    async with watched([music], tmp_path / "d", database_url) as (rooms, watcher):
        shutil.copytree(aside / "Deep", music / "Deep")  # files land while the watches are being set

        async def are_in() -> bool:
            return {f"Deep/{n}/er/{n}.mp3" for n in range(3)} <= set(await ids(rooms))

        await until(are_in, "all files of the new folders")
        assert watcher.statuses()[0].folders == 11 + 7
        song(music / "Deep/2/er/late.mp3", "Late", seed=70)

        async def is_in() -> bool:
            return "Deep/2/er/late.mp3" in await ids(rooms)

        await until(is_in, "a later file")
        shutil.rmtree(music / "Deep")

        async def is_out() -> bool:
            return len(await ids(rooms)) == 10

        await until(is_out, "the folder to go")
        assert watcher.statuses()[0].folders == 11


async def test_a_copy_in_progress_is_not_read_half_and_holds_nobody_up(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    whole = song(tmp_path / "big.flac", "Big", seconds=20).read_bytes()
    async with watched([music], tmp_path / "d", database_url) as (rooms, _):
        seen: list[str] = []

        async def reports() -> None:
            while True:
                seen.extend(reason for path, reason in (await problems(rooms)).items() if path.endswith("big.flac"))
                assert "Mixed/big.flac" not in await ids(rooms)
                await asyncio.sleep(0.05)

        watching = asyncio.create_task(reports())
        with (music / "Mixed/big.flac").open("wb", buffering=0) as copy:
            copy.write(whole[: len(whole) // 2])
            song(music / "Mixed/other.mp3", "Other", seed=80)

            async def has_other() -> bool:
                return "Mixed/other.mp3" in await ids(rooms)

            await until(has_other, "the whole file beside the copy")
            end_s = time.monotonic() + 2.5
            at = len(whole) // 2
            while time.monotonic() < end_s:
                copy.write(whole[at : at + 1000])
                at += len(whole[at : at + 1000])
                await asyncio.sleep(0.1)
            assert not watching.done(), watching
            copy.write(whole[at:])
            watching.cancel()

        async def is_whole() -> bool:
            row = await rooms.database.one("SELECT duration_ms FROM tracks WHERE path = 'Mixed/big.flac'")
            return row is not None and row["duration_ms"] == 20_000

        await until(is_whole, "the copy")
        assert seen == []
        assert await problems(rooms) == {}


async def test_a_nomedia_mark_hides_a_folder_and_its_going_shows_it(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with watched([music], tmp_path / "d", database_url) as (rooms, watcher):
        before = await ids(rooms)
        (music / "The Quiet/.nomedia").touch()

        async def is_hidden() -> bool:
            return len(await ids(rooms)) == 7

        await until(is_hidden, "the folder to go")
        (music / "The Quiet/.nomedia").unlink()

        async def is_back() -> bool:
            return await ids(rooms) == before

        await until(is_back, "the folder to come back")
        assert watcher.statuses()[0].folders == 11


async def test_a_move_between_two_roots_keeps_its_row(music: Path, tmp_path: Path, database_url: str) -> None:
    other = tmp_path / "other"
    song(other / "one.mp3", "One")
    async with watched([music, other], tmp_path / "d", database_url) as (rooms, _):
        before = await ids(rooms)
        (music / "Mixed/Summer").rename(other / "Summer")
        expected = {path.replace("Mixed/Summer", "Summer"): track for path, track in before.items()}

        async def has_moved() -> bool:
            return await ids(rooms) == expected

        await until(has_moved, "the folder in the other root")


async def test_a_root_that_vanishes_loses_nothing_and_is_noticed_when_it_is_back(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with watched([music], tmp_path / "d", database_url, poll_s=0.3) as (rooms, watcher):
        before = await ids(rooms)
        away = music.rename(tmp_path / "unplugged")

        async def is_away() -> bool:
            return watcher.statuses()[0].mode == "away"

        await until(is_away, "its going to be noticed")
        assert watcher.statuses()[0].remedy
        assert await ids(rooms) == before
        song(away / "Mixed/while away.mp3", "Away")
        away.rename(music)

        async def has_new() -> bool:
            return "Mixed/while away.mp3" in await ids(rooms)

        await until(has_new, "what came while it was away")
        assert before.items() <= (await ids(rooms)).items()
        assert watcher.statuses()[0].mode == "watching"


@ONCE
@ROOT_ONLY
async def test_an_unmounted_disk_loses_nothing_and_is_noticed_when_it_is_back(
    seeded_library: Path, tmp_path: Path, database_url: str
) -> None:
    disk, music = tmp_path / "disk", tmp_path / "mounted"
    music.mkdir()
    shutil.copytree(seeded_library, disk)
    subprocess.run(["mount", "-t", "tmpfs", "none", music], check=True)
    shutil.copytree(disk, music, dirs_exist_ok=True)
    try:
        async with watched([music], tmp_path / "d", database_url) as (rooms, watcher):
            before = await ids(rooms)
            assert watcher.statuses()[0].mode == "watching"
            subprocess.run(["umount", music], check=True)

            async def is_away() -> bool:
                return watcher.statuses()[0].mode == "away"

            await until(is_away, "the unmounting to be noticed")
            assert "is the disk mounted?" in watcher.statuses()[0].message
            assert await ids(rooms) == before
            subprocess.run(["mount", "--bind", disk, music], check=True)  # noticed by the mount itself, not by a poll
            song(music / "Mixed/new.mp3", "New")

            async def is_back() -> bool:
                return "Mixed/new.mp3" in await ids(rooms)

            await until(is_back, "the disk to be back")
            assert watcher.statuses()[0].mode == "watching"
            assert before.items() <= (await ids(rooms)).items()
    finally:
        subprocess.run(["umount", "-l", music], check=False)


@ONCE
@ROOT_ONLY
async def test_without_enough_watches_polling_takes_over_and_says_what_mends_it(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    with limit("max_user_watches", 5):
        async with watched([music], tmp_path / "d", database_url, poll_s=0.3, recent_s=0.5) as (rooms, watcher):
            (status,) = watcher.statuses()
            assert (status.mode, status.reason, status.folders) == ("polling", "watches", 0)
            assert "limit of inotify watches (5) is used up" in status.message
            assert "fs.inotify.max_user_watches=524288" in status.remedy
            half = music / "Mixed/polled.mp3"
            whole = song(tmp_path / "aside.mp3", "Polled", seconds=5).read_bytes()
            with half.open("wb", buffering=0) as copy:
                for at in range(0, len(whole), max(1, len(whole) // 12)):
                    copy.write(whole[at : at + max(1, len(whole) // 12)])
                    assert "Mixed/polled.mp3" not in await ids(rooms)
                    await asyncio.sleep(0.1)

            async def is_in() -> bool:
                return "Mixed/polled.mp3" in await ids(rooms)

            await until(is_in, "the file by polling")
            assert await problems(rooms) == {}
            (INOTIFY / "max_user_watches").write_text("10000")

            async def is_watching() -> bool:
                return watcher.statuses()[0].mode == "watching"

            await until(is_watching, "inotify again, once there are watches")


@ONCE
@ROOT_ONLY
async def test_running_out_of_watches_later_hands_over_to_polling(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with watched([music], tmp_path / "d", database_url, poll_s=0.3, recent_s=0.1) as (rooms, watcher):
        assert watcher.statuses()[0].mode == "watching"
        with limit("max_user_watches", 1):
            song(music / "One/More/Folder/new.mp3", "New")

            async def is_in() -> bool:
                return "One/More/Folder/new.mp3" in await ids(rooms)

            await until(is_in, "the file in the folder that could not be watched")
            assert watcher.statuses()[0].mode == "polling"


@ONCE
@ROOT_ONLY
async def test_without_an_inotify_instance_polling_takes_over(music: Path, tmp_path: Path, database_url: str) -> None:
    with limit("max_user_instances", 0):
        async with watched([music], tmp_path / "d", database_url, poll_s=0.3, recent_s=0.1) as (rooms, watcher):
            (status,) = watcher.statuses()
            assert (status.mode, status.reason) == ("polling", "instances")
            assert "fs.inotify.max_user_instances=1024" in status.remedy
            song(music / "new.mp3", "New")

            async def is_in() -> bool:
                return "new.mp3" in await ids(rooms)

            await until(is_in, "the file by polling")


@ONCE
@ROOT_ONLY
async def test_more_changes_than_the_queue_holds_lead_to_a_look_at_everything(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    with limit("max_queued_events", 2):
        async with watched([music], tmp_path / "d", database_url) as (rooms, _):
            for n in range(30):
                shutil.copy(music / seeded.TRACKS[3].path, music / "Mixed/Summer" / f"copy {n}.mp3")
                (music / f"folder {n}").mkdir()
                shutil.copy(music / seeded.TRACKS[3].path, music / f"folder {n}/x.mp3")

            async def are_in() -> bool:
                return len(await ids(rooms)) == 70

            await until(are_in, "all files, whatever was told of them")


async def test_what_changes_while_a_scan_runs_is_not_lost(music: Path, tmp_path: Path, database_url: str) -> None:
    async with watched([music], tmp_path / "d", database_url) as (rooms, _):
        for n in range(60):
            shutil.copytree(music / "Björk", music / f"More {n}")
        rooms.library.scanner.start()
        for n in range(20):
            song(music / f"More {3 * n}/during.mp3", f"During {n}", seed=n)
            shutil.rmtree(music / f"More {3 * n + 1}")
        await rooms.library.scanner.wait()

        async def is_right() -> bool:
            there = {str(path.relative_to(music)) for path in music.rglob("*.*") if path.suffix != ".jpg"}
            return set(await ids(rooms)) == there

        await until(is_right, "the catalogue to be as the folders are")


class Recording:
    """Looks, and keeps what was looked at, and whether a scan ran."""

    def __init__(self, rooms: Rooms) -> None:
        self.rooms = rooms
        self.looks: list[tuple[str, dict[str, bool]]] = []

    async def look(
        self, due: Mapping[Path, Due], settled_for_s: Mapping[Path, float], early: Callable[[Looked], None]
    ) -> Looked:
        state = self.rooms.library.scanner.status().state
        self.looks += [(state, one.folders) for one in due.values()]
        return await self.rooms.library.looker.look(due, settled_for_s, early)


async def test_watches_that_stand_late_read_nothing_that_a_scan_reads(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        scanner, recording = rooms.library.scanner, Recording(rooms)
        watcher = Watcher(scanner, recording, rooms.clock)
        scanner.start()
        while not scanner.walks:
            await asyncio.sleep(0)
        rooms.supervisor.start("watch", watcher.run)
        while not watcher.statuses() or watcher.statuses()[0].mode != "watching":
            await asyncio.sleep(0)
        assert scanner.status().state != "idle", "too late to see anything"

        async def is_looked_at() -> bool:
            return {"": True} in [folders for _, folders in recording.looks]

        await until(is_looked_at, "everything to be looked at once more")
        last = scanner.status().last
        assert last is not None
        assert (last.changed, last.added) == (0, len(seeded.TRACKS))
        assert all(state == "idle" for state, folders in recording.looks if folders.get(""))
