"""The process that workers are forked from. It has imported what they need, so that one more is there in milliseconds.

It holds 40 MB for that, and the tracker that Python starts beside it 7: a server that nobody asks for anything ends
both. Python starts them by itself where a worker is wanted, and keeps to itself how they are ended; a test notices
where that changes. Source: multiprocessing/forkserver.py and resource_tracker.py of CPython 3.11 to 3.14.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Sequence
from multiprocessing import forkserver, resource_tracker
from multiprocessing.context import ForkServerContext

__all__ = ["context", "end", "start"]

log = logging.getLogger(__name__)

_ENVIRONMENT = {
    "OPENBLAS_NUM_THREADS": "1",
    # Without these, page faults cost an Opus segment 12 of 50 ms.
    "MALLOC_TRIM_THRESHOLD_": "268435456",
    "MALLOC_MMAP_THRESHOLD_": "268435456",
}


def context(preload: Sequence[str]) -> ForkServerContext:
    """To start workers with, which find these modules imported. Starts nothing yet."""
    for key, value in _ENVIRONMENT.items():
        os.environ.setdefault(key, value)
    made = multiprocessing.get_context("forkserver")
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
