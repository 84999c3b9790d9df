"""Failures of the system that pass: a disk, a network or memory gave out, and no file is to blame."""

from __future__ import annotations

import errno
import signal

from mediaserver.core.errors import Unavailable, WorkerFailed

_PASSING = frozenset((errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EMFILE, errno.ENFILE, errno.ENOMEM))


def is_passing(error: BaseException) -> bool:
    """Whether it may be over by the next time."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _PASSING)


def passed(error: BaseException) -> Unavailable:
    """What is said of it."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else "there is not enough memory"
    return Unavailable(f"the file cannot be read now: {words}", retry_after_s=10)


def was_killed(error: BaseException) -> bool:
    """Whether a worker was ended by SIGKILL: by a system that had no memory left, for nothing here does so at once."""
    exit_code = getattr(error.__cause__, "exitcode", None)
    return isinstance(error, WorkerFailed) and exit_code == -signal.SIGKILL
