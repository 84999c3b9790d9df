"""One disk of two hangs: what changes on the other is noticed, and scanned, all the same."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediaserver.core.folders import Folders
from mediaserver.library.root import Root
from mediaserver.library.watches import Change, Watches
from tests.databases import POSTGRES
from tests.library.music import PATIENCE_S, ids, song, until, watched

ONCE = pytest.mark.skipif(bool(POSTGRES), reason="not here: what disks do is no matter of the database; done on SQLite")
needs_fuse = pytest.mark.skipif(
    shutil.which("bindfs") is None or os.geteuid() != 0 or not os.access("/dev/fuse", os.W_OK),
    reason="left out: a network drive that hangs: install bindfs, and run as root where there is /dev/fuse",
)


class Drive:
    """A file system in a process of its own, which is stopped to make it hang."""

    def __init__(self, disk: Path, place: Path) -> None:
        asked = ["attr_timeout=0", "entry_timeout=0", "negative_timeout=0"]
        self.place = place
        self._process = subprocess.Popen(["bindfs", "-f", "-o", ",".join(asked), disk, place])
        end_s = time.monotonic() + PATIENCE_S
        while not os.path.ismount(place):
            assert time.monotonic() < end_s and self._process.poll() is None, "it is not mounted"
            time.sleep(0.02)

    def hang(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def answer(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        subprocess.run(["umount", "-l", self.place], check=False)


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Drive]:
    for name in ("disk", "drive", "beside"):
        (tmp_path / name).mkdir()
    song(tmp_path / "disk/Far/one.mp3", "One", seed=1)
    song(tmp_path / "beside/Near/two.mp3", "Two", seed=2)
    one = Drive(tmp_path / "disk", tmp_path / "drive")
    yield one
    one.end()


def instances() -> int:
    """Of inotify, in this process."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            found += "inotify" in str(link.readlink())
        except FileNotFoundError:
            continue
    return found


@ONCE
@needs_fuse
async def test_changes_beside_a_disk_that_hangs_are_noticed(tmp_path: Path, drive: Drive, database_url: str) -> None:
    beside, before = tmp_path / "beside", instances()
    async with watched([drive.place, beside], tmp_path / "d", database_url, poll_s=0.3, recent_s=0.1) as (
        rooms,
        watcher,
    ):
        drive.hang()
        time.sleep(0.6)  # into the next poll, which is not answered
        for n in range(3):  # also while it is being looked for, and once it is known
            song(beside / f"Near/{n}.mp3", f"Near {n}", seed=n + 10)

            async def is_in(path: str = f"Near/{n}.mp3") -> bool:
                return path in await ids(rooms)

            await until(is_in, "a file beside the disk that hangs")
        drive.answer()
        song(tmp_path / "disk/Far/later.mp3", "Later", seed=20)

        async def is_back() -> bool:
            return {"Far/one.mp3", "Far/later.mp3"} <= set(await ids(rooms))

        await until(is_back, "what came to the disk that hung")
        assert {one.mode for one in watcher.statuses()} == {"watching"}
        assert instances() == before + 2
    assert instances() == before


def test_watches_that_were_abandoned_while_they_were_set_are_given_back_and_tell_nothing(tmp_path: Path) -> None:
    for n in range(3):
        (tmp_path / str(n)).mkdir()
    before, told = instances(), list[Change]()
    root, folders = Root(tmp_path), Folders([tmp_path])
    hangs, answers, counted = threading.Event(), threading.Event(), list[str]()

    def beat() -> None:
        counted.append("a folder")
        if len(counted) == 2:
            hangs.set()
            answers.wait(PATIENCE_S)

    root.watches = Watches(str(tmp_path), told.append)
    planting = threading.Thread(target=root.watches.plant, args=(beat,))
    planting.start()
    assert hangs.wait(PATIENCE_S)
    (tmp_path / "new.mp3").touch()
    began_s = time.monotonic()
    root.drop(folders)
    assert time.monotonic() - began_s < 1.0, "nobody waits for a disk that does not answer"
    answers.set()
    planting.join(PATIENCE_S)
    end_s = time.monotonic() + PATIENCE_S
    while instances() > before:
        assert time.monotonic() < end_s, "its watches are there still"
        time.sleep(0.01)
    assert len(counted) == 2, "nothing more was watched"
    assert told == []
