"""The original file: its recipe, its name in an address, its media type."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePath

from mediaserver.streaming.ladder import RANK_ORIGINAL, Recipe

FAMILY = "original"
_TYPES = {
    ".mp3": "audio/mpeg",
    ".mp2": "audio/mpeg",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".m4b": "audio/mp4",
    ".mp4": "audio/mp4",
    ".wav": "audio/wav",
    ".wave": "audio/wav",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".aac": "audio/aac",
    ".adts": "audio/aac",
    ".wma": "audio/x-ms-wma",
    ".ape": "audio/x-ape",
    ".wv": "audio/x-wavpack",
    ".mpc": "audio/x-musepack",
    ".dsf": "audio/x-dsf",
    ".tta": "audio/x-tta",
}


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
    return _TYPES.get(PurePath(path).suffix.lower(), "application/octet-stream")
