"""Which cue sheet holds for an audio file, and what it makes of it: several tracks of one. Runs in worker processes.

A sheet that lies beside the file goes before one in its tags, for it is the one that people see and mend, and that
before FLAC's own block, which has no titles. What a sheet does not say, the file's tags do.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mediaserver.core.errors import Damaged
from mediaserver.core.passing import is_passing
from mediaserver.library.report import Problem
from mediaserver.library.walk import Sheets
from mediaserver.media import cuesheet, regular
from mediaserver.media.cuesheet import Section, Sheet, SheetTrack
from mediaserver.media.cuts import Cut
from mediaserver.media.digest import short
from mediaserver.media.raw import RawTags

_OF_THE_FILE = ("title", "tracknumber", "artists", "replaygain_track_gain", "replaygain_track_peak", "r128_track_gain")
"""What tags say of the whole file, and of none of its tracks."""


class Unsettled(Exception):
    """A sheet is not what the walk saw: nothing can be said of the files beside it now."""


class Unread(Exception):
    """A sheet cannot be read now, and it is told: the files beside it stay as they are until it can."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One track of a file."""

    number: int
    cut: Cut
    raw: RawTags
    """As if the track were a file of its own."""


class Beside:
    """The sheets beside the files of one batch, each read once."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._read: dict[str, Sheet | None] = {}
        self._unread: set[str] = set()
        self.problems: list[Problem] = []
        """Of the sheets themselves, each told once."""

    def pieces(self, path: str, raw: RawTags, sheets: Sheets, tell: Problem) -> tuple[list[Piece], list[Problem]]:
        """The tracks of the file at `path`, none where it is one track; and what is wrong with sheets that are of it.

        `tell` is filled in for what stands in the file itself. Raises Unsettled and Unread.
        """
        problems: list[Problem] = []
        for problem, sheet, section in self._of(path, raw, sheets, tell, problems):
            try:
                pieces = _cut(raw, sheet, section)
            except Damaged as error:
                problems.append(replace(problem, detail=str(error)))
                continue
            if pieces:
                return pieces, problems
        return [], problems

    def _of(
        self, path: str, raw: RawTags, sheets: Sheets, tell: Problem, problems: list[Problem]
    ) -> Iterator[tuple[Problem, Sheet, Section]]:
        """The sheets of this file, the one that holds first, each with what would be told of it."""
        name = path.rpartition("/")[2]
        fitting = []
        for n, (sheet_path, size, mtime) in enumerate(sheets.files):
            beside = self._sheet(sheet_path, size, mtime)
            found = cuesheet.fit(beside, sheet_path.rpartition("/")[2], name) if beside is not None else None
            if beside is not None and found is not None:
                told = Problem(sheet_path, "bad-sheet", "", size, mtime)
                fitting.append((-found[0], n, (told, beside, found[1])))
        yield from (one for _, _, one in sorted(fitting, key=lambda one: one[:2]))
        if raw.sheet:
            try:
                within = cuesheet.parsed(raw.sheet.encode("utf-8", "replace"))
                if len(within.sections) > 1:
                    raise Damaged("the sheet in its tags is of several files")
                yield tell, within, within.sections[0]
            except Damaged as error:
                problems.append(replace(tell, detail=str(error)))
        if raw.marks:
            marked = Section(name, [SheetTrack(number, start) for number, start in raw.marks], raw.rate_hz)
            yield tell, Sheet(), marked

    def _sheet(self, path: str, size: int, mtime: int) -> Sheet | None:
        if path not in self._read:
            self._read[path] = None  # as of what is no sheet
            try:
                self._read[path] = cuesheet.parsed(self._bytes(path, size, mtime))
            except Unsettled:
                del self._read[path]
                raise
            except Damaged as error:
                self.problems.append(Problem(path, "bad-sheet", str(error), size, mtime))
            except OSError as error:
                self.problems.append(Problem(path, "unreadable", error.strerror or "not to be read", size, mtime))
                if is_passing(error):
                    self._unread.add(path)
        if path in self._unread:
            raise Unread
        return self._read[path]

    def _bytes(self, path: str, size: int, mtime: int) -> bytes:
        try:
            with regular.opened(f"{self._root}/{path}") as file:
                data = file.read(cuesheet.MOST_BYTES + 1)
                status = os.fstat(file.fileno())
        except FileNotFoundError as error:
            raise Unsettled from error
        if (status.st_size, status.st_mtime_ns) != (size, mtime):
            raise Unsettled
        return data


def identity(of_file: str, number: int) -> str:
    """Of a track of the file with this identity: it stays when the file moves and when its sheet is mended."""
    return short(hashlib.sha256(f"{of_file}/{number}".encode()).digest())


def _cut(raw: RawTags, sheet: Sheet, section: Section) -> list[Piece]:
    """None for what is one track anyway, as the files of a sheet over one file each. Raises Damaged.

    The first track begins where the file does: what lies before its INDEX 01 would be heard nowhere else.
    """
    if len(section.tracks) < 2 or raw.rate_hz < cuesheet.FRAMES_PER_SECOND:
        return []
    cuesheet.must_be_in_order(section)
    starts = [(one.start or 0) * raw.rate_hz // section.per_second for one in section.tracks]
    end = round(raw.duration_s * raw.rate_hz)
    beyond = next((one.number for one, at in zip(section.tracks, starts, strict=True) if at >= end), None)
    if beyond is not None:
        raise Damaged(f"track {beyond} begins beyond the end of the file")
    starts[0] = 0
    stops = [*starts[1:], None]
    return [
        Piece(one.number, Cut(start, stop, raw.rate_hz), _retagged(raw, sheet, one, (stop or end) - start))
        for one, start, stop in zip(section.tracks, starts, stops, strict=True)
    ]


def _retagged(raw: RawTags, sheet: Sheet, track: SheetTrack, count: int) -> RawTags:
    """The tags of a track of `count` samples."""
    values = {name: found for name, found in raw.values.items() if name not in _OF_THE_FILE}
    said = {name: value for name, value in sheet.tags.items() if name not in (*_OF_THE_FILE, "artist")}
    said |= track.tags | {"tracknumber": str(track.number)}
    if "title" in sheet.tags:
        said["album"] = sheet.tags["title"]
    elif "album" not in values and raw.values.get("title"):
        said["album"] = raw.values["title"][0]
    performer = sheet.tags.get("artist")
    if performer is not None:
        values.pop("albumartists", None)
        said["albumartist"] = performer
    elif "albumartist" not in values and "albumartists" not in values and raw.values.get("artist"):
        values["albumartist"] = raw.values["artist"]
    if "artist" not in track.tags and performer is not None:
        said["artist"] = performer
    values |= {name: [value] for name, value in said.items()}
    return replace(raw, values=values, duration_s=count / raw.rate_hz)
