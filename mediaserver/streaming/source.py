"""Of what a segment is made."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """Where the packets of a sound are read, and the look of its file by which a change is noticed."""

    path: str
    packed: bytes
    file: str
    size_bytes: int
    mtime_ns: int
