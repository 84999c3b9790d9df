"""Network drives of the tests' own, whose other side is a process: stopped, it hangs."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from tests.faults.houses import descendants

_MOUNT = (
    'bindfs -f --multithreaded -o attr_timeout=0,entry_timeout=0,negative_timeout=0 "{0}" "{1}" >/dev/null 2>&1 & '
    'for n in $(seq 200); do mountpoint -q "{1}" && break; sleep 0.05; done; mountpoint -q "{1}"'
)
ONE = _MOUNT.format("$1", "$2")
"""A script for `mounted(ONE, disk, music)`. Who waits for this drive can be killed.

It has threads for several requests at a time: one that is still in the queue can be taken back by who is killed.
"""
ON_ANOTHER = f'mkdir -p "$1.between" && {_MOUNT.format("$1", "$1.between")} && {_MOUNT.format("$1.between", "$2")}'
"""The same on a drive that lies on a drive: stopped, the lower one holds who waits where no signal reaches him."""

needs_fuse = pytest.mark.skipif(
    shutil.which("bindfs") is None or os.geteuid() != 0 or not os.access("/dev/fuse", os.W_OK),
    reason="left out: a network drive that hangs: install bindfs, and run as root where there is /dev/fuse",
)


def drives(pid: int) -> list[int]:
    """The processes of the drives that this process was begun behind, the lowest first."""
    return sorted(one for one in descendants(pid) if _told(Path(f"/proc/{one}/comm")) == "bindfs")


def stop(drive: int) -> None:
    """Stop it, and wait until all its threads have stopped."""
    os.kill(drive, signal.SIGSTOP)
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        states = [_state(task) for task in Path(f"/proc/{drive}/task").iterdir()]
        if set(states) == {"T"}:
            return
        time.sleep(0.001)
    pytest.fail(f"the threads of this drive did not stop: {states}")


def _state(process: Path) -> str:
    return _told(process / "stat").rpartition(")")[2].strip()[:1]


def _told(path: Path) -> str:
    """Empty where that process has ended since it was listed."""
    try:
        return path.read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


async def stop_amid_a_request(drive: int, pid: int) -> None:
    """Stop it so that a process below `pid` has a request on its way: who only waits for a page of it can be killed."""
    for _ in range(300):
        stop(drive)
        await asyncio.sleep(0.1)
        waits = {one: _told(Path(f"/proc/{one}/wchan")) for one in descendants(pid)}
        if any(wait == "request_wait_answer" for one, wait in waits.items() if one not in drives(pid)):
            return
        os.kill(drive, signal.SIGCONT)
        await asyncio.sleep(0.003)
    pytest.fail("nobody asked this drive for anything")


def held_for_good(pid: int) -> list[int]:
    """The processes below this one, other than drives, that the kernel lets nobody kill just now."""
    apart = drives(pid)
    return [one for one in descendants(pid) if one not in apart and _state(Path(f"/proc/{one}")) == "D"]
