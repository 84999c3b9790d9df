"""Room on the disks that the server writes to, and how fast they write."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mediaserver.checkup.findings import Finding, State, size

CRITICAL_BYTES = 200_000_000
LOW_BYTES = 1_000_000_000
LOW_SHARE, LOW_AT_MOST_BYTES = 0.05, 5_000_000_000
"""Low is also less than this share, but 150 GB of a large disk are enough."""
_AGAIN = 1.1  # so much more than the limit must be free before all is well: a cache breathes about its limit
_LEAST_FILES = 1000
_SLOW_BYTES_S, _SLOW_SYNC_S = 3_000_000, 0.25
_PROBE_BYTES = 8_000_000
_MOUNTINFO = Path("/proc/self/mountinfo")
_GIVEN_UP = frozenset(("ro", "emergency_ro", "shutdown"))


@dataclass(frozen=True, slots=True)
class Space:
    total_bytes: int
    free_bytes: int
    """For who is not root."""
    free_files: int | None
    """That could still be made; None where the file system makes as many as there is room for."""
    is_read_only: bool
    device: int


@dataclass(frozen=True, slots=True)
class Speed:
    written_bytes_s: float
    sync_s: float
    """Until a few bytes are on the disk, as with everything that a person does."""


def look(path: Path) -> Space | None:
    """Of the file system that `path` lies in or would be made in; None where it cannot be told. Writes nothing."""
    for place in (path, *path.parents):
        try:
            found = os.statvfs(place)
            device = place.stat().st_dev
        except FileNotFoundError:
            continue
        except OSError:
            return None
        return Space(
            found.f_blocks * found.f_frsize,
            found.f_bavail * found.f_frsize,
            found.f_favail if found.f_files else None,
            bool(found.f_flag & os.ST_RDONLY) or is_given_up(device, _MOUNTINFO),
            device,
        )
    return None


def is_given_up(device: int, mountinfo: Path) -> bool:
    """Whether the kernel takes no writes for a file system with faults; statvfs does not tell that of ext4.

    Source: proc(5), /proc/PID/mountinfo; the words behind " - " are the file system's own.
    """
    with suppress(OSError):
        for line in mountinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            mount, _, super_block = line.partition(" - ")
            if mount.split(" ")[2] == f"{os.major(device)}:{os.minor(device)}":
                return not _GIVEN_UP.isdisjoint(super_block.split(" ")[-1].split(","))
    return False


def level(space: Space, before: State = "ok") -> State:
    """How much room there is, in a word. `before` is what was said last: it takes a little more to be better again."""

    def is_below(limit_bytes: float, *, was_below: bool) -> bool:
        return space.free_bytes < limit_bytes * (_AGAIN if was_below else 1)

    low = max(LOW_BYTES, min(space.total_bytes * LOW_SHARE, LOW_AT_MOST_BYTES))
    if is_below(CRITICAL_BYTES, was_below=before == "bad"):
        return "bad"
    return "warning" if is_below(low, was_below=before != "ok") else "ok"


def judged(name: str, path: Path, space: Space | None, before: State = "ok") -> Finding:
    """`name` is what the disk is called: `Disk`, `Disk of the cache`."""
    if space is None:
        return Finding("disk", name, "bad", f"{path} cannot be looked at: is its disk mounted?", "findmnt")
    told = f"{size(space.free_bytes)} of {size(space.total_bytes)} free at {path}"
    if space.is_read_only:
        told = f"the disk of {path} can only be read: nothing can be kept"
        return Finding("disk", name, "bad", told, "sudo dmesg | grep -iE 'error|remount'")
    if space.free_files is not None and space.free_files < _LEAST_FILES:
        told = f"only {space.free_files} more files can be made at {path}"
        return Finding("disk", name, "bad", told, "Delete what is not needed: very many small files lie on this disk.")
    state = level(space, before)
    remedy = ""
    if state != "ok":
        told += ": it is full soon" if state == "warning" else ": nothing new can be kept soon"
        remedy = "Make room, or set streaming.cache_dir to another disk or streaming.cache_size_mb lower."
    return Finding("disk", name, state, told, remedy)


def measure(folder: Path) -> Speed:
    """Writes 8 MB into `folder`, which must exist, and removes them. Raises OSError."""
    with tempfile.TemporaryFile(dir=folder, prefix=".speed-") as file:
        chunk = os.urandom(1_000_000)
        began_s = time.perf_counter()
        for _ in range(_PROBE_BYTES // len(chunk)):
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
        taken_s = time.perf_counter() - began_s
        syncs_s = []
        for _ in range(5):
            file.write(b"x")
            file.flush()
            began_s = time.perf_counter()
            os.fsync(file.fileno())
            syncs_s.append(time.perf_counter() - began_s)
    return Speed(_PROBE_BYTES / max(taken_s, 1e-6), sorted(syncs_s)[2])


def judged_speed(name: str, speed: Speed) -> Finding:
    told = f"writes {size(speed.written_bytes_s)} in a second; {speed.sync_s * 1000:.0f} ms until a change is kept"
    is_slow = speed.written_bytes_s < _SLOW_BYTES_S or speed.sync_s > _SLOW_SYNC_S
    remedy = "A slow or worn card: move the data directory to an SSD with --data-dir." if is_slow else ""
    return Finding("disk", f"{name}, speed", "warning" if is_slow else "ok", told, remedy)
