"""Scans: brings the catalogue in line with the folders. One at a time; what is unchanged is not read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mediaserver.catalog.incoming import Known
from mediaserver.catalog.writer import Writer
from mediaserver.core.clock import Clock
from mediaserver.core.errors import MediaServerError, WorkerFailed
from mediaserver.core.events import EventBus, LibraryChanged
from mediaserver.core.supervisor import Supervisor
from mediaserver.core.units import LibraryId
from mediaserver.core.workers import Workers
from mediaserver.library.reader import Read, ToRead, read_packed, unpacked
from mediaserver.library.report import Problem, Report, Scan
from mediaserver.library.walk import Walked, walk

log = logging.getLogger(__name__)

_BATCH_FILES = 96
_STORE_FILES = 768
_SECONDS_PER_FILE = 2.0
_SECONDS_AT_LEAST = 30.0
_TELL_EVERY_S = 5.0


class RootAway(MediaServerError):
    """A root is empty, gone or not to be listed: its tracks are left as they are."""


@dataclass(slots=True)
class _Progress:
    phase: Literal["idle", "looking", "reading", "finishing"] = "idle"
    files_seen: int = 0
    files_read: int = 0
    files_to_read: int = 0
    added: int = 0
    changed: int = 0
    missing: int = 0
    problems: int = 0
    started_at_ms: int | None = None
    finished_at_ms: int | None = None
    reading_since_s: float = 0.0
    messages: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ScanStatus:
    state: Literal["idle", "scanning"]
    phase: str
    files_seen: int
    files_read: int
    files_to_read: int
    added: int
    changed: int
    missing: int
    problems: int
    files_per_s: float
    remaining_ms: int | None
    started_at_ms: int | None
    finished_at_ms: int | None
    message: str
    last: Scan | None


class Scanner:
    def __init__(
        self,
        writer: Writer,
        report: Report,
        workers: Workers,
        events: EventBus,
        clock: Clock,
        supervisor: Supervisor,
        roots: Sequence[Path],
    ) -> None:
        self._writer = writer
        self._report = report
        self._workers = workers
        self._events = events
        self._clock = clock
        self._supervisor = supervisor
        self.roots = roots
        self._progress = _Progress()
        self._wanted = 0
        self._done = asyncio.Event()
        self._done.set()
        self._last: Scan | None = None
        self.has_begun = False
        self.read_batch: Callable[[str, list[ToRead]], bytes] = read_packed
        """What workers do with a batch."""

    def start(self) -> None:
        """Begin a scan; while one runs, one more is done after it. From now on the state is not idle."""
        self.has_begun = True
        self._wanted = min(2, self._wanted + 1)
        if self._done.is_set():
            self._done.clear()
            self._progress = _Progress("looking", started_at_ms=self._clock.now_ms())
            self._supervisor.start("scan", self._run)

    async def wait(self) -> ScanStatus:
        """Until nothing is scanned or waits to be."""
        await self._done.wait()
        return self.status()

    async def open(self) -> None:
        """Learn how the last scan before this start ended."""
        self._last = await self._report.last()
        self._progress.problems = await self._report.count()

    def status(self) -> ScanStatus:
        p = self._progress
        busy_s = self._clock.monotonic_s() - p.reading_since_s
        rate = p.files_read / busy_s if p.phase == "reading" and busy_s > 0 else 0.0
        left = p.files_to_read - p.files_read
        return ScanStatus(
            state="idle" if self._done.is_set() else "scanning",
            phase=p.phase,
            files_seen=p.files_seen,
            files_read=p.files_read,
            files_to_read=p.files_to_read,
            added=p.added,
            changed=p.changed,
            missing=p.missing,
            problems=p.problems,
            files_per_s=round(rate, 1),
            remaining_ms=round(left / rate * 1000) if rate else None,
            started_at_ms=p.started_at_ms,
            finished_at_ms=p.finished_at_ms,
            message="; ".join(p.messages),
            last=self._last,
        )

    async def _run(self) -> None:
        try:
            while self._wanted:
                self._wanted -= 1
                self._progress = _Progress("looking", started_at_ms=self._clock.now_ms())
                await self._scan_all()
        except Exception:
            log.exception("the scan broke off")  # told in its status too; the next one starts afresh
        finally:
            self._wanted = 0
            self._progress.phase = "idle"
            self._done.set()

    async def _scan_all(self) -> None:
        scan_id = await self._report.begin()
        outcome = "stopped"
        try:
            for root in self.roots:
                try:
                    await self._scan_root(root)
                except RootAway as error:
                    log.warning("%s", error)
                    self._progress.messages.append(str(error))
            outcome = "failed" if self._progress.messages else "done"
        except Exception as error:
            outcome = "failed"
            self._progress.messages.append(f"the scan broke off: {error}")
            raise
        finally:
            p = self._progress
            p.phase = "finishing"
            p.finished_at_ms = self._clock.now_ms()
            counts = {name: getattr(p, name) for name in ("files_seen", "files_read", "added", "changed", "missing")}
            await asyncio.shield(self._report.end(scan_id, outcome, "; ".join(p.messages), counts))
            self._last = await self._report.last()
        p.problems = await self._report.count()
        log.info(
            "scan %s: %d files, %d read, %d new, %d changed, %d missing, %d problems",
            *(outcome, p.files_seen, p.files_read, p.added, p.changed, p.missing, p.problems),
        )
        if p.added or p.changed or p.missing:
            self._events.publish(LibraryChanged(p.added, p.changed, p.missing))

    async def _scan_root(self, root: Path) -> None:
        library_id = await self._writer.library(str(root))
        known = await self._writer.known(library_id)
        base = self._progress.files_seen

        def seen(count: int) -> None:
            self._progress.files_seen = base + count

        try:
            # The processes that will read start up while the folders are looked at.
            walked, _ = await asyncio.gather(
                asyncio.to_thread(walk, str(root), seen), self._workers.background(read_packed, str(root), [])
            )
        except OSError as error:
            raise RootAway(f"{root} cannot be listed ({error.strerror}): its tracks are left as they are") from error
        seen(len(walked.files))
        if not walked.files and any(not one.is_missing for one in known.values()):
            raise RootAway(
                f"{root} is empty, though it had music: is the disk mounted? Its tracks are left as they are"
            )

        await self._mark(library_id, known, walked)
        bad = await self._report.known(library_id)
        stale = [path for path in bad if path not in walked.files]
        await self._report.replace(library_id, stale, walked.problems)
        self._progress.problems += len(walked.problems)

        batches = _batches(_to_read(walked, known, bad, await self._report.folder_pictures(library_id)))
        self._progress.files_to_read += sum(len(batch) for batch in batches)
        self._progress.phase = "reading"
        if not self._progress.reading_since_s:
            self._progress.reading_since_s = self._clock.monotonic_s()
        await self._read_and_store(library_id, str(root), batches, bad)
        covers = {path: (size, mtime) for path, size, mtime in walked.covers.values()}
        await self._report.keep_folder_pictures(library_id, covers)
        if self._progress.files_read or self._progress.missing:
            await self._writer.prune()

    async def _mark(self, library_id: LibraryId, known: Mapping[str, Known], walked: Walked) -> None:
        """First what is gone, so that a file that moved finds the row it left."""
        unseen = tuple(f"{folder}/" for folder in walked.unseen)
        exact = set(walked.unseen)
        gone = [
            path
            for path, one in known.items()
            if not one.is_missing and path not in walked.files and path not in exact and not path.startswith(unseen)
        ]
        self._progress.missing += await self._writer.mark_missing(library_id, gone)
        back = [
            path
            for path, one in known.items()
            if one.is_missing and walked.files.get(path) == (one.size_bytes, one.mtime_ns)
        ]
        self._progress.changed += await self._writer.mark_present(library_id, back)

    async def _read_and_store(
        self, library_id: LibraryId, root: str, batches: list[list[ToRead]], bad: Collection[str]
    ) -> None:
        gathered: list[Read] = []
        told_s = self._clock.monotonic_s()
        async for batch, read in self._reads(root, batches):
            self._progress.files_read += len(batch)
            gathered.append(read)
            if sum(len(one.files) for one in gathered) >= _STORE_FILES:
                await self._store(library_id, gathered)
                gathered = []
            await self._tell(library_id, [one.path for one in batch if one.path in bad], read.problems)
            if self._clock.monotonic_s() - told_s > _TELL_EVERY_S:
                told_s = self._clock.monotonic_s()
                self._events.publish(LibraryChanged(self._progress.added, self._progress.changed, 0))
        await self._store(library_id, gathered)

    async def _store(self, library_id: LibraryId, gathered: list[Read]) -> None:
        files = [file for read in gathered for file in read.files]
        if files:
            stored = await self._writer.store(library_id, files)
            self._progress.added += stored.added
            self._progress.changed += stored.changed

    async def _tell(self, library_id: LibraryId, were_bad: list[str], problems: list[Problem]) -> None:
        self._progress.problems += len(problems)
        if were_bad or problems:
            await self._report.replace(library_id, were_bad, problems)

    async def _reads(self, root: str, batches: list[list[ToRead]]) -> AsyncIterator[tuple[list[ToRead], Read]]:
        """Every batch with what was read, as they get done; a few are under way at a time."""
        waiting = iter(batches)
        running: dict[asyncio.Task[Read], list[ToRead]] = {}
        try:
            while True:
                while len(running) < 2 * self._workers.processes + 2:  # so that none waits while a batch is stored
                    batch = next(waiting, None)
                    if batch is None:
                        break
                    running[asyncio.create_task(self._read(root, batch))] = batch
                if not running:
                    return
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield running.pop(task), task.result()
        finally:
            for task in running:
                task.cancel()

    async def _read(self, root: str, batch: list[ToRead]) -> Read:
        """Read a batch; where the worker dies or hangs, halve it until the culprit stands alone."""
        limit_s = max(_SECONDS_AT_LEAST, _SECONDS_PER_FILE * len(batch))
        try:
            return unpacked(await self._workers.background(self.read_batch, root, batch, timeout_s=limit_s))
        except WorkerFailed as error:
            if len(batch) == 1:
                one = batch[0]
                log.warning("a worker failed on one file: %s", error)
                return Read([], [Problem(one.path, "crashed", str(error), one.size_bytes, one.mtime_ns)])
            middle = len(batch) // 2
            first = await self._read(root, batch[:middle])
            second = await self._read(root, batch[middle:])
            return Read(first.files + second.files, first.problems + second.problems)


def _to_read(
    walked: Walked,
    known: Mapping[str, Known],
    bad: Mapping[str, tuple[str, int, int]],
    covers_before: Mapping[str, tuple[int, int]],
) -> list[ToRead]:
    """New files, changed ones, and those beside a cover that is new, changed or gone."""
    covers_gone = {_folder_of(path) for path in covers_before} - set(walked.covers)
    repictured = covers_gone | {
        folder for folder, (path, *status) in walked.covers.items() if covers_before.get(path) != tuple(status)
    }
    wanted = []
    for path, (size, mtime) in walked.files.items():
        before = known.get(path)
        folder = _folder_of(path)
        unchanged = before is not None and (before.size_bytes, before.mtime_ns) == (size, mtime)
        if before is None and path in bad and bad[path][1:] == (size, mtime):
            continue
        if unchanged and folder not in repictured:
            continue
        cover = walked.covers.get(folder)
        wanted.append(ToRead(path, size, mtime, cover[0] if cover else ""))
    return wanted


def _folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _batches(wanted: list[ToRead]) -> list[list[ToRead]]:
    return [wanted[at : at + _BATCH_FILES] for at in range(0, len(wanted), _BATCH_FILES)]
