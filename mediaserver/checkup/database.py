"""Whether the database answers, is whole, and has a shape that this server knows."""

from __future__ import annotations

from pathlib import Path

from mediaserver.checkup.findings import Finding, size
from mediaserver.core.errors import Unavailable
from mediaserver.storage.integrity import Examined, examine

_OLDEST_POSTGRES = 15
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
