"""The original file: its recipe, its name in an address, its media type."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePath

from mediaserver.media.kinds import KINDS
from mediaserver.streaming.ladder import RANK_ORIGINAL, Recipe

FAMILY = "original"


def recipe(size_bytes: int, mtime_ns: int) -> Recipe:
    """`original.90.VERSION`: a retag changes the file and not the sound."""
    version = hashlib.sha256(f"{size_bytes}/{mtime_ns}".encode()).hexdigest()[:12]
    return Recipe(FAMILY, RANK_ORIGINAL, version)


def file_name(path: str) -> str:
    """A name for the address: the file's own, of letters, digits, dot, dash and underscore alone."""
    name = PurePath(path)
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", name.stem).strip("-")[:60] or "track"
    suffix = re.sub(r"[^a-z0-9]", "", name.suffix.lower())[:8]
    return f"{stem}.{suffix}" if suffix else stem


def media_type_of(path: str) -> str:
    """By the file's extension, which was proved to be audio when it was scanned."""
    kind = KINDS.get(PurePath(path).suffix.lower())
    return kind.media_type if kind is not None else "application/octet-stream"
