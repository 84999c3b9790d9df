"""Whether the database answers, is whole, and has a shape that this server knows."""

from __future__ import annotations

import time
from pathlib import Path

from mediaserver.checkup.findings import Finding, size
from mediaserver.core.errors import MediaServerError, Unavailable
from mediaserver.core.masking import masked
from mediaserver.storage.database import Database
from mediaserver.storage.integrity import Examined, examine

_OLDEST_POSTGRES = 15
_SLOW_S = 1.0
_DOCTOR = "mediaserver doctor"
_BACK = "Stop the server and put a backup of the data directory back."


def judged(found: Examined | Unavailable | None, *, is_postgres: bool) -> Finding:
    if found is None:
        return Finding("database", "Database", "ok", "none yet: the first start makes it")
    if isinstance(found, Unavailable):
        remedy = "Check database.url and whether that server runs." if is_postgres else _BACK
        return Finding("database", "Database", "bad", str(found), remedy)
    told = f"{found.engine}, {size(found.size_bytes)}"
    if found.faults:
        return Finding("database", "Database", "bad", f"{told}, damaged: {'; '.join(found.faults)}", _BACK)
    if is_postgres and found.major < _OLDEST_POSTGRES:
        remedy = f"Upgrade PostgreSQL to {_OLDEST_POSTGRES} or newer."
        return Finding("database", "Database", "bad", f"{told}: too old", remedy)
    if found.step > found.newest_step:
        told = f"{told}: a newer server has changed it, and this one cannot read it"
        return Finding("database", "Database", "bad", told, "Start the newer server again.")
    if found.step < found.newest_step:
        return Finding("database", "Database", "ok", f"{told}, whole; the next start brings it to its newest shape")
    return Finding("database", "Database", "ok", f"{told}, {'answers' if is_postgres else 'whole'}")


async def look(url: str, data_dir: Path) -> tuple[Finding, Examined | None]:
    try:
        found = await examine(url, data_dir)
    except Unavailable as error:
        return judged(error, is_postgres=bool(url)), None
    return judged(found, is_postgres=bool(url)), found


async def answers(database: Database) -> Finding:
    """Of the one that a running server has open."""
    name = "PostgreSQL" if database.dialect == "postgres" else "SQLite"
    began_s = time.monotonic()
    try:
        await database.check()
        await database.one("SELECT 1 AS yes")
    except MediaServerError as error:
        return Finding("database", "Database", "bad", masked(str(error)), _DOCTOR)
    took_s = time.monotonic() - began_s
    if took_s > _SLOW_S:
        return Finding("database", "Database", "warning", f"{name} takes {took_s:.1f} s to answer", _DOCTOR)
    return Finding("database", "Database", "ok", f"{name} answers")
