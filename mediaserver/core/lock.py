"""One server for each data directory."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mediaserver.core.errors import Conflict


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold `data_dir/lock` until the end; the system frees it even after kill -9.

    Raises Conflict while another process holds it.
    """
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict(f"another server runs on {data_dir}") from error
        yield
    finally:
        os.close(descriptor)
