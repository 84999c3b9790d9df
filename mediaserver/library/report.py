"""What a scan could not take, and why. The only writer of scans, scan_problems and folder_pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from mediaserver.core.clock import Clock
from mediaserver.core.units import AlbumId, LibraryId
from mediaserver.storage.below import below
from mediaserver.storage.database import Database, Row, Transaction

Reason = Literal[
    "empty",
    "truncated",
    "not-audio",
    "damaged",
    "unreadable",
    "crashed",
    "unplayable",
    "wrong-extension",
    "bad-sheet",
    "name-not-utf8",
    "symlink-loop",
    "not-a-file",
]
REASONS: tuple[Reason, ...] = get_args(Reason)
TAKEN: frozenset[str] = frozenset(("truncated", "unplayable", "wrong-extension", "bad-sheet"))
"""Told of files that are in the catalogue all the same."""
_LIST = 500
_LONGEST = 500
_UNPLAYABLE = "library_id = :library AND path = :path AND reason = 'unplayable'"


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
    album_id: AlbumId | None
    """Of the track that the file is in the catalogue; None where it is not."""
    album_title: str


@dataclass(frozen=True, slots=True)
class Tally:
    """How many problems a library has of one reason."""

    library_id: LibraryId
    library: str
    """The root."""
    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Scan:
    """One scan that ended or runs, as it is kept."""

    id: int
    started_at_ms: int
    finished_at_ms: int | None
    outcome: str
    """running, done, failed, cancelled, or stopped by the end of the server."""
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
        self._roots: dict[str, LibraryId] = {}
        """As last read: a root keeps its id."""

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

    async def close_broken_off(self) -> None:
        """Scans that a crash left running are told as stopped."""
        if await self._database.one("SELECT 1 AS yes FROM scans WHERE outcome = 'running' LIMIT 1"):
            async with self._database.write(durable=False) as tx:
                await tx.run("UPDATE scans SET outcome = 'stopped' WHERE outcome = 'running'")

    async def last(self) -> Scan | None:
        """The newest scan that has ended."""
        row = await self._database.one("SELECT * FROM scans WHERE outcome <> 'running' ORDER BY id DESC LIMIT 1")
        return _scan(row) if row else None

    async def count(self) -> int:
        row = await self._database.one("SELECT COUNT(*) AS n FROM scan_problems")
        return int(row["n"]) if row else 0

    async def tallies(self) -> list[Tally]:
        """Of every library and every reason that there is, the most first."""
        rows = await self._database.all(
            "SELECT l.id, l.root, p.reason, COUNT(*) AS n FROM scan_problems p JOIN libraries l ON l.id = p.library_id"
            " GROUP BY l.id, l.root, p.reason ORDER BY n DESC, l.root, p.reason"
        )
        return [Tally(LibraryId(r["id"]), r["root"], r["reason"], r["n"]) for r in rows]

    async def problems(
        self,
        *,
        reason: str | None = None,
        library_id: LibraryId | None = None,
        folder: str | None = None,
        after_id: int = 0,
        limit: int,
    ) -> list[ReportedProblem]:
        """Problems behind `after_id`, in the order of ids; of one reason, library, or folder with all below it."""
        where, params = below(folder, is_deep=True, column="p.path") if folder is not None else ("1 = 1", {})
        rows = await self._database.all(
            "SELECT p.*, l.root, t.album_id, a.title AS album_title FROM scan_problems p"
            " JOIN libraries l ON l.id = p.library_id"
            " LEFT JOIN tracks t ON t.library_id = p.library_id AND t.missing_since_ms IS NULL"
            " AND (t.path = p.path OR t.path = p.path || '/01')"
            f" LEFT JOIN albums a ON a.id = t.album_id WHERE p.id > :after AND {where}"
            " AND (CAST(:reason AS TEXT) IS NULL OR p.reason = :reason)"
            " AND (CAST(:library AS BIGINT) IS NULL OR p.library_id = :library) ORDER BY p.id LIMIT :limit",
            {"after": after_id, "reason": reason, "library": library_id, "limit": limit, **params},
        )
        return [
            ReportedProblem(
                *(r["id"], r["root"], r["path"], r["reason"], r["detail"], r["seen_at_ms"]),
                AlbumId(r["album_id"]) if r["album_id"] is not None else None,
                r["album_title"] or "",
            )
            for r in rows
        ]

    async def known(self, library_id: LibraryId) -> dict[str, tuple[str, int, int]]:
        """Path -> (reason, size in bytes, mtime in ns) of what was bad before.

        What is said of its sound alone counts where nothing else is said of a file.
        """
        return await self.known_in(library_id, "", is_deep=True)

    async def known_in(self, library_id: LibraryId, folder: str, *, is_deep: bool) -> dict[str, tuple[str, int, int]]:
        """The same of one folder ("" is the root), with `is_deep` also of all that are below."""
        where, params = below(folder, is_deep=is_deep)
        own = "" if not folder else " OR path = :folder"  # the folder itself, where it could not be listed
        rows = await self._database.all(
            "SELECT path, reason, size_bytes, mtime_ns FROM scan_problems WHERE library_id = :library"
            f" AND (({where}){own}) ORDER BY CASE reason WHEN 'unplayable' THEN 0 ELSE 1 END",
            {"library": library_id, **params, **({"folder": folder} if folder else {})},
        )
        return {row["path"]: (row["reason"], row["size_bytes"], row["mtime_ns"]) for row in rows}

    async def replace(
        self,
        library_id: LibraryId,
        gone: Sequence[str],
        problems: Sequence[Problem],
        read: Sequence[tuple[str, int, int]] = (),
    ) -> None:
        """What is said from now on: nothing of files that are `gone`, and of those that were `read` (path, size in
        bytes, mtime in ns) only what stands in `problems`.

        That the sound of a file is unplayable stays until the file changes: reading its facts tells nothing of it.
        """
        looks = [*((path, -1, -1) for path in gone), *read, *((p.path, p.size_bytes, p.mtime_ns) for p in problems)]
        for at in range(0, len(looks), _LIST):
            async with self._database.write(durable=False) as tx:
                await tx.many(
                    "DELETE FROM scan_problems WHERE library_id = :library AND path = :path"
                    " AND NOT (reason = 'unplayable' AND size_bytes = :size AND mtime_ns = :mtime)",
                    [{"library": library_id, "path": p, "size": s, "mtime": m} for p, s, m in looks[at : at + _LIST]],
                )
        for at in range(0, len(problems), _LIST):
            async with self._database.write(durable=False) as tx:
                await self._tell(tx, library_id, problems[at : at + _LIST])

    async def heard(self, path: str, size_bytes: int, mtime_ns: int, reason: str) -> None:
        """Whether the sound of a file that was taken can be played: `reason` tells why not, "" that it can.

        `path` is absolute. What is told of it otherwise stays.
        """
        known = await self._library_of(path)
        if known is None:
            return
        library_id, relative = known
        where = {"library": library_id, "path": relative}
        said = await self._database.one(f"SELECT detail FROM scan_problems WHERE {_UNPLAYABLE}", where)
        if reason[:_LONGEST] == (said["detail"] if said is not None else ""):
            return  # as of nearly all files
        async with self._database.write(durable=False) as tx:
            await tx.run(f"DELETE FROM scan_problems WHERE {_UNPLAYABLE}", where)
            if reason:
                await self._tell(tx, library_id, [Problem(relative, "unplayable", reason, size_bytes, mtime_ns)])

    async def _library_of(self, path: str) -> tuple[LibraryId, str] | None:
        """The library that the file at this absolute path belongs to, and its path in it."""
        for is_again in (False, True):
            root = max((root for root in self._roots if path.startswith(f"{root}/")), key=len, default=None)
            if root is not None:
                return self._roots[root], path[len(root) + 1 :]
            if not is_again:
                rows = await self._database.all("SELECT id, root FROM libraries")
                self._roots = {str(row["root"]).rstrip("/"): LibraryId(row["id"]) for row in rows}
        return None

    async def _tell(self, tx: Transaction, library_id: LibraryId, problems: Sequence[Problem]) -> None:
        await tx.many(
            "INSERT INTO scan_problems (library_id, path, reason, detail, size_bytes, mtime_ns, seen_at_ms)"
            " VALUES (:library, :path, :reason, :detail, :size, :mtime, :now)"
            " ON CONFLICT (library_id, path, reason) DO NOTHING",
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
                for problem in problems
            ],
        )

    async def folder_pictures(self, library_id: LibraryId) -> dict[str, tuple[int, int]]:
        """Path -> (size in bytes, mtime in ns) of the covers beside audio files, as last read."""
        return await self.folder_pictures_in(library_id, "", is_deep=True)

    async def folder_pictures_in(
        self, library_id: LibraryId, folder: str, *, is_deep: bool
    ) -> dict[str, tuple[int, int]]:
        """The same of one folder ("" is the root), with `is_deep` also of all that are below."""
        where, params = below(folder, is_deep=is_deep)
        rows = await self._database.all(
            f"SELECT path, size_bytes, mtime_ns FROM folder_pictures WHERE library_id = :library AND {where}",
            {"library": library_id, **params},
        )
        return {row["path"]: (row["size_bytes"], row["mtime_ns"]) for row in rows}

    async def keep_pictures(
        self, library_id: LibraryId, gone: Sequence[str], pictures: Mapping[str, tuple[int, int]]
    ) -> None:
        """Forget those that are `gone` and note the others, once everything beside them has been read."""
        async with self._database.write(durable=False) as tx:
            await tx.many(
                "DELETE FROM folder_pictures WHERE library_id = :library AND path = :path",
                [{"library": library_id, "path": path} for path in gone],
            )
            await tx.many(
                "INSERT INTO folder_pictures (library_id, path, size_bytes, mtime_ns)"
                " VALUES (:library, :path, :size, :mtime) ON CONFLICT (library_id, path)"
                " DO UPDATE SET size_bytes = excluded.size_bytes, mtime_ns = excluded.mtime_ns",
                [{"library": library_id, "path": p, "size": s, "mtime": m} for p, (s, m) in pictures.items()],
            )
