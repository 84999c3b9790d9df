"""What administrators are told of the server itself: what is wrong, what mends it, and how much the log says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from mediaserver.accounts.permits import Viewer
from mediaserver.checkup import clock, machine, watches
from mediaserver.checkup.disks import Disks
from mediaserver.checkup.findings import Finding, State, worst
from mediaserver.core import loglevels
from mediaserver.core.clock import Clock
from mediaserver.core.loglevels import Level
from mediaserver.core.masking import masked
from mediaserver.core.supervisor import Job, Need, Supervisor
from mediaserver.core.workers import Workers
from mediaserver.library import Library

__all__ = ["Finding", "Health", "Level", "State", "Upkeep"]

_LOG_TELLS = "mediaserver log-level debug"
_DIED_LATELY_S = 3600.0


@dataclass(frozen=True, slots=True)
class Health:
    state: State
    """The worst of them."""
    found: list[Finding]


class Upkeep:
    """Raises Forbidden for who is no administrator."""

    def __init__(
        self,
        supervisor: Supervisor,
        library: Library,
        database: Callable[[], Awaitable[Finding]],
        workers: Workers,
        clock: Clock,
        disks: Disks,
    ) -> None:
        self._supervisor, self._library, self._database = supervisor, library, database
        self._workers, self._clock, self._disks = workers, clock, disks
        self.network: Callable[[], list[Finding]] = list
        """How the server is reached: told by who opens the doors."""
        self.listening: Callable[[], Awaitable[list[Finding]]] = _nothing
        """How well listening goes."""
        self.kept: Callable[[], list[Finding]] = list
        """How it stands with what is kept ready."""

    async def health(self, viewer: Viewer) -> Health:
        """Looked at now."""
        viewer.must_be_admin()
        disks, base, heard = await asyncio.gather(self._disks.look(), self._database(), self.listening())
        outside = await asyncio.to_thread(self._of_machine)
        found = [
            *self._jobs(),
            *self._folders(),
            *disks,
            base,
            *self.network(),
            *heard,
            *self.kept(),
            self._of_workers(),
            *outside,
        ]
        return Health(worst(found), found)

    def warnings(self) -> list[str]:
        """For everybody: without names, paths and figures."""
        return self._disks.warnings()

    def log_levels(self, viewer: Viewer) -> dict[str, Level]:
        """By logger; `root` is everything that has none of its own, and comes first."""
        viewer.must_be_admin()
        return loglevels.levels()

    def change_log_level(self, viewer: Viewer, logger: str, level: Level) -> dict[str, Level]:
        """Until the server ends; returns all. Raises Invalid for a logger that there is not."""
        viewer.must_be_admin()
        loglevels.change(logger, level)
        return loglevels.levels()

    def _jobs(self) -> list[Finding]:
        failing = [job for job in self._supervisor.jobs.values() if job.last_error]
        if failing:
            return [_job(job) for job in failing]
        going = sum(job.task is not None and not job.task.done() for job in self._supervisor.jobs.values())
        return [Finding("jobs", "Jobs", "ok", f"{going} run, none has failed")]

    def _folders(self) -> list[Finding]:
        found = [watches.folder(one) for one in self._library.watcher.statuses()]
        if not self._library.scanner.roots:
            told = "no folder of music is scanned yet"
            return [Finding("folders", "Music", "warning", told, "mediaserver serve FOLDER")]
        message = self._library.scanner.status().message
        if message and not any(one.state == "bad" for one in found):
            found.append(Finding("folders", "Last scan", "warning", message, "Mend that, and scan again."))
        return found

    def _of_workers(self) -> Finding:
        died = self._workers.died_within(_DIED_LATELY_S)
        if died:
            told = f"{died} died or hung within an hour, at files that a decoder cannot take, or for want of memory"
            return Finding("workers", "Workers", "warning", told, "Look into the scan report, and at the memory below.")
        number = self._workers.processes
        told = f"up to {number} {'process' if number == 1 else 'processes'} for listening and as many for scans"
        return Finding("workers", "Workers", "ok", told)

    def _of_machine(self) -> list[Finding]:
        now_ms, files = self._clock.now_ms(), machine.files()
        return [
            *([machine.judged_files(files)] if files is not None else []),
            clock.judged(clock.look(now_ms)),
            machine.judged_memory(machine.memory()),
            machine.python(datetime.now(UTC).date()),
        ]


async def _nothing() -> list[Finding]:
    return []


def _job(job: Job) -> Finding:
    told = f"failed: {masked(job.last_error or '')}"
    if job.need is Need.ESSENTIAL:
        return Finding("jobs", job.name, "bad", f"{told}; the server stops", "mediaserver doctor")
    return Finding("jobs", job.name, "warning", f"{told}. It is tried again by itself", _LOG_TELLS)
