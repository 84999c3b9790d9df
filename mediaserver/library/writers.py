"""Whether somebody is writing a file right now."""

from __future__ import annotations

import errno
import signal
import sys
import time
from typing import BinaryIO

_FORGOTTEN_S = 60.0  # some programs keep files open for ever: who has not written for so long is no writer


def is_written(file: BinaryIO, mtime_ns: int) -> bool:
    """Whether another process has this file open for writing and wrote to it (`mtime_ns`) within the last minute.

    False also where that is not to be found out: the system tells only the owner of a file, and only Linux does.
    Source: fcntl(2), "Leases": a read lease is refused with EAGAIN while the file is open for writing.
    """
    if sys.platform != "linux" or time.time() - mtime_ns / 1e9 > _FORGOTTEN_S:
        return False
    import fcntl

    try:
        # Should somebody open it for writing within this moment, the kernel sends a signal that would end us.
        signal.signal(signal.SIGIO, signal.SIG_IGN)
        fcntl.fcntl(file.fileno(), fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except ValueError:  # not the main thread
        return False
    except OSError as error:
        return error.errno == errno.EAGAIN
    fcntl.fcntl(file.fileno(), fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
