"""Cue sheets: text that says where the tracks of one long file begin, and what they are called. Pure.

Source: CDRWIN's user guide, appendix A, and what rippers write. A track begins at its INDEX 01: what a sheet calls the
pregap (from INDEX 00) is heard at the end of the track before, as on a CD player. Silence that a sheet only asks for
(PREGAP, POSTGAP) is in no file and is left out.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import PurePosixPath

from mediaserver.core.errors import Damaged

MOST_BYTES = 1 << 20
MOST_TRACKS = 999
FRAMES_PER_SECOND = 75
_TRACK = re.compile(r"0*(\d{1,4})\s+(\w+(?:/\w+)?)", re.ASCII)
_INDEX = re.compile(r"0*(\d{1,2})\s+(\d{1,5}):(\d{1,2}):(\d{1,2})", re.ASCII)
_ABSOLUTE = re.compile(r"(?:[A-Za-z]:)?/")
_WORDS = {"title": "title", "performer": "artist"}
_REMARKS = {
    "genre": "genre",
    "date": "date",
    "discnumber": "discnumber",
    "replaygain_album_gain": "replaygain_album_gain",
    "replaygain_album_peak": "replaygain_album_peak",
    "replaygain_track_gain": "replaygain_track_gain",
    "replaygain_track_peak": "replaygain_track_peak",
}
_BOMS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(slots=True)
class SheetTrack:
    number: int
    start: int | None = None
    """Of INDEX 01, in units of the section; None until it is told."""
    tags: dict[str, str] = field(default_factory=dict)
    """title, artist, genre, date and gains, as `raw.RawTags` names them."""


@dataclass(slots=True)
class Section:
    """The tracks of one file, in their order."""

    file: str
    """As the sheet writes it."""
    tracks: list[SheetTrack] = field(default_factory=list)
    per_second: int = FRAMES_PER_SECOND


@dataclass(slots=True)
class Sheet:
    tags: dict[str, str] = field(default_factory=dict)
    """Of the album: title, artist, genre, date, discnumber and gains."""
    sections: list[Section] = field(default_factory=list)


def parsed(data: bytes) -> Sheet:
    """What a sheet says. Raises Damaged, with the reason, for what is none."""
    if len(data) > MOST_BYTES:
        raise Damaged("it is larger than any cue sheet")
    sheet = Sheet()
    track: SheetTrack | None = None
    for number, line in enumerate(_text(data).splitlines(), 1):
        word, rest = (*line.strip().split(None, 1), "", "")[:2]
        command = word.upper()
        if command == "FILE":
            sheet.sections.append(Section(_file_name(rest)))
        elif command == "TRACK":
            _must_begin(track)
            track = _track(sheet, rest, number)
        elif command == "INDEX":
            _index(sheet, track, rest, number)
        else:
            _tag(sheet.tags if track is None else track.tags, command, rest)
    _must_begin(track)
    if not any(section.tracks for section in sheet.sections):
        raise Damaged("there is no FILE with a TRACK in it")
    for section in sheet.sections:
        must_be_in_order(section)
    return sheet


def must_be_in_order(section: Section) -> None:
    """Raises Damaged where its tracks cannot be those of one file."""
    if len(section.tracks) > MOST_TRACKS:
        raise Damaged(f"it has more than {MOST_TRACKS} tracks")
    for one, other in pairwise(section.tracks):
        if one.number >= other.number:
            raise Damaged(f"track {other.number} comes after track {one.number}")
        if (one.start or 0) >= (other.start or 0):
            raise Damaged(f"track {other.number} begins no later than track {one.number}")


def fit(sheet: Sheet, sheet_name: str, file_name: str) -> tuple[int, Section] | None:
    """The section that is of this file, and how well its name fits: 3 exactly, 2 but for its suffix, 1 where the sheet
    names one file alone and is called like this one. Names are compared without regard to case; a section that names
    another folder fits no file.
    """
    found: tuple[int, Section] | None = None
    for section in sheet.sections:
        name = _bare(section.file)
        rank = 3 if _same(name, file_name) else 2 if name and _same(_stem(name), _stem(file_name)) else 0
        if rank > (found[0] if found is not None else 0):
            found = rank, section
    own = _stem(sheet_name)
    if found is None and len(sheet.sections) == 1 and (_same(own, _stem(file_name)) or _same(own, file_name)):
        return 1, sheet.sections[0]
    return found


def _text(data: bytes) -> str:
    """UTF-8 or UTF-16 by its mark, else UTF-8, else what Windows wrote in the west."""
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _without_nul(data.decode(encoding, "replace"))
    try:
        return _without_nul(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    try:
        return _without_nul(data.decode("cp1252"))
    except UnicodeDecodeError:
        return _without_nul(data.decode("latin-1"))


def _without_nul(text: str) -> str:
    if "\0" in text.rstrip("\0"):
        raise Damaged("it is not text")
    return text.rstrip("\0")


def _track(sheet: Sheet, rest: str, line: int) -> SheetTrack:
    match = _TRACK.fullmatch(rest)
    if match is None or not 0 < int(match[1]) <= MOST_TRACKS:
        raise Damaged(f"line {line}: no track has such a number")
    if not sheet.sections:
        raise Damaged(f"line {line}: a track without a file")
    track = SheetTrack(int(match[1]))
    if match[2].upper() != "AUDIO":  # data, of which nothing is heard
        track.number = 0
    return track


def _must_begin(track: SheetTrack | None) -> None:
    if track is not None and track.number and track.start is None:
        raise Damaged(f"track {track.number} has no INDEX 01")


def _index(sheet: Sheet, track: SheetTrack | None, rest: str, line: int) -> None:
    match = _INDEX.fullmatch(rest)
    if track is None or match is None or int(match[3]) >= 60 or int(match[4]) >= FRAMES_PER_SECOND:
        raise Damaged(f"line {line}: no index is like this")
    if int(match[1]) == 1 and track.number:
        if track.start is not None:
            raise Damaged(f"line {line}: the track begins twice")
        track.start = (int(match[2]) * 60 + int(match[3])) * FRAMES_PER_SECOND + int(match[4])
        section = sheet.sections[-1]  # the gap before a track may lie in the file before
        section.tracks.append(track)


def _tag(tags: dict[str, str], command: str, rest: str) -> None:
    name = _WORDS.get(command.lower())
    if command == "REM":
        key, _, rest = rest.partition(" ")
        name = _REMARKS.get(key.lower())
    value = rest.strip().removeprefix('"').removesuffix('"').strip()
    if name is not None and value:
        tags.setdefault(name, value)


def _file_name(rest: str) -> str:
    """Without the word for its kind, which may be anything: WAVE is written for all."""
    if rest.startswith('"'):
        return rest[1:].rpartition('"')[0] or rest[1:]
    name, _, kind = rest.rpartition(" ")
    return name.strip() if name and kind.isalnum() and kind.isupper() else rest


def _bare(name: str) -> str:
    """The file's own name; "" where it lies in another folder. Where the ripper's disk had it does not matter."""
    plain = name.replace("\\", "/").removeprefix("./")
    if _ABSOLUTE.match(plain):
        return plain.rpartition("/")[2]
    return "" if "/" in plain else plain


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _same(one: str, other: str) -> bool:
    """Disks write letters with marks in one way or the other."""
    return unicodedata.normalize("NFC", one).casefold() == unicodedata.normalize("NFC", other).casefold()
