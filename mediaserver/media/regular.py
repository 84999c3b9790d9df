"""Opens files of a music folder: regular ones alone, and without waiting for anybody."""

from __future__ import annotations

import errno
import os
import stat
from typing import BinaryIO

from mediaserver.core.passing import is_passing, passed

_PIECE_BYTES = 1 << 20


def opened(path: str) -> BinaryIO:
    """`path` for reading; links are followed.

    Raises OSError, also for a pipe, a socket and a device: opening a pipe waits for its writer for ever.
    """
    opened_as = descriptor(path)
    try:
        # By name: mutagen looks at what the file is called.
        return open(path, "rb", opener=lambda _path, _flags: opened_as)
    except BaseException:
        os.close(opened_as)
        raise


def descriptor(path: str) -> int:
    """As `opened`, for who reads at places of its own; who has it closes it."""
    found = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(found).st_mode):
        return found
    os.close(found)
    raise OSError(errno.EINVAL, "not a regular file", path)


def must_be_to_blame(path: str, error: Exception) -> None:
    """Raises where `error`, met in reading `path`, tells nothing of the file: Unavailable, and MemoryError.

    FFmpeg calls it an error of input and output too where a file ends early: the file is read whole then, to see.
    """
    if isinstance(error, MemoryError):
        raise MemoryError from error
    if not is_passing(error):
        return
    if isinstance(error, OSError) and error.errno == errno.EIO:
        try:
            with opened(path) as file:
                while file.read(_PIECE_BYTES):
                    pass
        except OSError as its:
            if not is_passing(its):
                return
        else:
            return
    raise passed(error) from error
