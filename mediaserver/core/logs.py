"""Where the server's log goes and how it looks."""

from __future__ import annotations

import logging
import sys

from mediaserver.core.masking import masked


class _StandardError(logging.Handler):
    """Writes to what `sys.stderr` is at that moment: while a progress bar is drawn, lines go above it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


class _Masked(logging.Formatter):
    """No secret reaches the log, whatever a library or a traceback quotes."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))


def set_up(level: str) -> None:
    """Lines on standard error: time, level, module, message."""
    handler = _StandardError()
    handler.setFormatter(_Masked("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("aiohttp.access").setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    for chatty in ("asyncio", "aiosqlite", "PIL", "libav"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
