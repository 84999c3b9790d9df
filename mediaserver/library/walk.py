"""What lies in a root folder: audio files, the covers beside them, and what cannot be taken. Reads no file."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mediaserver.library.report import Problem
from mediaserver.media.digest import short
from mediaserver.media.pictures import folder_cover

AUDIO_SUFFIXES = frozenset(
    (
        *(".mp3", ".mp2", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".m4b", ".mp4", ".aac", ".adts", ".wav", ".wave"),
        *(".aif", ".aiff", ".aifc", ".wma", ".asf", ".ape", ".wv", ".mpc", ".mp+", ".dsf", ".dff"),
        *(".tta", ".mka", ".mkv", ".webm"),
    )
)
SHEET_SUFFIX = ".cue"
IGNORE_MARK = ".nomedia"
DEEPEST = 100
_TELL_EVERY = 200
_MOST_SHEETS = 1000  # of one folder: each is read with every file beside it


@dataclass(frozen=True, slots=True)
class Sheets:
    """The cue sheets of a folder; which of its files they are of shows only when they are read."""

    look: str
    """Another one whenever one of them comes, goes, or changes; "" without any."""
    files: tuple[tuple[str, int, int], ...]
    """Path, size in bytes and mtime in ns of each."""


NO_SHEETS = Sheets("", ())


@dataclass(slots=True)
class Walked:
    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Path relative to the root -> (size in bytes, mtime in ns)."""
    covers: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    """Folder -> (path, size in bytes, mtime in ns) of its cover."""
    sheets: dict[str, Sheets] = field(default_factory=dict)
    """Of the folders that have some beside audio files."""
    problems: list[Problem] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    """Folders, relative, that could not be looked into: nothing below them is known to be gone."""
    left_out: set[str] = field(default_factory=set)
    """Folders that are there and were not wanted: nothing is said of what is in them."""


class WalkStopped(Exception):
    """The walk was told to stop."""


class RootEmpty(OSError):
    """There is nothing in the root, as where a disk is not mounted."""


def walk(
    root: str, progress: Callable[[int], None] = lambda count: None, is_stopped: Callable[[], bool] = lambda: False
) -> Walked:
    """Walk `root` (absolute), following links once. Raises OSError where the root itself cannot be listed, and
    WalkStopped within a folder of `is_stopped()` turning true.
    """
    one = _Walk(root, progress, is_stopped)
    one.folder("", 0, is_deep=True)
    return one.walked


def look(root: str, folders: Mapping[str, bool], is_stopped: Callable[[], bool] = lambda: False) -> Walked:
    """The same of some `folders` (relative; "" is the root) alone; those that are True with all that is below.

    A folder that is gone is left out of what is found. Raises OSError where the root cannot be listed and RootEmpty
    where it is empty: then nothing below it is known to be gone. `is_stopped` as for `walk`.
    """
    with os.scandir(root) as listing:
        if next(listing, None) is None:
            raise RootEmpty(errno.ENOENT, "it is empty")
    one = _Walk(root, is_stopped=is_stopped, is_partial=True)
    for folder in sorted(folders):
        if any(folders.get(parent) for parent in _parents(folder)):
            continue
        try:
            one.enter(folder)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR):
                one.cannot_see(folder, error)
            continue
        if not is_ignored(root, folder):
            one.folder(folder, folder.count("/") + bool(folder), is_deep=folders[folder])
    return one.walked


def glance(root: str, is_stopped: Callable[[], bool]) -> tuple[bytes, float, float]:
    """A digest of everything that a scan would see, and the seconds computed and taken. Raises as `walk` does."""
    began_s, computed_s = time.monotonic(), time.thread_time()
    walked = walk(root, is_stopped=is_stopped)
    digest = hashlib.blake2b(digest_size=16)
    for listed in (walked.files, walked.covers, walked.sheets, [problem.path for problem in walked.problems]):
        digest.update(repr(listed).encode("utf-8", "surrogateescape"))
    return digest.digest(), time.thread_time() - computed_s, time.monotonic() - began_s


def is_ignored(root: str, folder: str) -> bool:
    """Whether a folder above, or the folder's own name, says that nothing here is music."""
    if any(part.startswith(".") for part in folder.split("/")):
        return True
    return any(os.path.lexists(f"{root}/{parent}/{IGNORE_MARK}") for parent in _parents(folder))


def _parents(folder: str) -> list[str]:
    """Those above, the root ("") included, where `folder` is not the root itself."""
    parts = folder.split("/")
    return ["/".join(parts[:n]) for n in range(len(parts))] if folder else []


class _Walk:
    def __init__(
        self,
        root: str,
        progress: Callable[[int], None] = lambda count: None,
        is_stopped: Callable[[], bool] = lambda: False,
        *,
        is_partial: bool = False,
    ) -> None:
        self.walked = Walked()
        self._root, self._progress, self._is_stopped, self._is_partial = root, progress, is_stopped, is_partial
        self._real_root = os.path.realpath(root)
        top = Path(root).stat()
        self._seen = {(top.st_dev, top.st_ino)}

    def enter(self, folder: str) -> None:
        """Go down to `folder`, so that links to where it lies are seen as circles. Raises OSError."""
        for part in (*_parents(folder), folder):
            status = os.stat(os.path.join(self._root, part))  # noqa: PTH116, PTH118
            self._seen.add((status.st_dev, status.st_ino))

    def cannot_see(self, folder: str, error: OSError) -> None:
        self.walked.unseen.append(folder)
        self.walked.problems.append(Problem(folder, "unreadable", error.strerror or "not to be listed"))

    def folder(self, folder: str, depth: int, *, is_deep: bool) -> None:
        if self._is_stopped():
            raise WalkStopped
        try:
            with os.scandir(os.path.join(self._root, folder)) as listing:  # noqa: PTH118 (hot: one call a folder)
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            if not folder:
                raise
            self.cannot_see(folder, error)
            return
        if any(entry.name == IGNORE_MARK for entry in entries):
            return
        walked = self.walked
        names: dict[str, os.stat_result] = {}
        subfolders: list[str] = []
        has_audio = False
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = f"{folder}/{entry.name}" if folder else entry.name
            if not is_utf8(path):
                walked.problems.append(Problem(_shown(path), "name-not-utf8", "the name is not UTF-8: rename it"))
                continue
            suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 (hot: one call a file)
            try:
                status = entry.stat()
            except OSError as error:
                _stat_failed(path, entry, suffix, error, walked)
                continue
            if stat.S_ISDIR(status.st_mode):
                self._subfolder(path, entry, status, subfolders, depth, is_deep=is_deep)
                continue
            if suffix not in AUDIO_SUFFIXES:
                names[entry.name] = status
                continue
            if not stat.S_ISREG(status.st_mode):
                walked.problems.append(Problem(path, "not-a-file", "a pipe, socket or device"))
            elif status.st_size == 0:
                walked.problems.append(Problem(path, "empty", "the file has no bytes"))
            else:
                walked.files[path] = (status.st_size, status.st_mtime_ns)
                has_audio = True
                if len(walked.files) % _TELL_EVERY == 0:
                    self._progress(len(walked.files))
        regular = (name for name, status in names.items() if stat.S_ISREG(status.st_mode))
        cover = folder_cover(regular) if has_audio else None
        if cover is not None:
            status = names[cover]
            walked.covers[folder] = (f"{folder}/{cover}" if folder else cover, status.st_size, status.st_mtime_ns)
        sheets = _sheets(folder, names) if has_audio else NO_SHEETS
        if sheets.files:
            walked.sheets[folder] = sheets
        for path in subfolders:
            self.folder(path, depth + 1, is_deep=True)

    def _subfolder(
        self,
        path: str,
        entry: os.DirEntry[str],
        status: os.stat_result,
        subfolders: list[str],
        depth: int,
        *,
        is_deep: bool,
    ) -> None:
        if not is_deep:
            self.walked.left_out.add(path)
            return
        is_known = (status.st_dev, status.st_ino) in self._seen
        if self._is_partial and entry.is_symlink():  # where a whole walk would have come by, this one may not
            is_known |= os.path.realpath(entry.path).startswith(f"{self._real_root}/")
        if is_known:
            self.walked.problems.append(Problem(path, "symlink-loop", "this folder was reached another way already"))
        elif depth < DEEPEST:
            self._seen.add((status.st_dev, status.st_ino))
            subfolders.append(path)


def _sheets(folder: str, names: Mapping[str, os.stat_result]) -> Sheets:
    """`names` in their order."""
    own = [
        (name, status.st_size, status.st_mtime_ns)
        for name, status in names.items()
        if name.lower().endswith(SHEET_SUFFIX) and stat.S_ISREG(status.st_mode)
    ][:_MOST_SHEETS]
    if not own:
        return NO_SHEETS
    look = short(hashlib.sha256(repr(own).encode("utf-8")).digest())  # of names alone: folders move
    return Sheets(look, tuple((f"{folder}/{name}" if folder else name, size, mtime) for name, size, mtime in own))


def _stat_failed(path: str, entry: os.DirEntry[str], suffix: str, error: OSError, walked: Walked) -> None:
    if entry.is_symlink() and error.errno in (errno.ENOENT, errno.ELOOP):
        if suffix in AUDIO_SUFFIXES or error.errno == errno.ELOOP:
            reason = "symlink-loop" if error.errno == errno.ELOOP else "unreadable"
            walked.problems.append(Problem(path, reason, "a link that leads nowhere"))  # type: ignore[arg-type]
        return
    if error.errno == errno.ENOENT:  # it went away while its folder was read
        return
    walked.unseen.append(path)
    walked.problems.append(Problem(path, "unreadable", error.strerror or "not to be looked at"))


def is_utf8(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
