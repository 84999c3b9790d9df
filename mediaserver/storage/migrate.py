"""Brings a database to the newest shape, step by step; one file a step, the same for every engine."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Unavailable
from mediaserver.storage import search
from mediaserver.storage.database import Database, Transaction, ddl

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class Migration:
    version: int
    name: str
    template: str


def migrations(folder: Path = FOLDER) -> list[Migration]:
    """The steps in order; raises ValueError for a file name that is not NNNN_name.sql or a gap in the numbers."""
    steps = []
    for number, path in enumerate(sorted(folder.glob("*.sql")), 1):
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", path.name)
        if match is None or int(match.group(1)) != number:
            raise ValueError(f"{path.name}: step {number:04d} was expected")
        steps.append(Migration(number, match.group(2), path.read_text(encoding="utf-8")))
    return steps


async def migrate(database: Database, clock: Clock, steps: Sequence[Migration] = ()) -> int:
    """Apply the steps that are missing, each in a transaction of its own; returns the version reached.

    `steps` are the first few, where not all are wanted. Raises Unavailable for a database that a newer server has
    changed.
    """
    steps = steps or migrations()
    while True:
        async with database.write() as tx:
            await tx.lock("migrate")
            await tx.run(
                ddl(
                    "CREATE TABLE IF NOT EXISTS schema_migrations"
                    " (version {int} PRIMARY KEY, name {text} NOT NULL, applied_at_ms {int} NOT NULL) {strict}",
                    tx.dialect,
                )
            )
            row = await tx.one("SELECT COALESCE(MAX(version), 0) AS version FROM schema_migrations")
            version = int(row["version"]) if row else 0
            if version > len(steps):
                raise Unavailable(
                    f"the database has version {version} and this server knows {len(steps)}: start a newer server"
                )
            if version == len(steps):
                return version
            await _apply(tx, steps[version], clock)


async def _apply(tx: Transaction, step: Migration, clock: Clock) -> None:
    log.info("database: step %04d_%s", step.version, step.name)
    without_comments = re.sub(r"--[^\n]*", "", step.template)
    for statement in ddl(without_comments, tx.dialect).split(";"):
        if statement.strip():
            await tx.run(statement)
    if step.version == 1:
        await search.create(tx)
    await tx.run(
        "INSERT INTO schema_migrations (version, name, applied_at_ms) VALUES (:version, :name, :now)",
        {"version": step.version, "name": step.name, "now": clock.now_ms()},
    )
