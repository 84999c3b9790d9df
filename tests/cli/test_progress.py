"""How a scan is told while it runs and when it is done."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import Any

from mediaserver.cli import progress

LOOKING: dict[str, Any] = {
    "state": "scanning",
    "phase": "looking",
    "files_seen": 1234,
    "files_read": 0,
    "files_to_read": 0,
    "files_per_s": 0.0,
    "remaining_ms": None,
}
READING = {
    **LOOKING,
    "phase": "reading",
    "files_read": 1500,
    "files_to_read": 20000,
    "files_per_s": 812.4,
    "remaining_ms": 95_000,
}
DONE = {
    **LOOKING,
    "state": "idle",
    "phase": "idle",
    "added": 1234,
    "changed": 5,
    "missing": 6,
    "problems": 7,
    "message": "",
}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def followed(*states: dict[str, Any]) -> progress.Status:
    coming: Iterator[dict[str, Any]] = iter(states)

    async def status() -> progress.Status:
        return next(coming)

    return await progress.follow(status)


async def test_a_terminal_shows_a_bar_with_rate_and_time_left() -> None:
    with contextlib.redirect_stderr(Terminal()) as terminal:
        assert await followed(READING, READING, DONE) == DONE
    assert "1,500 of 20,000 · 812 files/s · 1:35 left" in terminal.getvalue()


async def test_elsewhere_a_short_scan_says_nothing_until_it_is_done() -> None:
    with contextlib.redirect_stderr(io.StringIO()) as written:
        assert await followed(LOOKING, DONE) == DONE
    assert written.getvalue() == ""
    assert sys.stderr is not written


def test_the_summary_counts_and_passes_on_the_message() -> None:
    assert progress.summary(DONE) == "Scanned: 1,234 files, 1,234 new, 5 changed, 6 missing, 7 problems."
    away = {**DONE, "message": "/srv/music is empty"}
    assert progress.summary(away).endswith("7 problems. /srv/music is empty")
