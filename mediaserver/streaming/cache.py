"""A folder of made media under a size limit; the least recently used goes first.

Files appear whole (written under a temporary name and renamed), carry a checksum, may be deleted by anybody at any
time, and are found again after a restart.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
import zlib
from collections import OrderedDict
from pathlib import Path

log = logging.getLogger(__name__)

_PART = ".part"
_KEEP_SHARE = 0.9  # after the limit is passed, this much of it stays
_MAGIC = b"MSC1"
_HEAD_BYTES = 12
_TRIES = 2


def put(path: Path, body: bytes) -> None:
    """Make `path` hold `body`, whole or not at all; also for worker processes. Raises OSError."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}{_PART}")
    head = _MAGIC + len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big")
    for attempt in range(_TRIES):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(head)
                file.write(body)
            temporary.replace(path)
            return
        except FileNotFoundError:  # the folder was empty just now, and was removed for it
            if attempt == _TRIES - 1:
                raise
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def taken(path: Path) -> bytes | None:
    """What `put` wrote; None for a file that is not there, or not whole: a power cut may leave a renamed file empty.

    Raises OSError for other causes.
    """
    try:
        with path.open("rb") as file:
            head, body = file.read(_HEAD_BYTES), file.read()
    except FileNotFoundError:
        return None
    if head == _MAGIC + len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big"):
        return body
    log.warning("a damaged file was removed from the cache")
    path.unlink(missing_ok=True)
    return None


class Cache:
    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._files: OrderedDict[str, int] = OrderedDict()
        self._evicting = False
        self._begun_ns = time.time_ns()  # the file system's clock, not the house's: it is compared with mtimes

    async def open(self) -> None:
        """Take stock of what an earlier run left; its half-written files are removed."""
        found = await asyncio.to_thread(_stock, self.folder, self._begun_ns)
        present = self._files
        self._files = OrderedDict(found)
        for key, size in present.items():  # what was made while we looked
            self._files.pop(key, None)
            self._files[key] = size
        self.size_bytes = sum(self._files.values())
        await self._keep_limit()

    def path(self, key: str) -> Path:
        """Where the file of `key` (a relative path) stands or will stand."""
        return self.folder / key

    def has(self, key: str) -> bool:
        """Whether it was there when last seen."""
        return key in self._files

    async def read(self, key: str) -> bytes | None:
        """The whole body; None if it is not there."""
        try:
            body = await asyncio.to_thread(taken, self.path(key))
        except OSError as error:
            log.warning("the cache could not be read: %s", error.strerror)
            body = None
        if body is None:
            self._forget(key)
        elif key in self._files:
            self._files.move_to_end(key)
        else:
            self._note(key, len(body))
        return body

    async def added(self, key: str, size_bytes: int) -> None:
        """A worker has put a body of this size in place."""
        self._note(key, size_bytes)
        await self._keep_limit()

    async def write(self, key: str, body: bytes) -> None:
        """Keep `body`; a full disk is no error, it is then not kept."""
        try:
            await asyncio.to_thread(put, self.path(key), body)
        except OSError as error:
            log.warning("the cache could not be written: %s", error.strerror)
            return
        await self.added(key, len(body))

    def _note(self, key: str, body_bytes: int) -> None:
        self._forget(key)
        if self.path(key).exists():  # it may have been deleted between the thread's work and this
            self.size_bytes += body_bytes + _HEAD_BYTES
            self._files[key] = body_bytes + _HEAD_BYTES

    def _forget(self, key: str) -> None:
        self.size_bytes -= self._files.pop(key, 0)

    async def _keep_limit(self) -> None:
        if self._evicting:
            return
        self._evicting = True
        try:
            while self._files and self.size_bytes > self.limit_bytes:  # again, for more may come meanwhile
                await self._evict()
        finally:
            self._evicting = False

    async def _evict(self) -> None:
        doomed = []
        while self._files and self.size_bytes > self.limit_bytes * _KEEP_SHARE:
            key, size = self._files.popitem(last=False)
            self.size_bytes -= size
            doomed.append(key)
        await asyncio.to_thread(_delete, [self.path(key) for key in doomed], self.folder)
        for key in doomed:  # somebody may have read or made it while it was being deleted
            if key in self._files and not self.path(key).exists():
                self._forget(key)


def _stock(folder: Path, begun_ns: int) -> list[tuple[str, int]]:
    """(key, size) of all files, the oldest first; what an earlier run did not finish is removed."""
    found: list[tuple[int, str, int]] = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                stat = path.stat()
                if not name.endswith(_PART):
                    found.append((stat.st_mtime_ns, str(path.relative_to(folder)), stat.st_size))
                elif stat.st_mtime_ns < begun_ns:  # a younger one is being written now
                    path.unlink()
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
