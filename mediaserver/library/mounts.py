"""What is mounted where: which folders lie on file systems whose changes others may make unseen. Linux only."""

from __future__ import annotations

import os
import re
import select
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

MOUNTINFO = Path("/proc/self/mountinfo")
_REMOTE = frozenset(
    (
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "virtiofs", "vboxsf", "vmhgfs", "afs", "ceph", "glusterfs"),
        *("fuse", "davfs", "lustre", "gpfs", "ocfs2", "gfs2", "coda", "ncpfs", "prl_fs"),
    )
)


@dataclass(frozen=True, slots=True)
class Mount:
    id: int
    point: str
    kind: str


def parse(text: str) -> list[Mount]:
    """The mounts, the later ones over the earlier ones. Source: proc(5), /proc/PID/mountinfo."""
    mounts = []
    for line in text.splitlines():
        fields = line.split(" ")
        if "-" not in fields[6:]:
            continue
        kind = fields[fields.index("-", 6) + 1]
        # Only space, tab, line feed and backslash are escaped.
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4])
        mounts.append(Mount(int(fields[0]), point, kind))
    return mounts


def relevant(mounts: list[Mount], root: str) -> list[Mount]:
    """The mount that `root` (absolute, without links) lies on, and those below it."""
    on: Mount | None = None
    for one in mounts:
        holds = root == one.point or root.startswith(one.point.rstrip("/") + "/")
        if holds and (on is None or len(one.point) >= len(on.point)):
            on = one
    below = [one for one in mounts if one.point.startswith(f"{root}/")]
    return ([on] if on is not None else []) + below


def is_remote(kind: str) -> bool:
    """Whether others may change such a file system without this kernel being told; fuse.*: sshfs, rclone, mergerfs."""
    return kind in _REMOTE or kind.startswith("fuse.")


def mounts_of(root: Path) -> list[Mount]:
    """As they are now; [] where the system does not tell."""
    try:
        text = MOUNTINFO.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return []
    return relevant(parse(text), os.path.realpath(root))


class MountWatch:
    """Calls `changed` from a thread of its own whenever something is mounted or unmounted; it sleeps meanwhile."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._ending, self._end = os.pipe()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """What changes from here on is told. Nothing is where the system does not tell."""
        try:
            file = MOUNTINFO.open("rb")  # here: the kernel tells of changes since it was opened
        except OSError:
            return
        self._thread = threading.Thread(target=self._run, args=(file,), name="mounts", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        os.write(self._end, b"!")
        if self._thread is not None:
            self._thread.join()
        os.close(self._ending)
        os.close(self._end)

    def _run(self, file: BinaryIO) -> None:
        with file:
            poll = select.poll()
            poll.register(file, select.POLLPRI)  # POLLERR comes with it: proc(5), /proc/mounts
            poll.register(self._ending, select.POLLIN)
            while True:
                if any(descriptor == self._ending for descriptor, _ in poll.poll()):
                    return
                self._changed()
