"""What workers do in place of a segment, in tests of what comes of it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from mediaserver.streaming import work


def crash(*_task: Any) -> tuple[bytes, str]:
    """As a decoder does that writes where it may not."""
    os.kill(os.getpid(), signal.SIGSEGV)
    return b"", ""


def be_killed(_source: Any, _rendition: Any, _n: int, target: str) -> tuple[bytes, str]:
    """As by a system without memory, in the middle of writing."""
    Path(target).parent.mkdir(parents=True, exist_ok=True)
    Path(f"{target}.{os.getpid()}.part").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
    return b"", ""


def be_killed_once(source: Any, rendition: Any, n: int, target: str) -> tuple[bytes, str]:
    """The same, and the second time a segment."""
    if not list(Path(target).parent.glob("*.part")):
        be_killed(source, rendition, n, target)
    return _segment_file(source, rendition, n, target)


def fail(*_task: Any) -> tuple[bytes, str]:
    """As a library does with what nobody foresaw."""
    raise ZeroDivisionError("nobody foresaw this")


_segment_file = work.segment_file
