"""A folder of files that can be made again, under one size limit; the least recently used goes first.

Anybody may delete them at any time; they are found again after a restart.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

log = logging.getLogger(__name__)

PART = ".part"
"""How the name of a file ends that is being written."""
_KEEP_SHARE = 0.9  # after the limit is passed, this much of it stays
_RESERVE_SHARE, _MOST_RESERVE_BYTES = 0.05, 1 << 30
"""Of the disk, whichever is less: a twentieth suits small cards, and no database here needs more than a GiB at once."""


def has_room(free_bytes: int, total_bytes: int, size_bytes: int) -> bool:
    """Whether a file of this size leaves the reserve free. The disk is the database's too, and its writes must not
    fail because of what can be made again. Pure."""
    return free_bytes - size_bytes >= min(total_bytes * _RESERVE_SHARE, _MOST_RESERVE_BYTES)


def keep_reserve(folder: Path, size_bytes: int) -> None:
    """Raises OSError (ENOSPC) where a file of this size in `folder` would leave its disk no reserve."""
    disk = os.statvfs(folder)
    if not has_room(disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize, size_bytes):
        raise OSError(errno.ENOSPC, "the rest of the disk is left to others", str(folder))


class Shelf:
    """`within` names the folders below `folder` that are its own; by default all of it is."""

    def __init__(self, folder: Path, *, limit_bytes: int, within: Sequence[str] = (".",)) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._within = within
        self._files: OrderedDict[str, int] = OrderedDict()
        self._held = ""
        self._evicting = False
        self.opened = asyncio.Event()
        """Set once it is known what an earlier run left."""
        self.keeps: Callable[[Mapping[str, int]], Callable[[str], bool]] = _keeps_none
        """Asked before files go, with the sizes of all: which of them stay. Set by who wants some to stay."""
        self._begun_ns = time.time_ns()  # the file system's clock, not the house's: it is compared with mtimes

    async def open(self) -> None:
        """Take stock of what an earlier run left; its half-written files are removed."""
        found = await asyncio.to_thread(_stock, self.folder, self._within, self._begun_ns)
        present = self._files
        self._files = OrderedDict(found)
        for key, size in present.items():  # what was made while we looked
            self._files.pop(key, None)
            self._files[key] = size
        self.size_bytes = sum(self._files.values())
        self.opened.set()
        await self._keep_limit()

    def path(self, key: str) -> Path:
        """Where the file of `key` (a relative path) stands or will stand."""
        return self.folder / key

    def has(self, key: str) -> bool:
        """Whether it was there when last seen."""
        return key in self._files

    def sizes(self) -> Mapping[str, int]:
        """Bytes of every file, by its key, the one that was used least recently first; not to be changed."""
        return self._files

    async def used(self, key: str, *, is_held: bool = False) -> None:
        """It was read just now, or put in place. A held one stays until another is held, however large it is."""
        if is_held:
            self._held = key
        if key in self._files:
            self._files.move_to_end(key)
        else:
            self._note(key)
            await self._keep_limit()

    async def added(self, key: str) -> None:
        """It was put in place, perhaps over an older one."""
        self._note(key)
        await self._keep_limit()

    async def remove_parts(self, key: str) -> None:
        """Remove what a process left that was ended while it wrote this file."""
        path = self.path(key)
        await asyncio.to_thread(_remove_parts, path)

    def _note(self, key: str) -> None:
        self._forget(key)
        try:
            # Not in a thread: it may be deleted between that thread's work and this.
            size = self.path(key).stat().st_size
        except OSError:
            return
        self.size_bytes += size
        self._files[key] = size

    def _forget(self, key: str) -> None:
        self.size_bytes -= self._files.pop(key, 0)

    async def _keep_limit(self) -> None:
        if self._evicting:
            return
        self._evicting = True
        try:
            while self.size_bytes > self.limit_bytes:  # again, for more may come meanwhile
                if not await self._evict():
                    break
        finally:
            self._evicting = False

    async def _evict(self) -> bool:
        """Whether anything could go."""
        doomed = []
        stays = self.keeps(self._files)
        for key in list(self._files):
            if self.size_bytes <= self.limit_bytes * _KEEP_SHARE:
                break
            if key != self._held and not stays(key):
                self._forget(key)
                doomed.append(key)
        await asyncio.to_thread(_delete, [self.path(key) for key in doomed], self.folder)
        for key in doomed:  # somebody may have read or made it while it was being deleted
            if key in self._files and not self.path(key).exists():
                self._forget(key)
        return bool(doomed)


def _keeps_none(sizes: Mapping[str, int]) -> Callable[[str], bool]:
    return lambda key: False


def _stock(folder: Path, within: Sequence[str], begun_ns: int) -> list[tuple[str, int]]:
    """(key, size) of all files, the oldest first; what an earlier run did not finish is removed."""
    found: list[tuple[int, str, int]] = []
    for parent, _, names in (each for name in within for each in os.walk(folder / name)):
        for name in names:
            path = Path(parent, name)
            try:
                stat = path.stat()
                if not name.endswith(PART):
                    found.append((stat.st_mtime_ns, str(path.relative_to(folder)), stat.st_size))
                elif not begun_ns <= stat.st_mtime_ns <= time.time_ns():  # a younger one is being written now
                    path.unlink()  # and one of a time to come is left from a clock that was ahead
            except OSError:
                continue
    return [(key, size) for _, key, size in sorted(found)]


def _delete(paths: list[Path], folder: Path) -> None:
    """The files, and the folders below `folder` that they leave empty."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the cache could not be emptied: %s", error.strerror)
            continue
        for parent in path.parents:
            if parent == folder:
                break
            try:
                parent.rmdir()  # only where it is empty
            except OSError:
                break


def _remove_parts(path: Path) -> None:
    try:
        for part in path.parent.iterdir():
            if part.name.startswith(f"{path.name}.") and part.name.endswith(PART):
                part.unlink(missing_ok=True)
    except OSError as error:
        log.debug("a half-written file stays: %s", error.strerror)
