"""A folder of made media under a size limit; the least recently used goes first.

Files appear whole (written under a temporary name and renamed), may be deleted by anybody at any time, and are
found again after a restart.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import OrderedDict
from pathlib import Path

log = logging.getLogger(__name__)

_PART = ".part"
_KEEP_SHARE = 0.9  # after the limit is passed, this much of it stays


class Cache:
    def __init__(self, folder: Path, *, limit_bytes: int) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.size_bytes = 0
        self._files: OrderedDict[str, int] = OrderedDict()
        self._evicting = False

    async def open(self) -> None:
        """Take stock of what an earlier run left; its half-written files are removed."""
        found = await asyncio.to_thread(_stock, self.folder)
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
        """The whole file; None if it is not there."""
        try:
            body = await asyncio.to_thread(self.path(key).read_bytes)
        except OSError:
            self._forget(key)
            return None
        if key in self._files:
            self._files.move_to_end(key)
        else:
            self._note(key, len(body))
        return body

    async def added(self, key: str, size_bytes: int) -> None:
        """A worker has put the file of `key` in place."""
        self._note(key, size_bytes)
        await self._keep_limit()

    async def write(self, key: str, body: bytes) -> None:
        """Keep `body`; a full disk is no error, it is then not kept."""
        try:
            await asyncio.to_thread(_write, self.path(key), body)
        except OSError as error:
            log.warning("the cache could not be written: %s", error.strerror)
            return
        await self.added(key, len(body))

    def _note(self, key: str, size_bytes: int) -> None:
        self.size_bytes += size_bytes - self._files.pop(key, 0)
        self._files[key] = size_bytes

    def _forget(self, key: str) -> None:
        self.size_bytes -= self._files.pop(key, 0)

    async def _keep_limit(self) -> None:
        if self.size_bytes <= self.limit_bytes or self._evicting:
            return
        self._evicting = True
        try:
            doomed = []
            while self._files and self.size_bytes > self.limit_bytes * _KEEP_SHARE:
                key, size = self._files.popitem(last=False)
                self.size_bytes -= size
                doomed.append(self.path(key))
            await asyncio.to_thread(_delete, doomed)
        finally:
            self._evicting = False


def _stock(folder: Path) -> list[tuple[str, int]]:
    found: list[tuple[int, str, int]] = []
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                if name.endswith(_PART):
                    path.unlink()
                    continue
                stat = path.stat()
            except OSError:
                continue
            found.append((stat.st_mtime_ns, str(path.relative_to(folder)), stat.st_size))
    return [(key, size) for _, key, size in sorted(found)]


def _write(path: Path, body: bytes) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}{_PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(body)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _delete(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
        for parent in path.parents[:2]:
            try:
                parent.rmdir()  # only where it is empty
            except OSError:
                break
