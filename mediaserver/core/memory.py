"""How the C library keeps memory of the serving process: what is large goes back at once, the rest after a scan."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

# Source: mallopt(3), malloc_trim(3), malloc.h of glibc.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
LARGE_BYTES = 1 << 20
_ARENAS = 2


def give_back_large() -> bool:
    """Blocks from LARGE_BYTES on are mapped one by one, and threads share two arenas. Whether the library can do that.

    glibc would raise its bound to the largest block that was ever freed: after the first password was hashed (19 MiB),
    each thread that hashes keeps that much for ever.
    """
    mallopt = _of_glibc("mallopt")
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)) and bool(mallopt(_M_ARENA_MAX, _ARENAS))


def give_back_freed() -> bool:
    """Pages that hold nothing any more go back to the system: after a scan of 20,000 files those are 12 MB of 86.

    Blocks for some milliseconds. Whether there were any.
    """
    trim = _of_glibc("malloc_trim")
    return trim is not None and bool(trim(0))


def _of_glibc(name: str) -> Callable[..., int] | None:
    """None with musl, or another system."""
    try:
        found: Callable[..., int] = getattr(ctypes.CDLL(None), name)
    except (OSError, AttributeError):
        return None
    return found
