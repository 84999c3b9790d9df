"""What a process, and all that it has started, takes of the machine."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    processes: int
    pss_mb: float
    """Memory, of what several share a part each."""
    computed_s: float
    written_bytes: int
    wakeups: int
    """How often a thread that had waited went on. These three are since each process began."""


def usage(pid: int, *, is_whole: bool = True) -> Usage:
    """Of the process, `is_whole` with all that it has started and that is still there."""
    own = psutil.Process(pid)
    found = [own, *(own.children(recursive=True) if is_whole else ())]
    pss = computed = written = wakeups = 0.0
    for process in found:
        with suppress(psutil.NoSuchProcess), process.oneshot():
            pss += process.memory_full_info().pss
            times = process.cpu_times()
            computed += times.user + times.system
            written += process.io_counters().write_bytes
            wakeups += process.num_ctx_switches().voluntary
    return Usage(len(found), pss / (1 << 20), computed, int(written), int(wakeups))
