"""What lies in a root folder: audio files, the covers beside them, and what cannot be taken. Reads no file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mediaserver.library.report import Problem
from mediaserver.media.pictures import folder_cover

AUDIO_SUFFIXES = frozenset(
    (
        *(".mp3", ".mp2", ".flac", ".ogg", ".oga", ".opus", ".m4a", ".m4b", ".mp4", ".aac", ".adts", ".wav", ".wave"),
        *(".aif", ".aiff", ".aifc", ".wma", ".asf", ".ape", ".wv", ".mpc", ".mp+", ".dsf", ".tta"),
    )
)
_IGNORE_MARK = ".nomedia"
_DEEPEST = 100
_TELL_EVERY = 200


@dataclass(slots=True)
class Walked:
    files: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Path relative to the root -> (size in bytes, mtime in ns)."""
    covers: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    """Folder -> (path, size in bytes, mtime in ns) of its cover."""
    problems: list[Problem] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)
    """Folders, relative, that could not be looked into: nothing below them is known to be gone."""


def walk(root: str, progress: Callable[[int], None] = lambda count: None) -> Walked:
    """Walk `root` (absolute), following links once. Raises OSError where the root itself cannot be listed."""
    walked = Walked()
    top = Path(root).stat()
    seen = {(top.st_dev, top.st_ino)}
    _folder(root, "", walked, seen, progress, 0)
    return walked


def _folder(
    root: str,
    folder: str,
    walked: Walked,
    seen: set[tuple[int, int]],
    progress: Callable[[int], None],
    depth: int,
) -> None:
    try:
        with os.scandir(os.path.join(root, folder)) as listing:  # noqa: PTH118 (hot: one call a folder)
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        if not folder:
            raise
        walked.unseen.append(folder)
        walked.problems.append(Problem(folder, "unreadable", error.strerror or "not to be listed"))
        return
    if any(entry.name == _IGNORE_MARK for entry in entries):
        return
    names: dict[str, os.stat_result] = {}
    subfolders: list[str] = []
    has_audio = False
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = f"{folder}/{entry.name}" if folder else entry.name
        if not _is_utf8(path):
            walked.problems.append(Problem(_shown(path), "name-not-utf8", "the name is not UTF-8: rename it"))
            continue
        suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 (hot: one call a file)
        try:
            status = entry.stat()
        except OSError as error:
            _stat_failed(path, entry, suffix, error, walked)
            continue
        if stat.S_ISDIR(status.st_mode):
            if (status.st_dev, status.st_ino) in seen:
                walked.problems.append(Problem(path, "symlink-loop", "this folder was reached another way already"))
            elif depth < _DEEPEST:
                seen.add((status.st_dev, status.st_ino))
                subfolders.append(path)
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
                progress(len(walked.files))
    cover = folder_cover(name for name, status in names.items() if stat.S_ISREG(status.st_mode)) if has_audio else None
    if cover is not None:
        status = names[cover]
        walked.covers[folder] = (f"{folder}/{cover}" if folder else cover, status.st_size, status.st_mtime_ns)
    for path in subfolders:
        _folder(root, path, walked, seen, progress, depth + 1)


def _stat_failed(path: str, entry: os.DirEntry[str], suffix: str, error: OSError, walked: Walked) -> None:
    if entry.is_symlink() and error.errno in (2, 40):  # ENOENT, ELOOP
        if suffix in AUDIO_SUFFIXES or error.errno == 40:
            reason = "symlink-loop" if error.errno == 40 else "unreadable"
            walked.problems.append(Problem(path, reason, "a link that leads nowhere"))  # type: ignore[arg-type]
        return
    walked.unseen.append(path)
    walked.problems.append(Problem(path, "unreadable", error.strerror or "not to be looked at"))


def _is_utf8(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _shown(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")
