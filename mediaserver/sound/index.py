"""Which sound is in which file. The only writer of sounds, sound_files and retired_sounds."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Damaged, Gone, NotFound, WorkerFailed
from mediaserver.core.units import Digest
from mediaserver.core.workers import Workers
from mediaserver.media.packets import PacketIndex
from mediaserver.media.probe import index_file
from mediaserver.storage.database import Database, Transaction

log = logging.getLogger(__name__)

_REMEMBERED = 32
_TIME_LIMIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound and a file that holds it now."""

    digest: Digest
    path: str
    """Where its packets are read: the file itself or its side file."""
    index: PacketIndex
    packed: bytes
    """`index`, as it travels to workers."""
    file: str
    """The file itself, and below how it looked when it was indexed: with any other look it is another file."""
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class _Indexed:
    packed: bytes
    digest: str
    size_bytes: int
    mtime_ns: int


def _indexed(path: str, side_dir: str) -> _Indexed:
    """In a worker. Size and time are taken before reading, so that a change meanwhile is noticed later."""
    stat = Path(path).stat()
    index, digest = index_file(path, side_dir=side_dir)
    return _Indexed(index.packed(), digest, stat.st_size, stat.st_mtime_ns)


class Sounds:
    def __init__(self, database: Database, workers: Workers, clock: Clock, *, side_dir: Path) -> None:
        self._database = database
        self._workers = workers
        self._clock = clock
        self._side_dir = side_dir
        self._remembered: OrderedDict[str, Sound] = OrderedDict()
        self._making: dict[str, asyncio.Task[Sound]] = {}

    async def of_file(self, path: str, *, urgent: bool = True) -> Sound:
        """The sound of this file, indexed now if it was not yet or has changed since. Askers share one making.

        Raises NotFound (no such file) and Damaged (no sound to be read).
        """
        size_bytes, mtime_ns = await _stat(path)
        row = await self._database.one(
            "SELECT digest FROM sound_files WHERE path = :path AND size_bytes = :size AND mtime_ns = :mtime",
            {"path": path, "size": size_bytes, "mtime": mtime_ns},
        )
        if row is not None:
            sound = await self._load(row["digest"], path, size_bytes, mtime_ns)
            if sound is not None:
                return sound
        making = self._making.get(path)
        if making is None:
            making = asyncio.create_task(self._make(path, urgent=urgent), name=f"index:{path}")
            self._making[path] = making
            making.add_done_callback(lambda task: self._made(path, task))
        return await asyncio.shield(making)

    async def by_digest(self, digest: str) -> Sound:
        """A sound of which a file is there, unchanged. Raises NotFound (never was) and Gone (was, and has changed)."""
        known = self._remembered.get(digest)
        if known is not None:
            if await self._unchanged(known.file, known.size_bytes, known.mtime_ns) and await _is_there(known):
                if digest in self._remembered:
                    self._remembered.move_to_end(digest)
                return known
            self._remembered.pop(digest, None)  # another asker may have found the same meanwhile
        rows = await self._database.all(
            "SELECT path, size_bytes, mtime_ns FROM sound_files WHERE digest = :digest", {"digest": digest}
        )
        for row in rows:
            if await self._unchanged(row["path"], row["size_bytes"], row["mtime_ns"]):
                loaded = await self._load(digest, row["path"], row["size_bytes"], row["mtime_ns"])
                if loaded is not None:
                    return loaded
                remade = await self.of_file(row["path"])
                if remade.digest == digest:
                    return remade
        if rows or await self._database.one(
            "SELECT 1 AS yes FROM retired_sounds WHERE digest = :digest", {"digest": digest}
        ):
            raise Gone("the file behind this address has changed or left")
        raise NotFound("there is no such sound")

    async def files_of(self, digest: str) -> list[tuple[str, int, int]]:
        """(path, size in bytes, mtime in ns) of the files of a sound that are there unchanged.

        Raises NotFound for a digest that never was.
        """
        rows = await self._database.all(
            "SELECT path, size_bytes, mtime_ns FROM sound_files WHERE digest = :digest", {"digest": digest}
        )
        retired = "SELECT 1 AS yes FROM retired_sounds WHERE digest = :digest"
        if not rows and await self._database.one(retired, {"digest": digest}) is None:
            raise NotFound("there is no such sound")
        files = [(row["path"], row["size_bytes"], row["mtime_ns"]) for row in rows]
        return [file for file in files if await self._unchanged(*file)]

    async def is_indexed(self, path: str, size_bytes: int, mtime_ns: int) -> bool:
        row = await self._database.one(
            "SELECT 1 AS yes FROM sound_files WHERE path = :path AND size_bytes = :size AND mtime_ns = :mtime",
            {"path": path, "size": size_bytes, "mtime": mtime_ns},
        )
        return row is not None

    def _made(self, path: str, task: asyncio.Task[Sound]) -> None:
        self._making.pop(path, None)
        if not task.cancelled():
            task.exception()  # whoever waited has it; nobody waiting is no reason for a warning

    async def _make(self, path: str, *, urgent: bool) -> Sound:
        run = self._workers.urgent if urgent else self._workers.background
        try:
            made = await run(_indexed, path, str(self._side_dir), timeout_s=_TIME_LIMIT_S)
        except FileNotFoundError as error:
            raise NotFound("the file is not there") from error
        except (WorkerFailed, OSError) as error:
            raise Damaged(f"not to be read: {error}") from error
        await self._store(path, made)
        index = PacketIndex.unpacked(made.packed)
        return self._remember(Digest(made.digest), path, index, made.packed, made.size_bytes, made.mtime_ns)

    async def _store(self, path: str, made: _Indexed) -> None:
        async with self._database.write(durable=False) as tx:
            before = await tx.one("SELECT digest FROM sound_files WHERE path = :path", {"path": path})
            await tx.run(
                "INSERT INTO sounds (digest, made_at_ms) VALUES (:digest, :now) ON CONFLICT DO NOTHING",
                {"digest": made.digest, "now": self._clock.now_ms()},
            )
            await tx.run(
                "INSERT INTO sound_files (path, size_bytes, mtime_ns, digest, packet_index)"
                " VALUES (:path, :size, :mtime, :digest, :packed)"
                " ON CONFLICT (path) DO UPDATE SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns,"
                " digest = excluded.digest, packet_index = excluded.packet_index",
                {
                    "path": path,
                    "size": made.size_bytes,
                    "mtime": made.mtime_ns,
                    "digest": made.digest,
                    "packed": made.packed,
                },
            )
            await tx.run("DELETE FROM retired_sounds WHERE digest = :digest", {"digest": made.digest})
            if before is not None and before["digest"] != made.digest:
                await self._retire(tx, before["digest"])
        if before is not None and before["digest"] != made.digest:
            self._remembered.pop(before["digest"], None)

    async def _retire(self, tx: Transaction, digest: str) -> None:
        """The file has another sound now: nobody asks for the old one in good faith, unless another file has it."""
        used = await tx.one("SELECT 1 AS yes FROM sound_files WHERE digest = :digest", {"digest": digest})
        if used is None:
            await tx.run("DELETE FROM sounds WHERE digest = :digest", {"digest": digest})
            await tx.run(
                "INSERT INTO retired_sounds (digest, retired_at_ms) VALUES (:digest, :now) ON CONFLICT DO NOTHING",
                {"digest": digest, "now": self._clock.now_ms()},
            )

    async def _load(self, digest: str, path: str, size_bytes: int, mtime_ns: int) -> Sound | None:
        """None where its index is damaged or its side file is gone: then it is made anew."""
        known = self._remembered.get(digest)
        is_same = known is not None and (known.file, known.size_bytes, known.mtime_ns) == (path, size_bytes, mtime_ns)
        if known is not None and is_same and await _is_there(known):
            return known
        row = await self._database.one(
            "SELECT packet_index FROM sound_files WHERE path = :path AND size_bytes = :size AND mtime_ns = :mtime",
            {"path": path, "size": size_bytes, "mtime": mtime_ns},
        )
        if row is None:
            return None
        packed = bytes(row["packet_index"])
        try:
            index = PacketIndex.unpacked(packed)
        except Damaged:
            log.warning("the index of a sound is damaged and made anew")
            return None
        if index.side and not await asyncio.to_thread((self._side_dir / index.side).exists):
            return None
        return self._remember(Digest(digest), path, index, packed, size_bytes, mtime_ns)

    def _remember(
        self, digest: Digest, path: str, index: PacketIndex, packed: bytes, size_bytes: int, mtime_ns: int
    ) -> Sound:
        source = str(self._side_dir / index.side) if index.side else path
        sound = Sound(digest, source, index, packed, path, size_bytes, mtime_ns)
        self._remembered[digest] = sound
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return sound

    async def _unchanged(self, path: str, size_bytes: int, mtime_ns: int) -> bool:
        try:
            return await _stat(path) == (size_bytes, mtime_ns)
        except NotFound:
            return False


async def _is_there(sound: Sound) -> bool:
    return await asyncio.to_thread(Path(sound.path).exists)


async def _stat(path: str) -> tuple[int, int]:
    try:
        stat = await asyncio.to_thread(Path(path).stat)
    except OSError as error:
        raise NotFound("the file is not there") from error
    return stat.st_size, stat.st_mtime_ns
