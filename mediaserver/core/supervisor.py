"""Keeps the long-running parts alive: named jobs, retries with backoff, an orderly stop."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

log = logging.getLogger(__name__)

BACKOFF_FIRST_S, BACKOFF_MAX_S, HEALTHY_AFTER_S = 1.0, 300.0, 60.0


class Need(Enum):
    ESSENTIAL = "essential"  # its failure stops the server
    OPTIONAL = "optional"  # its failure is logged, shown in health and retried


@dataclass(eq=False)
class Job:
    name: str
    run: Callable[[], Awaitable[None]]
    need: Need
    restarts: int = 0
    last_error: str | None = None
    task: asyncio.Task[None] | None = None


class Supervisor:
    """Owns every background task of the process; nobody else starts one that outlives a request."""

    def __init__(self, *, backoff_first_s: float = BACKOFF_FIRST_S) -> None:
        self.jobs: dict[str, Job] = {}
        self.failed = asyncio.Event()
        self.failure = ""
        """Which essential job failed, and why, in words for the operator."""
        self._backoff_first_s = backoff_first_s
        self._ends_s = float("inf")

    def start(self, name: str, run: Callable[[], Awaitable[None]], *, need: Need = Need.OPTIONAL) -> None:
        """Run `run()` until it returns. Raises ValueError if a job of this name still runs."""
        old = self.jobs.get(name)
        if old is not None and old.task is not None and not old.task.done():
            raise ValueError(f"job {name!r} is running")
        job = self.jobs[name] = Job(name, run, need)
        job.task = asyncio.create_task(self._keep_running(job), name=name)

    async def _keep_running(self, job: Job) -> None:
        delay_s = self._backoff_first_s
        while True:
            started = time.monotonic()
            try:
                await job.run()
                job.last_error = None
                return
            except Exception as error:
                job.last_error = f"{type(error).__name__}: {error}"
                log.exception("job %s failed", job.name)
            if job.need is Need.ESSENTIAL:
                self.failure = f"{job.name}: {job.last_error}"
                self.failed.set()
                return
            if time.monotonic() - started > HEALTHY_AFTER_S:
                delay_s = self._backoff_first_s
            job.restarts += 1
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, BACKOFF_MAX_S)

    async def stop(self, *, timeout_s: float = 5.0) -> list[str]:
        """Cancel all jobs side by side; returns the names of those that did not end in time.

        Asked again, it waits no longer than the first time was to last.
        """
        now_s = time.monotonic()
        self._ends_s = min(self._ends_s, now_s + timeout_s)
        tasks = {job.task: job.name for job in self.jobs.values() if job.task is not None}
        for task in tasks:
            task.cancel()
        if not tasks:
            return []
        _, pending = await asyncio.wait(tasks, timeout=max(0.0, self._ends_s - now_s))
        return [tasks[task] for task in pending]
