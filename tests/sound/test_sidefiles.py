"""Side files leave the disk its reserve, which the database on it may need."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import audio

CAN_MOUNT = os.geteuid() == 0 and shutil.which("unshare") is not None
MIB = 1 << 20
DISK, RESERVE = 100 * MIB, 5 * MIB  # a twentieth
PREPARE = """
import asyncio, json, os, sys, threading
from pathlib import Path
from mediaserver import sound
from mediaserver.core.clock import SystemClock
from mediaserver.core.folders import Folders
from mediaserver.core.errors import Unavailable
from mediaserver.core.shelf import Shelf
from mediaserver.core.workers import Workers
from mediaserver.storage import open_database

music, data, disk = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
told = {}
is_done = threading.Event()

def left():
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize

def look():
    while not is_done.wait(0.002):
        told["least"] = min(told.get("least", 1 << 60), left())

async def main():
    workers = Workers(processes=1)
    database = await open_database("", data, SystemClock())
    sounds = sound.build(database, workers, SystemClock(), shelf=Shelf(disk, limit_bytes=10**9), folders=Folders())
    filler = disk / "filler"
    with filler.open("wb") as file:
        file.write(bytes(left() - 8 * 1048576))
    looking = threading.Thread(target=look)
    looking.start()
    try:
        await sounds.of_file(music)
    except Unavailable as error:
        told["refused"] = str(error)
    is_done.set()
    looking.join()
    told["files"] = [path.name for path in disk.rglob("*") if path.is_file()]
    filler.unlink()
    told["samples"] = (await sounds.of_file(music)).index.length_samples
    await sounds.close()
    await database.close()
    await workers.close()

if __name__ == "__main__":
    asyncio.run(main())
    print(json.dumps(told))
"""


@pytest.mark.skipif(not CAN_MOUNT, reason="left out: disks of the tests' own: run as root")
def test_a_side_file_is_not_made_where_the_disk_would_have_no_reserve_left(tmp_path: Path) -> None:
    """And it is made once there is room again."""
    music = audio.dsf(tmp_path / "a.dsf", seconds=0.5)
    audio.stretch_dsf(music, seconds=36)
    disk, data, script = tmp_path / "disk", tmp_path / "data", tmp_path / "prepare.py"
    disk.mkdir()
    data.mkdir()
    script.write_text(PREPARE)
    words = [sys.executable, str(script), str(music), str(data), str(disk)]
    mounted = f"mount -t tmpfs -o size={DISK} tmpfs '{disk}' && exec \"$@\""
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mounted, "sh", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told.get("refused") == "there is no room to prepare this sound"
    assert told["files"] == ["filler"]
    assert told["least"] > RESERVE - MIB // 2, "what is written between two looks"
    assert told["samples"] == pytest.approx(36 * 88_200, abs=4096)
