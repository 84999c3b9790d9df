"""The original file: its recipe, its name in an address, its media type."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import PurePath
from typing import BinaryIO

from mediaserver.media import contents, regular
from mediaserver.media.kinds import KINDS
from mediaserver.streaming.ladder import RANK_ORIGINAL, Recipe

FAMILY = "original"


def recipe(size_bytes: int, mtime_ns: int) -> Recipe:
    """`original.90.VERSION`: a retag changes the file and not the sound."""
    version = hashlib.sha256(f"{size_bytes}/{mtime_ns}".encode()).hexdigest()[:12]
    return Recipe(FAMILY, RANK_ORIGINAL, version)


def look(path: str) -> tuple[int, int, str]:
    """Its size in bytes, its time in ns, and what it holds. Raises OSError."""
    with regular.opened(path) as file:
        status = os.fstat(file.fileno())
        return status.st_size, status.st_mtime_ns, held(file)


def held(file: BinaryIO) -> str:
    """What an open file holds by its first bytes, as `media.contents` calls it; "" where they do not tell."""
    return contents.kind_in(file)


def file_name(path: str, held: str) -> str:
    """A name for the address: the file's own, of letters, digits, dot, dash and underscore alone.

    `held` is what it holds: where its own suffix says something else, the right one stands there.
    """
    suffix = re.sub(r"[^a-z0-9]", "", _suffix(path, held))[:8]
    return f"{_stem(path)}.{suffix}" if suffix else _stem(path)


def may_be_named(path: str, name: str) -> bool:
    """Whether `name` is the file's but for its suffix, which only its contents tell."""
    return PurePath(name).stem == _stem(path) or name == _stem(path)


def media_type_of(path: str, held: str) -> str:
    """Of what it holds, which was proved to be audio when it was scanned."""
    kind = KINDS.get(_suffix(path, held))
    return kind.media_type if kind is not None else "application/octet-stream"


def _stem(path: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", PurePath(path).stem).strip("-")[:60] or "track"


def _suffix(path: str, held: str) -> str:
    """The file's own, in lower case, unless it holds something else."""
    own = PurePath(path).suffix.lower()
    container = "ogg" if held in ("opus", "vorbis", "oggflac") else held
    kind = KINDS.get(own)
    if not held or (
        kind is not None and container == kind.containers[0]
    ):  # an .aac may hold MP4, whose type is its own
        return own
    return next((suffix for suffix, kind in KINDS.items() if kind.containers == (container,)), own)
