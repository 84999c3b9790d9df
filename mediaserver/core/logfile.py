"""The log on disk: JSON lines in a few files of limited size. A full disk costs lines, and nothing else."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from mediaserver.core.masking import masked, masked_field

NAME = "mediaserver.jsonl"
LARGEST_BYTES = 4_000_000
OLDER_FILES = 4
AGAIN_AFTER_S = 60.0
"""How long nothing is tried after a file could not be written."""
_LONGEST_MESSAGE, _LONGEST_TRACEBACK = 8_000, 20_000
_OWN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


def as_json(record: logging.LogRecord) -> str:
    """One line: `time` (UTC), `level`, `logger`, `message`, `fields` (what `extra` held), `exception`. No secrets."""
    at = datetime.fromtimestamp(record.created, UTC)
    told: dict[str, Any] = {
        "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": masked(record.getMessage()[:_LONGEST_MESSAGE]),
        "fields": {name: masked_field(name, value) for name, value in vars(record).items() if name not in _OWN},
    }
    if record.exc_info and record.exc_info[0] is not None:
        told["exception"] = masked(logging.Formatter().formatException(record.exc_info)[-_LONGEST_TRACEBACK:])
    return json.dumps(told, ensure_ascii=False, default=str)


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return as_json(record)


class LogFile(RotatingFileHandler):
    """At most `OLDER_FILES` + 1 files of `LARGEST_BYTES`, for their owner alone. Made by the first line."""

    def __init__(
        self, folder: Path, *, largest_bytes: int = LARGEST_BYTES, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(folder / NAME, maxBytes=largest_bytes, backupCount=OLDER_FILES, encoding="utf-8", delay=True)
        self.setFormatter(_Line())
        self._folder = folder
        self._now_s = now_s
        self._again_at_s = float("-inf")
        self._lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        if self._now_s() < self._again_at_s:
            self._lost += 1
            return
        if self._lost:
            lost, self._lost = self._lost, 0
            text = "%d lines are missing before this one: the log could not be written"
            super().emit(logging.LogRecord(__name__, logging.WARNING, __file__, 0, text, (lost,), None))
            if self._lost:  # still not
                self._lost += lost
                return
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        """Called where a line could not be written. Once in a while it is tried again."""
        error = sys.exc_info()[1]
        is_first = not self._lost and self._again_at_s == float("-inf")
        self._lost += 1
        self._again_at_s = self._now_s() + AGAIN_AFTER_S
        if self.stream is not None:
            with suppress(OSError, ValueError):
                self.stream.close()  # what it still holds is lost, so that no line is written twice
            self.stream = None
        if is_first:
            reason = error.strerror if isinstance(error, OSError) else repr(error)
            with suppress(OSError, ValueError):
                print(f"mediaserver: the log in {self._folder} cannot be written: {reason}", file=sys.stderr)

    def _open(self) -> TextIOWrapper:
        self._folder.mkdir(mode=0o700, exist_ok=True)
        descriptor = os.open(self.baseFilename, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":  # a full disk or kill -9 cut the last line
                os.write(descriptor, b"\n")
            # A character that is none becomes an escape, which is JSON's own.
            return open(descriptor, "a", encoding="utf-8", errors="backslashreplace")  # noqa: PTH123
        except BaseException:
            os.close(descriptor)
            raise


def lines(folder: Path) -> list[Path]:
    """The files that there are, the oldest first."""
    found = [folder / NAME, *(folder / f"{NAME}.{number}" for number in range(1, OLDER_FILES + 1))]
    return [path for path in reversed(found) if path.is_file()]
