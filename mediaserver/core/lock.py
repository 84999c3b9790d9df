"""One server for each data directory."""

from __future__ import annotations

import fcntl
import os
import pwd
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mediaserver.core.errors import Conflict
from mediaserver.core.places import lock_file


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold the lock of `data_dir` until the end; the system frees it even after kill -9.

    Raises Conflict while another process holds it, and where another user's server did.
    """
    path = lock_file(data_dir)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except PermissionError as error:
        raise Conflict(f"{data_dir} is kept by {_owner(path)}: run as that user, or give another --data-dir") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"another server runs on {data_dir}") from error
        yield
    finally:
        os.close(descriptor)


def _owner(path: Path) -> str:
    """In words. Raises OSError where it cannot be told."""
    number = (path if path.exists() else path.parent).stat().st_uid
    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user {number}"
