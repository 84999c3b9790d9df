"""Time enters here, so that tests need neither sleeping nor patching."""

from __future__ import annotations

import time
import uuid
from functools import cache
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    def now_ms(self) -> int:
        """Milliseconds since 1970 (UTC); may jump when the machine's clock is set."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never go backwards, also those in which the machine slept; only differences mean something."""
        ...

    def run(self) -> str:
        """In which run of which machine: where it is the same, `monotonic_s` of two processes is one clock."""
        ...


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        # That of Linux's CLOCK_MONOTONIC stands still while the machine sleeps.
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    def run(self) -> str:
        return _run()


@cache
def _run() -> str:
    """Where the system does not tell, this process has a clock of its own."""
    try:
        # Containers may have a clock of their own.
        own = Path("/proc/self/ns/time").readlink()
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {own}"
    except OSError:
        return str(uuid.uuid4())
