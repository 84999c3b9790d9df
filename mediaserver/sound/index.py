"""Which sound is in which file. The only writer of sounds, sound_files and retired_sounds."""

from __future__ import annotations

import asyncio
import logging
import stat
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Damaged, Gone, MediaServerError, NotFound, TookTooLong, Unavailable, WorkerFailed
from mediaserver.core.folders import FolderAway, Folders
from mediaserver.core.passing import is_passing, passed, was_killed
from mediaserver.core.seldom import Seldom
from mediaserver.core.sharing import Shared
from mediaserver.core.shelf import Shelf
from mediaserver.core.units import Digest
from mediaserver.core.workers import Workers
from mediaserver.media import cuts, packets
from mediaserver.media.packets import PacketIndex
from mediaserver.sound.failures import Failures
from mediaserver.sound.lookup import Lookup
from mediaserver.sound.sidefiles import SIDES, SideFiles, SoundFile
from mediaserver.sound.surveys import Sound, Surveyed, cut_out, surveyed
from mediaserver.storage.database import Database, Transaction

__all__ = ["AT_ONCE_S", "SIDES", "Sound", "SoundFile", "Sounds"]

log = logging.getLogger(__name__)
_seldom = Seldom(log)

_REMEMBERED = 32
_TIME_LIMIT_S = 300.0
AT_ONCE_S = 10.0  # of an urgent worker; a long file on a slow disk takes a second or two
_MOST_LONG = 1000
_PATIENCE_S = 25.0  # of who waits for a sound; a proxy's ends at 30 or 60
_AT_ONCE = 500


class Sounds:
    def __init__(
        self,
        database: Database,
        workers: Workers,
        clock: Clock,
        *,
        shelf: Shelf,
        folders: Folders,
        at_once_s: float = AT_ONCE_S,
    ) -> None:
        self.folders = folders
        self.lookup = Lookup(database, folders)
        self.on_learnt: Callable[[], None] = lambda: None
        """Called when a sound was stored: set by who wants to know."""
        self._database = database
        self._workers = workers
        self._clock = clock
        # What takes a worker for seconds never takes the last of those that make sound for listeners.
        self._heavy = asyncio.Semaphore(max(1, workers.processes // 2))
        self._sides = SideFiles(workers, shelf, self._heavy)
        self._at_once_s = at_once_s
        self._long: set[SoundFile] = set()
        self._failures = Failures(clock)
        self._remembered: OrderedDict[str, Sound] = OrderedDict()
        self._making: Shared[Sound] = Shared("sound")
        self._surveying: Shared[Surveyed] = Shared("survey")

    async def close(self) -> None:
        """End what is being made; nothing begins any more. To be called before the database closes."""
        await asyncio.gather(self._making.close(), self._surveying.close())

    async def of_file(self, path: str) -> Sound:
        """The sound of this file, or of this place in one (`media.cuts`), indexed now if it was not yet or has changed
        since. Askers share one making, and all parts of a file that of the file.

        Raises NotFound (no such file), Damaged (no sound to be read) and Unavailable (it takes longer than one waits);
        FolderAway where its disk is not there or does not answer.
        """
        file = await self._stat(path)
        sound = await self._known(file, await self._row(file))
        if sound is not None:
            return sound
        reason = self._failures.recent(file)
        if reason is not None:
            raise Damaged(reason)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                return await self._making.get(path, lambda: self._make(file))
        except TimeoutError:
            raise Unavailable("the sound is being prepared", retry_after_s=5) from None

    async def index(self, path: str) -> None:
        """The same in the background and without a side file: those are made for who listens, and take much disk.

        Raises as `of_file` does.
        """
        is_whole = not SoundFile.at(path, 0, 0).piece
        run = self._workers.background
        await self._surveying.get(
            path, lambda: self._survey(path, run, _TIME_LIMIT_S) if is_whole else self._survey_piece(path)
        )

    async def by_digest(self, digest: str) -> Sound:
        """A sound of which a file is there, unchanged. Raises NotFound (never was) and Gone (was, and has changed).

        Where none of its files can serve it now, Damaged or Unavailable tells why the last one could not.
        """
        known = self._remembered.get(digest)
        if known is not None:
            with suppress(FolderAway):
                if await self._unchanged(known.looked) and await self._is_there(known):
                    if digest in self._remembered:
                        self._remembered.move_to_end(digest)
                    return known
            self._remembered.pop(digest, None)  # another asker may have found the same meanwhile
        rows = await self._database.all(
            "SELECT path, size_bytes, mtime_ns, packet_index FROM sound_files WHERE digest = :digest",
            {"digest": digest},
        )
        failure: MediaServerError | None = None
        for row in rows:
            file = SoundFile.at(row["path"], row["size_bytes"], row["mtime_ns"])
            try:
                if not await self._unchanged(file):
                    continue
                sound = await self._load(digest, bytes(row["packet_index"]), file)
                sound = sound or await self.of_file(file.place)
            except (Damaged, NotFound, Unavailable) as error:  # another copy may be sound
                failure = error
                continue
            if sound.digest == digest:
                return sound
        if failure is not None:
            raise failure
        if rows or await self._is_retired(digest):
            raise Gone("the file behind this address has changed or left")
        raise NotFound("there is no such sound")

    async def files_of(self, digest: str) -> list[SoundFile]:
        """The files of a sound, as they were indexed; some may have changed or left. NotFound: it never was."""
        rows = await self._database.all(
            "SELECT path, size_bytes, mtime_ns FROM sound_files WHERE digest = :digest", {"digest": digest}
        )
        known = self._remembered.get(digest)
        if not rows and known is not None:
            return [known.looked]
        if not rows and not await self._is_retired(digest):
            raise NotFound("there is no such sound")
        return [SoundFile.at(row["path"], row["size_bytes"], row["mtime_ns"]) for row in rows]

    async def unindexed(self, files: Sequence[SoundFile]) -> list[SoundFile]:
        """Those of at most 500 files that the background should index: neither known nor known not to be readable."""
        rows = await self._database.all(
            "SELECT path, size_bytes, mtime_ns FROM sound_files WHERE path IN (:paths*)",
            {"paths": [file.place for file in files]},
        )
        known = {SoundFile.at(row["path"], row["size_bytes"], row["mtime_ns"]) for row in rows}
        return [file for file in files if file not in known and not self._failures.knows(file)]

    async def forget_strangers(self, known: Callable[[Sequence[str]], Awaitable[set[str]]]) -> int:
        """Forget files that the library does not know any more; a digest that no file has then is retired.

        `known` answers which of the given paths it knows. A missing file is known and keeps its index. What is
        forgotten too early costs a new index, nothing else. Returns how many were forgotten.
        """
        last, count = "", 0
        while True:
            rows = await self._database.all(
                "SELECT path, digest FROM sound_files WHERE path > :last ORDER BY path LIMIT :limit",
                {"last": last, "limit": _AT_ONCE},
            )
            if not rows:
                return count
            last = rows[-1]["path"]
            kept = await known([row["path"] for row in rows])
            gone = [row for row in rows if row["path"] not in kept]
            if gone:
                async with self._database.write(durable=False) as tx:
                    # A file stays for as long as parts of it are known: 0 is what follows / in every collation here.
                    await tx.many(
                        "DELETE FROM sound_files WHERE path = :path AND NOT EXISTS (SELECT 1 FROM sound_files f"
                        " WHERE f.path > :from AND f.path < :to)",
                        [{"path": (path := row["path"]), "from": f"{path}/", "to": f"{path}0"} for row in gone],
                    )
                    stay = await tx.all(
                        "SELECT path FROM sound_files WHERE path IN (:paths*)", {"paths": [row["path"] for row in gone]}
                    )
                    for digest in sorted({row["digest"] for row in gone}):
                        await self._retire(tx, digest)
                count += len(gone) - len(stay)

    async def _survey_for_listener(self, file: SoundFile) -> Surveyed:
        """At once; what takes long is then done in the background, so that nobody else's sound has to wait for it."""
        if file not in self._long:
            async with self._heavy:
                try:
                    return await self._survey(file.path, self._workers.urgent, self._at_once_s)
                except TookTooLong:
                    self._long = {file, *(self._long if len(self._long) < _MOST_LONG else ())}
        run = self._workers.background
        return await self._surveying.get(file.path, lambda: self._survey(file.path, run, _TIME_LIMIT_S))

    async def _survey(self, path: str, run: Callable[..., Coroutine[Any, Any, Surveyed]], limit_s: float) -> Surveyed:
        """Raises TookTooLong where it takes longer than `limit_s`, and this is not all that there is."""
        file = await self._stat(path)
        try:
            found = await self.folders.reading(path, run(surveyed, path, timeout_s=limit_s))
        except FileNotFoundError as error:
            raise NotFound("the file is not there") from error
        except (Damaged, WorkerFailed, OSError, MemoryError) as error:
            if isinstance(error, TookTooLong) and limit_s < _TIME_LIMIT_S:
                raise
            raise self._failed(file, error) from error
        await self._keep(found)
        return found

    async def _survey_piece(self, place: str) -> Surveyed:
        """By what is known of its file, which is surveyed once for all its parts."""
        file = await self._stat(place)
        whole, row = file.whole, await self._row(file.whole)
        why = self._failures.why(whole)
        if row is not None and row[1].startswith(packets.MAGIC):  # else of an older form
            found = Surveyed(whole, row[0], packets.codec_by_side(row[1]) or "", row[1])
        elif why is not None:  # not once more for each of them
            raise Damaged(why)
        else:
            run = self._workers.background
            found = await self._surveying.get(whole.path, lambda: self._survey(whole.path, run, _TIME_LIMIT_S))
        return await self._cut_out(found, file.piece)

    async def _cut_out(self, whole: Surveyed, piece: str) -> Surveyed:
        try:
            found = await asyncio.to_thread(cut_out, whole, piece)
        except Damaged as error:
            raise self._failed(replace(whole.file, piece=piece), error) from error
        await self._keep(found)
        return found

    async def _known(self, file: SoundFile, row: tuple[str, bytes] | None) -> Sound | None:
        return await self._load(row[0], row[1], file) if row is not None else None

    async def _make(self, file: SoundFile) -> Sound:
        row = await self._row(file)  # again: another making may have ended between the asker's look and this
        sound = await self._known(file, row)
        if sound is not None:
            return sound
        if file.piece:
            whole = await self.of_file(file.path)
            found = await self._cut_out(
                Surveyed(whole.looked, whole.digest, whole.index.codec, whole.packed), file.piece
            )
            return self._remember(found.digest, found.packed, PacketIndex.unpacked(found.packed), found.file)
        codec = packets.codec_by_side(row[1]) if row is not None else None
        if row is not None and codec is not None:
            found = Surveyed(file, row[0], codec, packets.waiting(codec))
        else:
            found = await self._survey_for_listener(file)
        if found.packed == packets.waiting(found.codec):
            try:
                making = self._sides.index(found.file, found.digest, found.codec)
                packed = await self.folders.reading(file.path, making)
            except (Damaged, WorkerFailed, MemoryError) as error:
                raise self._failed(file, error) from error
            found = Surveyed(found.file, found.digest, found.codec, packed)
            await self._keep(found)
        return self._remember(found.digest, found.packed, PacketIndex.unpacked(found.packed), found.file)

    def _failed(self, file: SoundFile, error: Exception) -> Damaged | Unavailable:
        """What is told of it: that it is damaged, and this is noted, unless the system gave out.

        For memory a file may be to blame or not. The first time it is given the benefit of the doubt.
        """
        is_memory = isinstance(error, MemoryError) or was_killed(error)
        if is_memory and self._failures.is_first(file):
            return Unavailable("this sound could not be read now", retry_after_s=10)
        if is_passing(error) and not is_memory:
            return passed(error)
        damaged = error if isinstance(error, Damaged) else Damaged(f"not to be read: {error}")
        self._failures.note(file, str(damaged))
        return damaged

    async def _keep(self, made: Surveyed) -> None:
        """Where the database cannot take it, on a full disk, the music goes on: it is remembered for a while."""
        try:
            await self._store(made)
        except Unavailable as error:
            _seldom.say(logging.WARNING, "what was learnt of a sound could not be kept: %s", error)

    async def _store(self, made: Surveyed) -> None:
        path = made.file.place
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
                    "size": made.file.size_bytes,
                    "mtime": made.file.mtime_ns,
                    "digest": made.digest,
                    "packed": made.packed,
                },
            )
            await tx.run("DELETE FROM retired_sounds WHERE digest = :digest", {"digest": made.digest})
            if before is not None and before["digest"] != made.digest:
                await self._retire(tx, before["digest"])
        if before is not None and before["digest"] != made.digest:
            self._remembered.pop(before["digest"], None)
        self.on_learnt()

    async def _retire(self, tx: Transaction, digest: str) -> None:
        """Nobody asks for it in good faith any more, unless another file has it."""
        used = await tx.one("SELECT 1 AS yes FROM sound_files WHERE digest = :digest", {"digest": digest})
        if used is None:
            await tx.run("DELETE FROM sounds WHERE digest = :digest", {"digest": digest})
            await tx.run(
                "INSERT INTO retired_sounds (digest, retired_at_ms) VALUES (:digest, :now) ON CONFLICT DO NOTHING",
                {"digest": digest, "now": self._clock.now_ms()},
            )

    async def _is_retired(self, digest: str) -> bool:
        found = "SELECT 1 AS yes FROM retired_sounds WHERE digest = :digest"
        return await self._database.one(found, {"digest": digest}) is not None

    async def _row(self, file: SoundFile) -> tuple[str, bytes] | None:
        """Digest and packed index of a file of this look."""
        row = await self._database.one(
            "SELECT digest, packet_index FROM sound_files"
            " WHERE path = :path AND size_bytes = :size AND mtime_ns = :mtime",
            {"path": file.place, "size": file.size_bytes, "mtime": file.mtime_ns},
        )
        return (row["digest"], bytes(row["packet_index"])) if row is not None else None

    async def _load(self, digest: str, packed: bytes, file: SoundFile) -> Sound | None:
        """None where its index is damaged or its side file is not there: then it is made anew."""
        known = self._remembered.get(digest)
        if known is not None and known.looked == file and await self._is_there(known):
            return known
        try:
            index = PacketIndex.unpacked(packed)
        except Damaged:
            if packets.codec_by_side(packed) is None:
                log.info("the index of a sound is damaged or of an older form, and made anew")
            return None
        if index.side and not await self._sides.has(index):
            return None
        return self._remember(digest, packed, index, file)

    def _remember(self, digest: str, packed: bytes, index: PacketIndex, file: SoundFile) -> Sound:
        source = file.path
        if index.side:
            source = str(self._sides.path(index))
            index = index if index.is_cut else replace(index, file_bytes=file.size_bytes)
        sound = Sound(Digest(digest), source, index, packed, file.path, file.size_bytes, file.mtime_ns, file.piece)
        self._remembered[digest] = sound
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)
        return sound

    async def _is_there(self, sound: Sound) -> bool:
        """Whether its packets can be read; a sound's own file is known to be there."""
        return not sound.index.side or await self._sides.has(sound.index)

    async def _unchanged(self, file: SoundFile) -> bool:
        try:
            return await self._stat(file.place) == file
        except NotFound:
            return False

    async def _stat(self, place: str) -> SoundFile:
        path, piece = cuts.split(place)
        try:
            status = await self.folders.ask(path, Path(path).stat)
        except OSError as error:
            await self.folders.check(path)
            raise passed(error) if is_passing(error) else NotFound("the file is not there") from error
        if not stat.S_ISREG(status.st_mode):  # a pipe would hold a worker until its time is up, and a device fill it
            raise NotFound("the file is not there")
        return SoundFile(path, status.st_size, status.st_mtime_ns, piece)
