"""FLAC side files on the cache's shelf: made when somebody wants to hear the sound, and again after they had to go."""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mediaserver.core.errors import Unavailable
from mediaserver.core.shelf import PART, Shelf
from mediaserver.core.workers import Workers
from mediaserver.media import cuts
from mediaserver.media.packets import PacketIndex, side_name

SIDES = "sides"
"""Their folder on the shelf."""
_TIME_LIMIT_S = 600.0
_MOST_WAITING = 16


@dataclass(frozen=True, slots=True)
class SoundFile:
    """A file as it looked, or what is cut out of it: with any other look it is another file."""

    path: str
    size_bytes: int
    mtime_ns: int
    piece: str = ""
    """What is meant of it, as `media.cuts` writes it behind the file's name; "": all."""

    @classmethod
    def at(cls, place: str, size_bytes: int, mtime_ns: int) -> SoundFile:
        path, piece = cuts.split(place)
        return cls(path, size_bytes, mtime_ns, piece)

    @property
    def place(self) -> str:
        return f"{self.path}/{self.piece}" if self.piece else self.path

    @property
    def track_path(self) -> str:
        return cuts.track_path_of(self.place)

    @property
    def whole(self) -> SoundFile:
        return replace(self, piece="")

    def looks_like(self, status: os.stat_result) -> bool:
        """Whether this status is of the file as it looked."""
        return (status.st_size, status.st_mtime_ns) == (self.size_bytes, self.mtime_ns)


def _index_by_side(file: SoundFile, codec: str, side: str, part: str) -> bytes:
    """In a worker, which alone loads PyAV. What is kept under a digest must be that sound, so the file may not change
    meanwhile.
    """
    from mediaserver.media.probe import index_by_side

    def is_unchanged() -> bool:
        return file.looks_like(Path(file.path).stat())

    return index_by_side(file.path, codec, Path(side), Path(part), is_unchanged).packed()


class SideFiles:
    """One is made at a time, for it takes disk that is not yet counted, and while `heavy` lets it."""

    def __init__(self, workers: Workers, shelf: Shelf, heavy: asyncio.Semaphore) -> None:
        self._workers = workers
        self._heavy = heavy
        self._shelf = shelf
        self._turn = asyncio.Lock()
        self._waiting = 0

    def path(self, index: PacketIndex) -> Path:
        return self._shelf.path(f"{SIDES}/{index.side}")

    async def has(self, index: PacketIndex) -> bool:
        """Whether it is there, whole; then it is the last one that would have to go."""
        end = int(index.positions[-1] + index.sizes[-1])
        if not await asyncio.to_thread(_is_whole, self.path(index), end):
            return False
        await self._shelf.used(f"{SIDES}/{index.side}", is_held=True)
        return True

    async def index(self, file: SoundFile, digest: str, codec: str) -> bytes:
        """The packed index of the sound `digest` in `file`, by a side file that is made where it is not there.

        Raises Damaged, WorkerFailed, and Unavailable where the disk has no room or too many wait.
        """
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("too many sounds are being prepared", retry_after_s=10)
        key = f"{SIDES}/{side_name(digest)}"
        part = self._shelf.path(f"{SIDES}/{secrets.token_hex(8)}{PART}")
        self._waiting += 1
        try:
            async with self._turn, self._heavy:
                try:
                    packed = await self._workers.urgent(
                        _index_by_side, file, codec, str(self._shelf.path(key)), str(part), timeout_s=_TIME_LIMIT_S
                    )
                except OSError as error:
                    raise Unavailable("there is no room to prepare this sound", retry_after_s=60) from error
                finally:
                    with suppress(OSError):  # where it could not be written there is none
                        await asyncio.to_thread(part.unlink, missing_ok=True)  # of a worker that was ended
                await self._shelf.used(key, is_held=True)
                return packed
        finally:
            self._waiting -= 1


def _is_whole(path: Path, end: int) -> bool:
    try:
        return path.stat().st_size >= end
    except OSError:
        return False
