"""How a scan stands, while it runs and as it is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mediaserver.core.errors import MediaServerError
from mediaserver.library.report import Scan

Phase = Literal["idle", "looking", "reading", "finishing"]


class RootAway(MediaServerError):
    """A root is empty, gone or not to be listed: its tracks are left as they are."""


def emptied(root: Path) -> str:
    """What is said of a root that has lost everything at once."""
    return f"{root} is empty, though it had music: is the disk mounted? Its tracks are left as they are"


def not_listed(root: Path, error: OSError) -> str:
    return f"{root} cannot be listed ({error.strerror}): its tracks are left as they are"


def silent(root: Path) -> str:
    return f"the disk of {root} does not answer: its tracks are left as they are"


def left(root: Path) -> str:
    """What is said of a root that went while it was read."""
    return f"{root} went away while it was looked at: what was read is kept, all else is left as it was"


@dataclass(slots=True)
class Progress:
    phase: Phase = "idle"
    files_seen: int = 0
    files_read: int = 0
    files_to_read: int = 0
    added: int = 0
    changed: int = 0
    missing: int = 0
    problems: int = 0
    started_at_ms: int | None = None
    finished_at_ms: int | None = None
    reading_since_s: float = 0.0
    messages: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ScanStatus:
    state: Literal["idle", "scanning"]
    phase: str
    files_seen: int
    files_read: int
    files_to_read: int
    added: int
    changed: int
    missing: int
    problems: int
    files_per_s: float
    remaining_ms: int | None
    started_at_ms: int | None
    finished_at_ms: int | None
    message: str
    last: Scan | None


def status_of(p: Progress, now_s: float, last: Scan | None, *, is_idle: bool) -> ScanStatus:
    """`now_s` is of the same clock as `reading_since_s`."""
    busy_s = now_s - p.reading_since_s
    rate = p.files_read / busy_s if p.phase == "reading" and busy_s > 0 else 0.0
    left = p.files_to_read - p.files_read
    return ScanStatus(
        state="idle" if is_idle else "scanning",
        phase=p.phase,
        files_seen=p.files_seen,
        files_read=p.files_read,
        files_to_read=p.files_to_read,
        added=p.added,
        changed=p.changed,
        missing=p.missing,
        problems=p.problems,
        files_per_s=round(rate, 1),
        remaining_ms=round(left / rate * 1000) if rate else None,
        started_at_ms=p.started_at_ms,
        finished_at_ms=p.finished_at_ms,
        message="; ".join(p.messages),
        last=last,
    )
