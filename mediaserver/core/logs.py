"""Where the server's log goes and how it looks."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mediaserver.core import loglevels
from mediaserver.core.logfile import LogFile
from mediaserver.core.masking import masked
from mediaserver.core.text import visible

FOLDER = "logs"
"""In the data directory."""

# Source: sd-daemon(3). The journal keeps a line's level where it begins with one.
_FOR_JOURNAL = ((logging.ERROR, "<3>"), (logging.WARNING, "<4>"), (logging.INFO, "<6>"))


class _StandardError(logging.Handler):
    """Writes to what `sys.stderr` is at that moment: while a progress bar is drawn, lines go above it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Whoever read standard error is gone, or its disk is full: nobody can be told, and the server goes on."""


class _Masked(logging.Formatter):
    """No secret reaches the log, whatever a library or a traceback quotes."""

    def format(self, record: logging.LogRecord) -> str:
        return masked(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = visible(record.message)  # a file's name makes no second line, and commands no terminal
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:
        return "\n".join(visible(line) for line in super().formatException(ei).split("\n"))


class _ForJournal(_Masked):
    """Every line with its level in front, and without the time, which the journal notes itself."""

    def __init__(self) -> None:
        super().__init__("%(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        level = next((mark for least, mark in _FOR_JOURNAL if record.levelno >= least), "<7>")
        return "\n".join(level + line for line in super().format(record).splitlines())


def goes_to_journal(descriptor: int, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether what is written there reaches systemd's journal. Source: systemd.exec(5), JOURNAL_STREAM."""
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return (device, inode) == (str(found.st_dev), str(found.st_ino))


def set_up(level: str) -> None:
    """What `show` does, from this level on."""
    show()
    loglevels.begin(level)


def show() -> None:
    """Lines on standard error: time, level, module, message; in the journal's own way where it reads them."""
    handler = _StandardError()
    is_read_by_journal = goes_to_journal(2)
    handler.setFormatter(
        _ForJournal() if is_read_by_journal else _Masked("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    )
    logging.getLogger().handlers[:] = [handler]


@contextmanager
def not_shown(logger: str) -> Iterator[None]:
    """Until left, what `logger` says below WARNING is kept in the file and not shown on standard error."""

    def is_shown(record: logging.LogRecord) -> bool:
        return record.name != logger or record.levelno >= logging.WARNING

    shown = [one for one in logging.getLogger().handlers if isinstance(one, _StandardError)]
    for handler in shown:
        handler.addFilter(is_shown)
    try:
        yield
    finally:
        for handler in shown:
            handler.removeFilter(is_shown)


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Until left, everything that is logged is also kept in files in `folder`, which is made for its owner alone.

    What ends the server stands there too: the terminal has shown it by then, or nobody was there to see it.
    """
    handler = LogFile(folder)
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    except Exception as error:
        handler.handle(root.makeRecord(__name__, logging.ERROR, __file__, 0, "ended: %s", (error,), None))
        raise
    finally:
        root.removeHandler(handler)
        handler.close()
