"""Reads audio files, in worker processes: a hostile file may crash or hang one and harms nobody else."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec

from mediaserver.catalog.incoming import FolderPicture, ReadFile
from mediaserver.core.errors import Damaged, Unavailable
from mediaserver.library import sheets, writers
from mediaserver.library.report import Problem
from mediaserver.library.sheets import Beside, Piece, Unread, Unsettled
from mediaserver.library.walk import NO_SHEETS, Sheets
from mediaserver.media import pictures, regular, tags
from mediaserver.media.cuts import Cut, track_path
from mediaserver.media.digest import audio_span, identity
from mediaserver.media.facts import PictureFacts, TrackFacts, facts_of
from mediaserver.media.lengths import added_s
from mediaserver.media.raw import RawTags
from mediaserver.media.wholeness import share_left

VERSION = 4
"""Raised whenever other facts would be read of the same files: the next scan reads those again that an older one read.
1: as at first. 2: lengths without what encoders add. 3: gains.
4: cue sheets."""
_CONTAINERS = {
    "mp3": {".mp3", ".mp2"},
    "flac": {".flac"},
    "ogg": {".ogg", ".oga", ".opus"},
    "mp4": {".m4a", ".m4b", ".mp4", ".aac"},
    "wav": {".wav", ".wave"},
    "aiff": {".aif", ".aiff", ".aifc"},
    "asf": {".wma", ".asf"},
    "ape": {".ape"},
    "wavpack": {".wv"},
    "musepack": {".mpc", ".mp+"},
    "dsf": {".dsf"},
    "dff": {".dff"},
    "matroska": {".mka", ".mkv", ".webm"},
    "aac": {".aac", ".adts"},
    "tta": {".tta"},
}


@dataclass(frozen=True, slots=True)
class ToRead:
    path: str
    """Relative to the root."""
    size_bytes: int
    mtime_ns: int
    cover: str
    """Path of the picture beside it, relative to the root; "" for none."""
    sheets: Sheets = NO_SHEETS
    """In its folder."""


@dataclass(frozen=True, slots=True)
class Read:
    files: list[ReadFile]
    """Of a file that a cue sheet cuts, all its tracks, one after the other."""
    problems: list[Problem]
    unsettled: list[str]
    """Paths of files that somebody is writing: nothing is said of them."""


_DECODER = msgspec.msgpack.Decoder(Read)


def read_packed(root: str, batch: Sequence[ToRead]) -> bytes:
    """`read_files` for a worker: packed by msgspec, which costs a third of what pickling dataclasses does."""
    return msgspec.msgpack.encode(read_files(root, batch))


def unpacked(packed: bytes) -> Read:
    """What `read_packed` gave."""
    return _DECODER.decode(packed)


def read_files(root: str, batch: Sequence[ToRead]) -> Read:
    """Everything that the catalogue wants of these files. A bad file is a problem, never an exception.

    A file that somebody is writing, or that is not what the walk saw any more, is left out as unsettled.
    """
    result = Read([], [], [])
    covers: dict[str, FolderPicture | None] = {}
    beside = Beside(root)
    for one in batch:
        path = f"{root}/{one.path}"  # joined and split by hand: pathlib takes a twentieth of all the time here
        try:
            with regular.opened(path) as file:
                if writers.is_written(file, one.mtime_ns):
                    result.unsettled.append(one.path)
                    continue
                tracks, problems = _read(one, file, beside)
        except Unsettled:
            result.unsettled.append(one.path)
            continue
        except Unread:
            continue
        except Damaged as error:
            tracks, problems = [], [_problem(one, "not-audio" if "not audio" in str(error) else "damaged", str(error))]
        except OSError as error:
            if error.errno == errno.ENOENT:  # gone meanwhile is no problem: the next scan sees to it
                continue
            tracks, problems = [], [_problem(one, "unreadable", error.strerror or "not to be read")]
        except MemoryError:
            tracks, problems = [], [_problem(one, "unreadable", "there is not enough memory")]
        except Exception:  # the boundary: what nobody foresaw of a hostile file is told of this file alone
            tracks, problems = [], [_problem(one, "damaged", "its structure is broken")]
        if not _is_as_seen(path, one):
            result.unsettled.append(one.path)
            continue
        result.problems.extend(problems)
        if not tracks:
            continue
        if one.cover not in covers:
            covers[one.cover] = _folder_picture(root, one.cover) if one.cover else None
        for path, facts, cut in tracks:
            looked = (path, one.size_bytes, one.mtime_ns)
            result.files.append(ReadFile(*looked, facts, covers[one.cover], VERSION, one.sheets.look, cut))
    result.problems.extend(beside.problems)
    return result


def _read(
    one: ToRead, file: BinaryIO, beside: Beside
) -> tuple[list[tuple[str, TrackFacts, Cut | None]], list[Problem]]:
    """Its tracks, each with its path, and what is told of the file all the same.

    Raises Damaged, OSError, Unsettled and Unread.
    """
    raw = tags.read(file)
    if raw.duration_s <= 0:
        raise Damaged("it has no sound")
    share = share_left(file, raw)
    declared_s = raw.duration_s
    if share is not None:
        raw.duration_s *= share
        if raw.container == "flac":
            raw.bitrate_bps = 0  # it was reckoned over the declared length
    if not raw.bitrate_bps and raw.duration_s > 0:
        start, end = audio_span(file, raw)
        raw.bitrate_bps = round(max(0, end - start) * 8 / raw.duration_s)
    cover = pictures.embedded_cover(raw.pictures)
    known_by = identity(file, raw)  # by the declared length, as ever
    if share is None:
        raw.duration_s -= added_s(file, raw)
    picture = pictures.facts_of(cover) if cover is not None else None
    pieces, problems = beside.pieces(one.path, raw, one.sheets, _problem(one, "bad-sheet", ""))
    note = _note(one, raw, share, declared_s)
    told = [*problems, note] if note is not None else problems
    if pieces:
        return [
            (track_path(one.path, piece.number), _facts_of(piece, known_by, picture), piece.cut) for piece in pieces
        ], told
    name = one.path.rpartition("/")[2]
    return [(one.path, facts_of(raw, file_name=name, identity=known_by, picture=picture), None)], told


def _facts_of(piece: Piece, known_by: str, picture: PictureFacts | None) -> TrackFacts:
    own = sheets.identity(known_by, piece.number)
    return facts_of(piece.raw, file_name=f"Track {piece.number:02d}", identity=own, picture=picture)


def _is_as_seen(path: str, one: ToRead) -> bool:
    """Whether the file still is what the walk saw: else what was read may be half of one and half of another."""
    try:
        status = os.stat(path)  # noqa: PTH116 (hot)
    except OSError:
        return True  # what befell it is told already
    return (status.st_size, status.st_mtime_ns) == (one.size_bytes, one.mtime_ns)


def _note(one: ToRead, raw: RawTags, share: float | None, declared_s: float) -> Problem | None:
    """What is told of a file that is taken all the same."""
    suffix = "." + one.path.rpartition(".")[2].lower()
    if suffix not in _CONTAINERS.get(raw.container, {suffix}):
        return _problem(one, "wrong-extension", f"it is called {suffix} and holds {raw.container}")
    if share is not None:
        missing = f": {declared_s * (1 - share):.1f} s of {declared_s:.1f} s are missing" if share < 1 else ""
        return _problem(one, "truncated", f"the file ends before its sound does{missing}")
    return None


def _problem(one: ToRead, reason: str, detail: str) -> Problem:
    return Problem(one.path, reason, detail, one.size_bytes, one.mtime_ns)  # type: ignore[arg-type]


def _folder_picture(root: str, cover: str) -> FolderPicture | None:
    try:
        facts = pictures.facts_of(pictures.read(str(Path(root, cover)), is_embedded=False))
    except (Damaged, Unavailable):
        return None
    return FolderPicture(cover, facts) if facts is not None else None
