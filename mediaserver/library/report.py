"""What a scan could not take, and why. The only writer of scans, scan_problems and folder_pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from mediaserver.core.clock import Clock
from mediaserver.core.units import LibraryId
from mediaserver.storage.database import Database, Row

Reason = Literal[
    "empty",
    "truncated",
    "not-audio",
    "damaged",
    "unreadable",
    "crashed",
    "wrong-extension",
    "name-not-utf8",
    "symlink-loop",
    "not-a-file",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
_LIST = 500
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Problem:
    path: str
    """Relative to the root; bytes that are no UTF-8 are written as \\xNN."""
    reason: Reason
    detail: str
    size_bytes: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class ReportedProblem:
    id: int
    library: str
    """The root."""
    path: str
    reason: str
    detail: str
    seen_at_ms: int


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan that ended or runs, as it is kept."""

    id: int
    started_at_ms: int
    finished_at_ms: int | None
    outcome: str
    """running, done, failed or stopped."""
    message: str
    files_seen: int
    files_read: int
    added: int
    changed: int
    missing: int
    problems: int


def _scan(row: Row) -> Scan:
    return Scan(*(row[name] for name in Scan.__slots__))


class Report:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def begin(self) -> int:
        """A new scan's id. Scans that a crash left running are told as stopped."""
        async with self._database.write(durable=False) as tx:
            await tx.run("UPDATE scans SET outcome = 'stopped' WHERE outcome = 'running'")
            row = await tx.one(
                "INSERT INTO scans (started_at_ms, outcome, message, files_seen, files_read, added, changed, missing,"
                " problems) VALUES (:now, 'running', '', 0, 0, 0, 0, 0, 0) RETURNING id",
                {"now": self._clock.now_ms()},
            )
        return int(row["id"]) if row else 0

    async def end(self, scan_id: int, outcome: str, message: str, counts: Mapping[str, int]) -> None:
        """`counts` has files_seen, files_read, added, changed and missing."""
        async with self._database.write(durable=False) as tx:
            await tx.run(
                "UPDATE scans SET finished_at_ms = :now, outcome = :outcome, message = :message,"
                " files_seen = :files_seen, files_read = :files_read, added = :added, changed = :changed,"
                " missing = :missing, problems = (SELECT COUNT(*) FROM scan_problems) WHERE id = :id",
                {"now": self._clock.now_ms(), "outcome": outcome, "message": message, "id": scan_id, **counts},
            )

    async def last(self) -> Scan | None:
        """The newest scan that has ended."""
        row = await self._database.one("SELECT * FROM scans WHERE outcome <> 'running' ORDER BY id DESC LIMIT 1")
        return _scan(row) if row else None

    async def count(self) -> int:
        row = await self._database.one("SELECT COUNT(*) AS n FROM scan_problems")
        return int(row["n"]) if row else 0

    async def problems(self, *, reason: str | None = None, after_id: int = 0, limit: int) -> list[ReportedProblem]:
        """Problems behind `after_id`, in the order of ids."""
        rows = await self._database.all(
            "SELECT p.*, l.root FROM scan_problems p JOIN libraries l ON l.id = p.library_id WHERE p.id > :after"
            " AND (CAST(:reason AS TEXT) IS NULL OR p.reason = :reason) ORDER BY p.id LIMIT :limit",
            {"after": after_id, "reason": reason, "limit": limit},
        )
        return [ReportedProblem(r["id"], r["root"], r["path"], r["reason"], r["detail"], r["seen_at_ms"]) for r in rows]

    async def known(self, library_id: LibraryId) -> dict[str, tuple[str, int, int]]:
        """Path -> (reason, size in bytes, mtime in ns) of what was bad before."""
        rows = await self._database.all(
            "SELECT path, reason, size_bytes, mtime_ns FROM scan_problems WHERE library_id = :library",
            {"library": library_id},
        )
        return {row["path"]: (row["reason"], row["size_bytes"], row["mtime_ns"]) for row in rows}

    async def replace(self, library_id: LibraryId, paths: Sequence[str], problems: Sequence[Problem]) -> None:
        """What is said of `paths` from now on; those without a problem are clean."""
        for at in range(0, max(len(paths), len(problems)), _LIST):
            doomed, told = paths[at : at + _LIST], problems[at : at + _LIST]
            async with self._database.write(durable=False) as tx:
                await tx.run(
                    "DELETE FROM scan_problems WHERE library_id = :library AND path IN (:paths*)",
                    {"library": library_id, "paths": [*doomed, *(p.path for p in told)]},
                )
                await tx.many(
                    "INSERT INTO scan_problems (library_id, path, reason, detail, size_bytes, mtime_ns, seen_at_ms)"
                    " VALUES (:library, :path, :reason, :detail, :size, :mtime, :now)"
                    " ON CONFLICT (library_id, path) DO NOTHING",
                    [
                        {
                            "library": library_id,
                            "path": problem.path,
                            "reason": problem.reason,
                            "detail": problem.detail[:_LONGEST],
                            "size": problem.size_bytes,
                            "mtime": problem.mtime_ns,
                            "now": self._clock.now_ms(),
                        }
                        for problem in told
                    ],
                )

    async def folder_pictures(self, library_id: LibraryId) -> dict[str, tuple[int, int]]:
        """Path -> (size in bytes, mtime in ns) of the covers beside audio files, as last read."""
        rows = await self._database.all(
            "SELECT path, size_bytes, mtime_ns FROM folder_pictures WHERE library_id = :library",
            {"library": library_id},
        )
        return {row["path"]: (row["size_bytes"], row["mtime_ns"]) for row in rows}

    async def keep_folder_pictures(self, library_id: LibraryId, pictures: Mapping[str, tuple[int, int]]) -> None:
        """All of them, once everything beside them has been read."""
        before = await self.folder_pictures(library_id)
        gone = [path for path in before if path not in pictures]
        new = [(path, *stat) for path, stat in pictures.items() if before.get(path) != stat]
        async with self._database.write(durable=False) as tx:
            await tx.many(
                "DELETE FROM folder_pictures WHERE library_id = :library AND path = :path",
                [{"library": library_id, "path": path} for path in gone],
            )
            await tx.many(
                "INSERT INTO folder_pictures (library_id, path, size_bytes, mtime_ns)"
                " VALUES (:library, :path, :size, :mtime) ON CONFLICT (library_id, path)"
                " DO UPDATE SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns",
                [{"library": library_id, "path": p, "size": size, "mtime": mtime} for p, size, mtime in new],
            )
