"""What was seen of a folder into the catalogue: marks what is gone, reads what is new, stores it, tells the rest.

Whole scans and looks at single folders do the same with more or less of a library. Everything is stored as soon as it
is read, so that a scan that breaks off has lost little, and the next one reads only what is not stored.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Collection, Coroutine, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from mediaserver.catalog.incoming import Known, ReadFile
from mediaserver.catalog.writer import Writer
from mediaserver.core.clock import Clock
from mediaserver.core.events import EventBus, LibraryChanged
from mediaserver.core.folders import FolderAway, Folders
from mediaserver.core.units import LibraryId
from mediaserver.library.debounce import folder_of
from mediaserver.library.reader import VERSION, Read, ToRead
from mediaserver.library.reading import Reading
from mediaserver.library.report import TAKEN, Report
from mediaserver.library.status import Progress
from mediaserver.library.walk import NO_SHEETS, Walked
from mediaserver.media import cuts

log = logging.getLogger(__name__)

_STORE_FILES = 768
_STORE_EVERY_S = 3.0
_TELL_EVERY_S = 5.0


@dataclass(frozen=True, slots=True)
class Before:
    """What is stored of the part of a library that was looked at."""

    known: Mapping[str, Known]
    bad: Mapping[str, tuple[str, int, int]]
    """Path -> (reason, size in bytes, mtime in ns)."""
    covers: Mapping[str, tuple[int, int]]
    """Path -> (size in bytes, mtime in ns)."""
    pieces: Mapping[str, list[str]] = field(init=False)
    """File -> the paths of what cue sheets cut out of it, in `known` or `bad`."""

    def __post_init__(self) -> None:
        pieces: dict[str, list[str]] = {}
        for path in chain(self.known, (path for path in self.bad if path not in self.known)):
            file, piece = cuts.split(path)
            if piece:
                pieces.setdefault(file, []).append(path)
        object.__setattr__(self, "pieces", pieces)

    def tracks_of(self, file: str) -> dict[str, Known]:
        """By their paths those that this file is or was."""
        own = (file, *self.pieces.get(file, ()))
        return {path: self.known[path] for path in own if path in self.known}

    def told_of(self, one: ToRead) -> list[str]:
        """Paths of what was told of it before: of the file, of what is cut out of it, and of the sheets beside it."""
        own = (one.path, *self.pieces.get(one.path, ()), *(path for path, _, _ in one.sheets.files))
        return [path for path in own if path in self.bad]


class Intake:
    def __init__(
        self, writer: Writer, report: Report, reading: Reading, events: EventBus, clock: Clock, folders: Folders
    ) -> None:
        self._folders = folders
        self._writer = writer
        self._report = report
        self._reading = reading
        self._events = events
        self._clock = clock

    async def mark(self, library_id: LibraryId, before: Before, walked: Walked, progress: Progress) -> None:
        """First what is gone, so that a file that moved finds the row it left."""
        progress.missing += await self._writer.mark_missing(library_id, gone(before.known, walked))
        back = [
            path
            for path, one in before.known.items()
            if one.is_missing and one.reader_version and _is_as_read(one, _look_of(cuts.file_of(path), walked))
        ]
        progress.changed += await self._writer.mark_present(library_id, back)
        is_unseen = _Unseen(walked.unseen)
        there = {path for sheets in walked.sheets.values() for path, _, _ in sheets.files}
        stale = [
            path
            for path in before.bad
            if cuts.file_of(path) not in walked.files and path not in there
            if path not in walked.left_out and not is_unseen(path)
        ]
        await self._report.replace(library_id, stale, walked.problems)
        progress.problems += len(walked.problems)

    async def take(
        self, library_id: LibraryId, root: str, before: Before, walked: Walked, wanted: list[ToRead], progress: Progress
    ) -> list[str]:
        """Read what is `wanted` and store it. Returns the files that somebody was writing: they are left out.

        Where this is cancelled, or the root goes away (FolderAway), what was read so far is stored all the same.
        """
        pictures = _Pictures(self._report, library_id, before, walked, wanted)
        await pictures.keep()
        gathered: list[Read] = []
        done: list[ToRead] = []
        unsettled: list[str] = []

        async def keep() -> None:
            """Each batch once, to its end: who is cancelled meanwhile could not tell whether it was stored."""
            nonlocal gathered, done
            reads, ones, gathered, done = gathered, done, [], []
            await _to_its_end(self._keep(library_id, before, reads, ones, progress))
            await _to_its_end(pictures.keep())

        told_s = stored_s = self._clock.monotonic_s()
        try:
            async with aclosing(self._reading.all(root, wanted)) as reads:
                async for batch, read in reads:
                    progress.files_read += len(batch)
                    progress.problems += len(read.problems)
                    gathered.append(read)
                    unsettled += read.unsettled
                    done += [one for one in batch if one.path not in read.unsettled]
                    pictures.read(batch, read.unsettled)
                    now_s = self._clock.monotonic_s()
                    if sum(len(one.files) for one in gathered) >= _STORE_FILES or now_s - stored_s > _STORE_EVERY_S:
                        await keep()
                        stored_s = now_s
                    if now_s - told_s > _TELL_EVERY_S:
                        told_s = now_s
                        self._events.publish(LibraryChanged(progress.added, progress.changed, 0))
        except (asyncio.CancelledError, FolderAway):
            await _to_its_end(keep())
            raise
        await keep()
        return unsettled

    async def _keep(
        self,
        library_id: LibraryId,
        before: Before,
        gathered: list[Read],
        done: list[ToRead],
        progress: Progress,
    ) -> None:
        files = [file for read in gathered for file in read.files]
        problems = [problem for read in gathered for problem in read.problems]
        taken = {file.path for file in files}
        if files:
            await self._let_go([file for file in files if file.path not in before.known], progress)
            # A sheet came, went, or cuts it in another way: what this file was before is no track any more.
            others = [
                path
                for file in dict.fromkeys(file.file for file in files)
                for path, one in before.tracks_of(file).items()
                if path not in taken and one.reader_version
            ]
            if others:
                await self._writer.mark_missing(library_id, others, is_replaced=True)
            stored = await self._writer.store(library_id, files)
            progress.added += stored.added
            progress.changed += stored.changed
            progress.missing = max(0, progress.missing - stored.moved)
        # A file that was good and cannot be taken any more is missing until it is whole: its history stays. One that
        # cannot be read may be as good as ever, on a disk that is not.
        stays = TAKEN | {"unreadable"}
        spoilt = [path for one in problems if one.reason not in stays for path in before.tracks_of(one.path)]
        if spoilt:
            progress.missing += await self._writer.mark_missing(library_id, spoilt)
        told = {path: one for one in done for path in before.told_of(one)}
        gone = [path for path in told if cuts.split(path)[1] and path not in taken]
        read = [(path, one.size_bytes, one.mtime_ns) for path, one in told.items() if path not in gone]
        if told or problems:
            await self._report.replace(library_id, gone, problems, read)

    async def _let_go(self, new: list[ReadFile], progress: Progress) -> None:
        """Mark what has the sound of these new files and is not there any more: they have moved, and keep its row.

        The place that a file has left may lie in another root, which is looked at later.
        """
        for one in await self._writer.elsewhere(new) if new else ():
            try:
                await self._folders.check(one.root)
                left = await self._folders.ask(one.root, _left, one.root, one.paths)
            except FolderAway:  # nothing is said of what lies there
                continue
            if left:
                progress.missing += await self._writer.mark_missing(one.library_id, left)


def _left(root: str, paths: Sequence[str]) -> list[str]:
    """Those of these paths at which there is nothing; of one that cannot be looked at nothing is said."""
    found = []
    for path in paths:
        try:
            os.lstat(f"{root}/{cuts.file_of(path)}")
        except (FileNotFoundError, NotADirectoryError):
            found.append(path)
        except OSError:
            continue
    return found


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do `work`; where this is cancelled, only once it is done."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is not None:
            log.warning("what was read could not be stored: %s", task.exception())
        raise


class _Unseen:
    """Whether a path lies in a folder that could not be looked into."""

    def __init__(self, folders: Collection[str]) -> None:
        self._exact = frozenset(folders)
        self._below = tuple(f"{folder}/" for folder in folders)

    def __call__(self, path: str) -> bool:
        return path in self._exact or path.startswith(self._below)


class _Pictures:
    """Which covers beside audio files are taken care of: those where nothing is left to be read for their sake alone.

    What is new or changed itself is read in any case, by this scan or by the next one.
    """

    def __init__(
        self,
        report: Report,
        library_id: LibraryId,
        before: Before,
        walked: Walked,
        wanted: list[ToRead],
    ) -> None:
        self._report, self._library_id = report, library_id
        self._unchanged = {one.path for one in wanted if _is_unchanged(before.tracks_of(one.path), one)}
        self._left = Counter(folder_of(path) for path in self._unchanged)
        now = {path: (size, mtime) for path, size, mtime in walked.covers.values()}
        is_unseen = _Unseen(walked.unseen)
        self._gone: dict[str, list[str]] = {}
        for path in before.covers:
            if path not in now and not is_unseen(path) and folder_of(path) not in walked.left_out:
                self._gone.setdefault(folder_of(path), []).append(path)
        self._new = {folder_of(path): (path, stat) for path, stat in now.items() if before.covers.get(path) != stat}

    def read(self, batch: list[ToRead], unsettled: Collection[str]) -> None:
        """A file that is left for later keeps its folder from being done with."""
        done = [one.path for one in batch if one.path in self._unchanged and one.path not in unsettled]
        self._left.subtract(map(folder_of, done))

    async def keep(self) -> None:
        """Note what is done, for it is stored."""
        done = [folder for folder in {*self._gone, *self._new} if self._left[folder] <= 0]
        if done:
            gone = [path for folder in done for path in self._gone.pop(folder, [])]
            new = dict(self._new.pop(folder) for folder in done if folder in self._new)
            await self._report.keep_pictures(self._library_id, gone, new)


def _is_unchanged(known: Mapping[str, Known], one: ToRead) -> bool:
    return any((track.size_bytes, track.mtime_ns) == (one.size_bytes, one.mtime_ns) for track in known.values())


_Look = tuple[int, int, str]
"""Of a file: its size in bytes, its mtime in ns, and the look of the cue sheets beside it."""


def _look_of(file: str, walked: Walked) -> _Look | None:
    size_mtime = walked.files.get(file)
    return (*size_mtime, walked.sheets.get(folder_of(file), NO_SHEETS).look) if size_mtime is not None else None


def _is_as_read(track: Known, look: _Look | None) -> bool:
    """Whether the file of this track and the sheets beside it look as they did when it was read."""
    return (track.size_bytes, track.mtime_ns, track.sheets) == look


def _is_up_to_date(tracks: Collection[Known], look: _Look) -> bool:
    """Whether reading this file would give just the tracks of it that are there. One that went missing before the
    file became what it is now says nothing.
    """
    told = [(one, _is_as_read(one, look)) for one in tracks if one.reader_version]
    there = [(one, is_as_read) for one, is_as_read in told if is_as_read or not one.is_missing]
    return bool(there) and all(is_as_read and one.reader_version >= VERSION for one, is_as_read in there)


def gone(known: Mapping[str, Known], walked: Walked) -> list[str]:
    """Files that were there and are not seen any more."""
    is_unseen = _Unseen(walked.unseen)
    return [
        path
        for path, one in known.items()
        if not one.is_missing and path not in walked.files
        if cuts.file_of(path) not in walked.files and not is_unseen(path)
    ]


def to_read(before: Before, walked: Walked, *, but: Collection[str] = ()) -> list[ToRead]:
    """New files, changed ones, those read by an older reader, and those beside a cover or a cue sheet that is new,
    changed or gone; `but` these."""
    covers_gone = {folder_of(path) for path in before.covers} - set(walked.covers)
    repictured = covers_gone | {
        folder for folder, (path, *status) in walked.covers.items() if before.covers.get(path) != tuple(status)
    }
    unreadable = {path for path, (reason, *_) in before.bad.items() if reason == "unreadable"}
    wanted = []
    for path, (size, mtime) in walked.files.items():
        folder = folder_of(path)
        sheets = walked.sheets.get(folder, NO_SHEETS)
        look, known = (size, mtime, sheets.look), before.known.get(path)
        if path in before.pieces:
            is_up_to_date = _is_up_to_date(before.tracks_of(path).values(), look)
        else:
            is_up_to_date = known is not None and _is_as_read(known, look) and known.reader_version >= VERSION
        if path in before.bad:
            reason, *status = before.bad[path]
            if reason != "unreadable" and status == [size, mtime] and reason not in TAKEN:
                continue
        # Whether something can be read now is no matter of its size and date.
        if unreadable and (path in unreadable or any(one in unreadable for one, _, _ in sheets.files)):
            is_up_to_date = False
        if path in but or (is_up_to_date and folder not in repictured):
            continue
        cover = walked.covers.get(folder)
        wanted.append(ToRead(path, size, mtime, cover[0] if cover else "", sheets))
    return wanted
