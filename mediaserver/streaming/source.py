"""Of what a segment is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mediaserver.streaming.timeline import Run


@dataclass(frozen=True, slots=True)
class Source:
    """Where the packets of a sound are read, and the look of its file by which a change is noticed."""

    path: str
    packed: bytes
    file: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Line:
    """Many sounds as one; of those alone that are needed for one segment."""

    rate_hz: int
    layout: str
    length_samples: int
    runs: tuple[Run, ...]
    sources: Mapping[int, Source]
    """By the numbers of the parts."""
