"""How the C library keeps memory of the serving process: what is large goes back to the system at once."""

from __future__ import annotations

import ctypes

# Source: mallopt(3), malloc.h of glibc.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
LARGE_BYTES = 1 << 20
_ARENAS = 2


def give_back_large() -> bool:
    """Blocks from LARGE_BYTES on are mapped one by one, and threads share two arenas. Whether the library can do that.

    glibc would raise its bound to the largest block that was ever freed: after the first password was hashed (19 MiB),
    each thread that hashes keeps that much for ever.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # musl, or another system
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)) and bool(mallopt(_M_ARENA_MAX, _ARENAS))
