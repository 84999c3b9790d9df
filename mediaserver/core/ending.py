"""The end of the process: its parts end side by side, before one deadline, and what hangs does not keep it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import sys
import threading
from collections.abc import Coroutine, Mapping
from typing import Any


async def end_all(endings: Mapping[str, Coroutine[Any, Any, None]], *, timeout_s: float) -> dict[str, str]:
    """Run all endings side by side. What of them failed or took longer, by name, with the reason in words.

    Those that take longer are cancelled, and not waited for.
    """
    tasks = {name: asyncio.create_task(ending, name=f"end {name}") for name, ending in endings.items()}
    if not tasks:
        return {}
    _, pending = await asyncio.wait(tasks.values(), timeout=timeout_s)
    told: dict[str, str] = {}
    for name, task in tasks.items():
        if task in pending:
            task.cancel()
            told[name] = f"did not end within {timeout_s:g} s"
        elif not task.cancelled() and (error := task.exception()) is not None:
            told[name] = f"{type(error).__name__}: {error}"
    return told


def leave_at_the_latest(seconds: float, code: int) -> None:
    """End the process with `code` if it still lives then: a thread that waits for a disk that hangs is never done.

    Worker processes are killed. What was acknowledged is on disk by then, for it always is.
    """

    def leave() -> None:
        sys.stderr.write(f"mediaserver: not every part ended within {seconds:g} s; ending all the same\n")
        sys.stderr.flush()
        for worker in multiprocessing.active_children():
            worker.kill()
        os._exit(code)

    guard = threading.Timer(seconds, leave)
    guard.daemon = True
    guard.start()
