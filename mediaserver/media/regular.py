"""Opens files of a music folder: regular ones alone, and without waiting for anybody."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO


def opened(path: str) -> BinaryIO:
    """`path` for reading; links are followed.

    Raises OSError, also for a pipe, a socket and a device: opening a pipe waits for its writer for ever.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", path)
        # By name: mutagen looks at what the file is called.
        return open(path, "rb", opener=lambda _path, _flags: descriptor)
    except BaseException:
        os.close(descriptor)
        raise
