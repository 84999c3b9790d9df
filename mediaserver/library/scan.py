"""Scans: brings the catalogue in line with the folders. One at a time; what is unchanged is not read."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from mediaserver.catalog.writer import Writer
from mediaserver.core import memory
from mediaserver.core.clock import Clock
from mediaserver.core.errors import MediaServerError
from mediaserver.core.events import EventBus, LibraryChanged, ScanProgressed
from mediaserver.core.folders import Beat, FolderAway, Folders, node
from mediaserver.core.supervisor import Supervisor
from mediaserver.core.workers import Workers
from mediaserver.library.intake import Before, Intake, to_read
from mediaserver.library.reading import Reading
from mediaserver.library.report import Report, Scan
from mediaserver.library.status import Progress, RootAway, ScanStatus, emptied, left, not_listed, silent, status_of
from mediaserver.library.walk import walk

log = logging.getLogger(__name__)

_PROGRESS_EVERY_S = 0.4


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
        folders: Folders,
    ) -> None:
        self.folders = folders
        self._writer = writer
        self._report = report
        self._events = events
        self._clock = clock
        self._supervisor = supervisor
        self.reading = Reading(workers, folders)
        self.intake = Intake(writer, report, self.reading, events, clock, folders)
        self.roots = roots
        self._progress = Progress()
        self._wanted = 0
        self._done = asyncio.Event()
        self._done.set()
        self._last: Scan | None = None
        self._running: asyncio.Task[None] | None = None
        self._is_cancelled = False
        self._stop_walking = threading.Event()
        self.has_begun = False
        self.walks = 0
        """How many times the folders were begun to be looked at."""
        self.before_walk: Callable[[], Awaitable[None]] = _nothing
        """What a scan waits for, so that no change between its look and the next one is lost."""
        self.on_unsettled: Callable[[Path, list[str]], None] = _left_for_later
        """Told of files of a root, relative, that were left out because somebody was writing them."""
        self.on_end: Callable[[], None] = lambda: None

    def start(self) -> None:
        """Begin a scan; while one runs, one more is done after it. From now on the state is not idle."""
        self.has_begun = True
        self._wanted = 1
        if self._done.is_set():
            self._done.clear()
            self._progress = Progress("looking", started_at_ms=self._clock.now_ms())
            self._supervisor.start("scan", self._run)

    def cancel(self) -> None:
        """Stop the scan that runs, and any that waits. What it has read is stored, and the next one goes on from there.

        Returns at once; the state is idle within a second.
        """
        self._wanted = 0
        if self._running is not None and not self._running.done():
            self._is_cancelled = True
            self._stop_walking.set()
            self._running.cancel()

    async def wait(self) -> ScanStatus:
        """Until nothing is scanned or waits to be."""
        await self._done.wait()
        return self.status()

    async def open(self) -> None:
        """Learn how the last scan before this start ended."""
        self._last = await self._report.last()
        self._progress.problems = await self._report.count()

    async def close_broken_off(self) -> bool:
        """Whether the last scan was broken off by a crash or a stop; for who is alone with this database."""
        await self._report.close_broken_off()
        self._last = await self._report.last()
        return self._last is not None and self._last.outcome == "stopped"

    def status(self) -> ScanStatus:
        return status_of(self._progress, self._clock.monotonic_s(), self._last, is_idle=self._done.is_set())

    async def _run(self) -> None:
        try:
            while self._wanted:
                self._wanted -= 1
                self._progress = Progress("looking", started_at_ms=self._clock.now_ms())
                self._is_cancelled = False
                self._stop_walking = threading.Event()  # an earlier walk may not have seen its own yet
                self._running = asyncio.create_task(self._scan_all(), name="scan:one")
                try:
                    await asyncio.wait({self._running})
                finally:
                    if not self._running.done():  # the server stops
                        self._stop_walking.set()
                        self._running.cancel()
                        await asyncio.wait({self._running})
                self.on_end()
                self._say_how_it_failed(self._running)
        finally:
            self._wanted = 0
            self._progress.phase = "idle"
            self._done.set()
            self._publish(is_running=False)

    def _say_how_it_failed(self, scan: asyncio.Task[None]) -> None:
        """Told in its status too. The next one, which may be wanted already, starts afresh."""
        error = None if scan.cancelled() else scan.exception()
        if error is None:
            return
        if isinstance(error, MediaServerError):
            log.warning("the scan broke off: %s", error)
        else:
            log.error("the scan broke off", exc_info=error)
        self._progress.messages = self._progress.messages or [f"the scan broke off: {error}"]
        self._progress.finished_at_ms = self._clock.now_ms()

    async def _scan_all(self) -> None:
        scan_id = await self._report.begin()
        outcome = "stopped"
        telling = asyncio.create_task(self._tell_progress())
        try:
            await self.before_walk()
            self.walks += 1
            for root in self.roots:
                try:
                    await self._scan_root(root)
                except FolderAway:
                    await self._tell_away(root)
                except RootAway as error:
                    log.warning("%s", error)
                    self._progress.messages.append(str(error))
            outcome = "failed" if self._progress.messages else "done"
        except asyncio.CancelledError:
            outcome = "cancelled" if self._is_cancelled else "stopped"
            raise
        except Exception as error:
            outcome = "failed"
            self._progress.messages.append(f"the scan broke off: {error}")
            raise
        finally:
            telling.cancel()
            await asyncio.shield(self._end(scan_id, outcome))

    async def _end(self, scan_id: int, outcome: str) -> None:
        p = self._progress
        p.phase = "finishing"
        p.finished_at_ms = self._clock.now_ms()
        counts = {name: getattr(p, name) for name in ("files_seen", "files_read", "added", "changed", "missing")}
        await self._report.end(scan_id, outcome, "; ".join(p.messages), counts)
        self._last = await self._report.last()
        p.problems = await self._report.count()
        log.info(
            "scan %s: %d files, %d read, %d new, %d changed, %d missing, %d problems",
            *(outcome, p.files_seen, p.files_read, p.added, p.changed, p.missing, p.problems),
        )
        if p.added or p.changed or p.missing:
            self._events.publish(LibraryChanged(p.added, p.changed, p.missing))
        self._publish(is_running=False)
        await asyncio.to_thread(memory.give_back_freed)

    async def _tell_progress(self) -> None:
        told: tuple[int, ...] = ()
        while True:
            p = self._progress
            now = (p.files_seen, p.files_read, p.files_to_read, p.added, p.changed, p.missing, p.problems)
            if now != told:
                told = now
                self._publish(is_running=True)
            await asyncio.sleep(_PROGRESS_EVERY_S)

    def _publish(self, *, is_running: bool) -> None:
        p = self._progress
        self._events.publish(
            ScanProgressed(
                *(is_running, p.files_seen, p.files_read, p.files_to_read),
                *(p.added, p.changed, p.missing, p.problems),
            )
        )

    async def _scan_root(self, root: Path) -> None:
        p = self._progress
        p.phase = "looking"
        library_id = await self._writer.library(str(root))
        known = await self._writer.known(library_id)
        base, beat, stop, is_over = p.files_seen, Beat(), self._stop_walking, threading.Event()

        def seen(count: int) -> None:
            beat()
            p.files_seen = base + count

        def is_stopped() -> bool:
            return beat() or stop.is_set() or is_over.is_set()

        # The processes that will read start up while the folders are looked at.
        warming = asyncio.create_task(self.reading.warm_up(str(root)), name="scan:warm-up")
        try:
            before_walk = await self.folders.ask(str(root), node, root)
            walked = await self.folders.long(str(root), beat, walk, str(root), seen, is_stopped)
            await warming
        except OSError as error:
            raise RootAway(not_listed(root, error)) from error
        finally:
            is_over.set()  # a disk that answers too late is not walked for nobody
            warming.cancel()
        await self._must_be(root, before_walk)
        seen(len(walked.files))
        if not walked.files and any(not one.is_missing for one in known.values()):
            raise RootAway(emptied(root))

        before = Before(known, await self._report.known(library_id), await self._report.folder_pictures(library_id))
        await self.intake.mark(library_id, before, walked, p)
        wanted = to_read(before, walked)
        p.files_to_read += len(wanted)
        p.phase = "reading"
        if not p.reading_since_s:
            p.reading_since_s = self._clock.monotonic_s()
        unsettled = await self.intake.take(library_id, str(root), before, walked, wanted, p)
        await self._must_be(root, before_walk)
        if p.files_read or p.missing:
            await self._writer.prune()
        if unsettled:
            self.on_unsettled(root, unsettled)

    async def _must_be(self, root: Path, before: tuple[int, int]) -> None:
        """Raises RootAway where another folder lies at `root` by now: what was not seen there may be anywhere."""
        try:
            now = await self.folders.ask(str(root), node, root)
        except OSError:
            now = None
        if now != before:
            raise RootAway(left(root))

    async def _tell_away(self, root: Path) -> None:
        try:
            self.folders.must_answer(str(root))
            message = left(root)
        except FolderAway:
            message = silent(root)
        log.warning("%s", message)
        self._progress.messages.append(message)


async def _nothing() -> None:
    pass


def _left_for_later(root: Path, paths: list[str]) -> None:
    log.info("%d files of %s were being written and are left for the next scan", len(paths), root)
