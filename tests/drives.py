"""Network drives of the tests' own, whose other side is a process: stopped, it hangs."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.faults.houses import descendants

_MOUNT = (
    'bindfs -f -o attr_timeout=0,entry_timeout=0,negative_timeout=0 "{0}" "{1}" >/dev/null 2>&1 & '
    'for n in $(seq 200); do mountpoint -q "{1}" && break; sleep 0.05; done; mountpoint -q "{1}"'
)
ONE = _MOUNT.format("$1", "$2")
"""A script for `mounted(ONE, disk, music)`. Who waits for this drive can be killed."""
ON_ANOTHER = f'mkdir -p "$1.between" && {_MOUNT.format("$1", "$1.between")} && {_MOUNT.format("$1.between", "$2")}'
"""The same on a drive that lies on a drive: stopped, the lower one holds who waits where no signal reaches him."""

needs_fuse = pytest.mark.skipif(
    shutil.which("bindfs") is None or os.geteuid() != 0 or not os.access("/dev/fuse", os.W_OK),
    reason="left out: a network drive that hangs: install bindfs, and run as root where there is /dev/fuse",
)


def drives(pid: int) -> list[int]:
    """The processes of the drives that this process was begun behind, the lowest first."""
    found = []
    for one in descendants(pid):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            if Path(f"/proc/{one}/comm").read_text().strip() == "bindfs":
                found.append(one)
    return sorted(found)


async def stop_amid_a_request(drive: int, pid: int) -> None:
    """Stop it so that a process below `pid` has a request on its way: who only waits for a page of it can be killed."""
    for _ in range(300):
        os.kill(drive, signal.SIGSTOP)
        await asyncio.sleep(0.1)
        for one in set(descendants(pid)) - set(drives(pid)):
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
                if Path(f"/proc/{one}/wchan").read_text() == "request_wait_answer":
                    return
        os.kill(drive, signal.SIGCONT)
        await asyncio.sleep(0.003)
    pytest.fail("nobody asked this drive for anything")


def held_for_good(pid: int) -> list[int]:
    """The processes below this one, other than drives, that the kernel lets nobody kill just now."""
    held = []
    for one in descendants(pid):
        with suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            if Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()[0] == "D":
                held.append(one)
    return [one for one in held if one not in drives(pid)]
