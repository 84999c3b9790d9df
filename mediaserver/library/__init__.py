"""Folders of files into the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mediaserver.catalog.writer import Writer
from mediaserver.core.clock import Clock
from mediaserver.core.events import EventBus
from mediaserver.core.folders import Folders
from mediaserver.core.supervisor import Supervisor
from mediaserver.core.workers import Workers
from mediaserver.library.look import Looker
from mediaserver.library.report import Report
from mediaserver.library.scan import Scanner
from mediaserver.library.watch import Watcher
from mediaserver.storage.database import Database


@dataclass(frozen=True, slots=True)
class Library:
    scanner: Scanner
    report: Report
    looker: Looker
    watcher: Watcher
    """Watches nothing before its `run` does."""


def build(
    database: Database,
    writer: Writer,
    workers: Workers,
    events: EventBus,
    clock: Clock,
    supervisor: Supervisor,
    roots: Sequence[Path],
    folders: Folders,
) -> Library:
    """The room's services. `folders` is how the files of these roots are asked."""
    report = Report(database, clock)
    scanner = Scanner(writer, report, workers, events, clock, supervisor, roots, folders)
    looker = Looker(writer, report, scanner.intake, events, folders)
    return Library(scanner, report, looker, Watcher(scanner, looker, clock))
