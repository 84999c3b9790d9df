"""How a scan looks in the terminal: a bar where there is one, plain lines elsewhere."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mediaserver.core.text import visible

_EVERY_S = 0.25
_LINE_EVERY_S = 10.0

Status = Mapping[str, Any]


async def follow(status: Callable[[], Awaitable[Status]]) -> Status:
    """Show the scan until it is done; returns its last status."""
    if sys.stderr.isatty():
        return await _bar(status)
    told_s = time.monotonic()
    while (now := await status())["state"] != "idle":
        if time.monotonic() - told_s >= _LINE_EVERY_S:
            told_s = time.monotonic()
            print(f"Scanning: {_told(now)}", file=sys.stderr, flush=True)
        await asyncio.sleep(_EVERY_S)
    return now


async def _bar(status: Callable[[], Awaitable[Status]]) -> Status:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), TextColumn("{task.fields[told]}"))
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as progress:
        task = progress.add_task("Scanning", total=None, told="")
        while (now := await status())["state"] != "idle":
            total = now["files_to_read"] if now["phase"] == "reading" else None
            progress.update(task, total=total, completed=now["files_read"], told=_told(now))
            await asyncio.sleep(_EVERY_S)
    return now


def _told(now: Status) -> str:
    if now["phase"] != "reading":
        return f"{now['files_seen']:,} files seen"
    left = "" if now["remaining_ms"] is None else f" · {_clock(now['remaining_ms'] // 1000)} left"
    return f"{now['files_read']:,} of {now['files_to_read']:,} · {now['files_per_s']:,.0f} files/s{left}"


def _clock(seconds: int) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def _counted(problems: int) -> str:
    return "1 problem" if problems == 1 else f"{problems:,} problems"


def summary(now: Status) -> str:
    """One line about a scan that is done."""
    parts = [f"{now['files_seen']:,} files", f"{now['added']:,} new", f"{now['changed']:,} changed"]
    parts += [f"{now['missing']:,} missing", _counted(now["problems"])]
    line = f"Scanned: {', '.join(parts)}."
    return f"{line} {visible(now['message'])}" if now["message"] else line
