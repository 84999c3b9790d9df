"""Looks at single folders: what changed in them, and nothing else, into the catalogue."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mediaserver.catalog.incoming import Known
from mediaserver.catalog.writer import Writer
from mediaserver.core.events import EventBus, LibraryChanged
from mediaserver.core.folders import Beat, FolderAway, Folders, node
from mediaserver.core.units import LibraryId
from mediaserver.library.debounce import Due
from mediaserver.library.intake import Before, Intake, gone, to_read
from mediaserver.library.report import Report
from mediaserver.library.status import Progress, emptied, left, not_listed, silent
from mediaserver.library.walk import RootEmpty, Walked, look

NO_WAITING: Mapping[Path, float] = {}
_HELD_S = 2.0
"""Roots whose disks answer wait so long for one that does not, so as to be taken together."""


@dataclass(slots=True)
class Looked:
    roots: set[Path] = field(default_factory=set)
    """Of which this tells."""
    progress: Progress = field(default_factory=Progress)
    unsettled: dict[Path, list[str]] = field(default_factory=dict)
    """Root -> files, relative, that were being written as they were read: they are to be looked at again."""
    recent: dict[Path, int] = field(default_factory=dict)
    """Root -> number of files that changed less than `settled_for_s` ago: the same."""
    away: dict[Path, str] = field(default_factory=dict)
    """Root -> why it was left alone."""


@dataclass(frozen=True, slots=True)
class _Part:
    """What is to be taken of one root."""

    root: Path
    library_id: LibraryId
    before: Before
    walked: Walked
    unsettled: frozenset[str]
    recent: int
    """Files that changed too lately to be taken."""


@dataclass(frozen=True, slots=True)
class _Away:
    root: Path
    message: str


_Seeing = asyncio.Task[_Part | _Away | None]


class Looker:
    def __init__(self, writer: Writer, report: Report, intake: Intake, events: EventBus, folders: Folders) -> None:
        self._folders = folders
        self._writer = writer
        self._report = report
        self._intake = intake
        self._events = events
        self._turn = asyncio.Lock()

    async def look(
        self,
        due: Mapping[Path, Due],
        settled_for_s: Mapping[Path, float] = NO_WAITING,
        early: Callable[[Looked], None] = lambda looked: None,
    ) -> Looked:
        """Look at these folders of these roots.

        What is gone is marked in all of them before anything is read in any: what moved keeps its row, whichever
        way it went. Only a root whose disk says nothing for a while is waited for by itself: what came of the others
        is told to `early` then, and is not in the result. Files that are named as being written, or whose last change
        is less than their root's `settled_for_s` ago, are left alone. The guards of whole scans hold: a root that is
        away or lost everything at once loses nothing.
        """
        beats = {root: Beat() for root in due}
        seeing = {
            asyncio.create_task(self._seen(root, one, settled_for_s.get(root, 0.0), beats[root]), name="look"): root
            for root, one in due.items()
        }
        try:
            while True:
                done = await _answered({task: beats[root] for task, root in seeing.items()})
                looked = await self._take([task.result() for task in done], {seeing.pop(task) for task in done})
                if not seeing:
                    return looked
                early(looked)
                await asyncio.wait(seeing, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in seeing:
                task.cancel()
            await asyncio.gather(*seeing, return_exceptions=True)

    async def _take(self, seen: list[_Part | _Away | None], roots: set[Path]) -> Looked:
        """One at a time."""
        looked = Looked(roots)
        parts = [one for one in seen if isinstance(one, _Part)]
        looked.away.update({one.root: one.message for one in seen if isinstance(one, _Away)})
        p = looked.progress
        async with self._turn:
            for part in parts:
                p.files_seen += len(part.walked.files)
                if part.recent:
                    looked.recent[part.root] = part.recent
                await self._intake.mark(part.library_id, part.before, part.walked, p)
            for part in parts:
                wanted = to_read(part.before, part.walked, but=part.unsettled)
                p.files_to_read += len(wanted)
                try:
                    writing = await self._intake.take(
                        part.library_id, str(part.root), part.before, part.walked, wanted, p
                    )
                except FolderAway:
                    looked.away[part.root] = left(part.root)
                    continue
                waiting = [path for path in part.unsettled if path in part.walked.files]
                if writing or waiting:
                    looked.unsettled[part.root] = [*writing, *waiting]
            if p.changed or p.missing:
                await self._writer.prune()
        if p.added or p.changed or p.missing:
            self._events.publish(LibraryChanged(p.added, p.changed, p.missing))
        return looked

    async def _seen(self, root: Path, due: Due, settled_for_s: float, beat: Beat) -> _Part | _Away | None:
        """What is to be taken of one root; None where there is nothing, and never was."""
        library_id = await self._writer.library(str(root))
        known: dict[str, Known] = {}
        bad: dict[str, tuple[str, int, int]] = {}
        covers: dict[str, tuple[int, int]] = {}
        for folder, is_deep in due.folders.items():
            known |= await self._writer.known_in(library_id, folder, is_deep=is_deep)
            bad |= await self._report.known_in(library_id, folder, is_deep=is_deep)
            covers |= await self._report.folder_pictures_in(library_id, folder, is_deep=is_deep)
        try:
            before = await self._folders.ask(str(root), node, root)
            walked = await self._folders.long(str(root), beat, look, str(root), due.folders, beat)
            if await self._folders.ask(str(root), node, root) != before:
                return _Away(root, left(root))
        except FolderAway:
            return _Away(root, silent(root))
        except OSError as error:
            if await self._writer.count_present(library_id):
                return _Away(root, emptied(root) if isinstance(error, RootEmpty) else not_listed(root, error))
            return None
        lost = gone(known, walked)
        if lost and not walked.files and len(lost) >= await self._writer.count_present(library_id):
            return _Away(root, emptied(root))
        recent: set[str] = set()
        unsettled = set(due.writing)
        if settled_for_s:
            now_ns = time.time_ns()  # of the same clock as the files' dates
            since_ns = now_ns - int(settled_for_s * 1e9)
            recent = {path for path, (_, mtime) in walked.files.items() if since_ns < mtime <= now_ns}
            # What is stored as it is now is no news, however young; what an older reader read may wait as well.
            recent = {one.path for one in to_read(Before(known, bad, covers), walked) if one.path in recent}
            unsettled |= recent
        return _Part(root, library_id, Before(known, bad, covers), walked, frozenset(unsettled), len(recent))


async def _answered(seeing: Mapping[_Seeing, Beat]) -> list[_Seeing]:
    """Those that are done, once no other one goes on hearing from its disk."""
    began_s = time.monotonic()

    def silent_s(beat: Beat) -> float:
        return beat.silent_s() if beat.has_begun else time.monotonic() - began_s

    while True:
        waiting = [task for task in seeing if not task.done()]
        left_s = _HELD_S - min((silent_s(seeing[task]) for task in waiting), default=0.0)
        if not waiting or left_s <= 0:
            return [task for task in seeing if task.done()]
        await asyncio.wait(waiting, timeout=left_s)
