"""Where the server's log goes and how it looks."""

from __future__ import annotations

import logging
import sys


def set_up(level: str) -> None:
    """Lines on standard error: time, level, module, message."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiohttp.access").setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    for chatty in ("asyncio", "aiosqlite", "PIL", "libav"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
