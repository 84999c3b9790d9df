"""The process that workers are forked from. It has imported what they need, so that one more is there in milliseconds.

It holds 40 MB for that, and the tracker that Python starts beside it 7: a server that nobody asks for anything ends
both. Python starts them by itself where a worker is wanted, and keeps to itself how they are ended; a test notices
where that changes. Source: multiprocessing/forkserver.py and resource_tracker.py of CPython 3.11 to 3.14.

A worker that reads from a disk that hangs may be beyond being killed until that disk answers (state D of the kernel).
Whoever ended and joined it would wait as long: so it is killed, waited for a moment, and left to the kernel.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext, ForkServerProcess

__all__ = ["context", "end", "start"]

log = logging.getLogger(__name__)

_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    # Without these, page faults cost an Opus segment 12 of 50 ms.
    "MALLOC_TRIM_THRESHOLD_": "268435456",
    "MALLOC_MMAP_THRESHOLD_": "268435456",
}
_KILLED_S = 1.0  # one that can be killed is gone in milliseconds, also with a gigabyte to give back


class _Worker(ForkServerProcess):
    """A process whose end is waited for with patience, and no longer."""

    _is_left = False

    def terminate(self) -> None:
        """Kill it and wait: a decoder in the midst of its work does not hear the politer signal."""
        self.kill()
        super().join(_KILLED_S)
        self._is_left = super().is_alive()

    def join(self, timeout: float | None = None) -> None:
        if not self._is_left:
            super().join(timeout)

    def is_alive(self) -> bool:
        """False also for one that was killed and is not gone yet: nothing but its end comes from it any more."""
        return not self._is_left and super().is_alive()


class _Context(ForkServerContext):
    Process = _Worker


def context(preload: Sequence[str]) -> ForkServerContext:
    """To start workers with, which find these modules imported. Starts nothing yet."""
    for key, value in _ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    made = _Context()
    made.set_forkserver_preload(list(preload))
    return made


def start() -> bool:
    """Have it there, and importing, before the first worker is wanted. Blocks for some milliseconds. True."""
    forkserver.ensure_running()
    return True


def end() -> bool:
    """End it and the tracker, and wait for them. False, and nothing done, while a process lives that came from it.

    It would be waited for as long as that one lives: one that reads from a disk that hangs cannot even be killed.
    """
    if multiprocessing.active_children():
        return False
    for keeper in (getattr(forkserver, "_forkserver", None), getattr(resource_tracker, "_resource_tracker", None)):
        stop = getattr(keeper, "_stop", None)
        if stop is None:
            log.debug("this Python does not tell how %r is ended", keeper)
        else:
            stop()
    return True
