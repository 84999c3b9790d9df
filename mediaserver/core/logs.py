"""Where the server's log goes and how it looks."""

from __future__ import annotations

import logging
import sys


class _StandardError(logging.Handler):
    """Writes to what `sys.stderr` is at that moment: while a progress bar is drawn, lines go above it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


def set_up(level: str) -> None:
    """Lines on standard error: time, level, module, message."""
    handler = _StandardError()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiohttp.access").setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    for chatty in ("asyncio", "aiosqlite", "PIL", "libav"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
