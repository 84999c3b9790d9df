"""How loud each sound is. The only writer of loudness."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Damaged, Gone, NotFound
from mediaserver.core.folders import Folders
from mediaserver.core.units import Digest
from mediaserver.core.workers import Workers
from mediaserver.media import cuts, gating
from mediaserver.media.gating import Blocks
from mediaserver.media.measured import Dynamics, Measured
from mediaserver.sound.sidefiles import SoundFile
from mediaserver.storage.database import Database, Row

log = logging.getLogger(__name__)

VERSION = 1
"""Raised whenever other values would be measured of the same sounds: they are measured again, one by one."""
_LEAST_S, _SLOWEST_BYTES_PER_S = 300.0, 20_000.0
_AT_ONCE = 500
_IS_HEARD = (
    "NOT EXISTS (SELECT 1 FROM sound_files f JOIN sound_files p ON p.path > f.path || '/' AND p.path < f.path || '0'"
    " WHERE f.digest = s.digest)"
)
"""Not so of what is heard in parts alone, each of which is measured: 0 is what follows / in every collation here."""


@dataclass(frozen=True, slots=True)
class Loudness:
    """Of a sound, or of several as one. None of what is silent, or too short to be measured."""

    integrated_lufs: float | None
    range_lu: float | None
    true_peak_dbtp: float | None


@dataclass(frozen=True, slots=True)
class Counts:
    total: int
    measured: int
    failed: int


def _measured(file: SoundFile, packed: bytes, share: float) -> Measured:
    """In a worker, which alone loads PyAV. Raises Gone for a file that changed or left meanwhile, whatever was read."""
    from mediaserver.media.loudness import measure

    _must_be_unchanged(file)
    try:
        found = measure(file.path, packed, share=share, cut=cuts.cut_in(file.piece))
    except Damaged:
        _must_be_unchanged(file)
        raise
    _must_be_unchanged(file)
    return found


def _must_be_unchanged(file: SoundFile) -> None:
    try:
        status = Path(file.path).stat()
    except FileNotFoundError as error:
        raise Gone("the file is not there") from error
    if not file.looks_like(status):
        raise Gone("the file has changed")


class Meter:
    """Measures sounds and remembers what was found, sound by sound: what is stored is never measured again."""

    def __init__(self, database: Database, workers: Workers, clock: Clock, folders: Folders) -> None:
        self._database = database
        self._workers = workers
        self._clock = clock
        self._folders = folders

    async def counts(self) -> Counts:
        row = await self._database.one(
            "SELECT COUNT(*) AS total, COUNT(l.digest) AS done,"
            " COALESCE(SUM(CASE WHEN l.problem <> '' THEN 1 ELSE 0 END), 0) AS failed"
            " FROM sounds s LEFT JOIN loudness l ON l.digest = s.digest AND l.version = :version"
            f" WHERE {_IS_HEARD}",
            {"version": VERSION},
        )
        if row is None:
            return Counts(0, 0, 0)
        failed = int(row["failed"])
        return Counts(int(row["total"]), int(row["done"]) - failed, failed)

    async def unmeasured(self, before: tuple[int, str], limit: int) -> list[tuple[int, Digest]]:
        """When they were first indexed, and their digests; the newest of those that are older than `before` first."""
        rows = await self._database.all(
            "SELECT s.made_at_ms, s.digest FROM sounds s LEFT JOIN loudness l ON l.digest = s.digest"
            " AND l.version = :version WHERE l.digest IS NULL AND (s.made_at_ms < :at"
            f" OR (s.made_at_ms = :at AND s.digest < :digest)) AND {_IS_HEARD}"
            " ORDER BY s.made_at_ms DESC, s.digest DESC LIMIT :limit",
            {"version": VERSION, "at": before[0], "digest": before[1], "limit": limit},
        )
        return [(row["made_at_ms"], Digest(row["digest"])) for row in rows]

    async def measure(self, digest: Digest, *, share: float) -> None:
        """Measure a sound by the first of its files that can be read, and keep what was found, in one transaction.

        Raises Damaged, Gone (none of its files is there as it was), WorkerFailed, and Unavailable; FolderAway where a
        disk is away.
        """
        failure: Damaged | Gone = Gone("the files of this sound have changed or left")
        for row in await self._database.all(
            "SELECT path, size_bytes, mtime_ns, packet_index FROM sound_files WHERE digest = :digest ORDER BY path",
            {"digest": digest},
        ):
            file = SoundFile.at(row["path"], row["size_bytes"], row["mtime_ns"])
            limit_s = _LEAST_S + file.size_bytes / _SLOWEST_BYTES_PER_S / share
            working = self._workers.analysis(_measured, file, bytes(row["packet_index"]), share, timeout_s=limit_s)
            try:
                found = await self._folders.reading(file.path, working)
            except (Damaged, Gone) as error:  # another copy may be sound
                failure = error
                continue
            await self._keep(digest, found, "")
            return
        raise failure

    async def give_up(self, digest: Digest, problem: str) -> None:
        """It cannot be measured, and is not tried again: an album is the album of its other tracks."""
        nothing = gating.of([], []).packed()
        await self._keep(digest, Measured(None, None, None, nothing, b""), problem)

    async def of_files(self, paths: Sequence[str]) -> dict[str, Loudness]:
        """What was measured of the sounds in at most 500 files, by path. What is not known yet is not among them."""
        rows = await self._database.all(
            "SELECT f.path, l.integrated_lufs, l.range_lu, l.true_peak_dbtp FROM sound_files f"
            " JOIN loudness l ON l.digest = f.digest AND l.problem = '' WHERE f.path IN (:paths*)",
            {"paths": list(paths)},
        )
        return {row["path"]: _loudness(row) for row in rows}

    async def together(self, paths: Sequence[str]) -> Loudness | None:
        """Of an album whose tracks are these files, as the standard has it: measured over the blocks of all of them.

        None until every one was measured, or found not to be measurable. A sound that is there twice counts twice.
        """
        found: list[Row] = []
        for at in range(0, len(paths), _AT_ONCE):
            some = paths[at : at + _AT_ONCE]
            rows = await self._database.all(
                "SELECT f.path, l.true_peak_dbtp, l.blocks FROM sound_files f"
                " JOIN loudness l ON l.digest = f.digest WHERE f.path IN (:paths*)",
                {"paths": list(some)},
            )
            if len(rows) < len(set(some)):
                return None
            found += rows
        try:  # in a thread: of thousands of tracks it takes a while
            whole = await asyncio.to_thread(_together, found)
        except Damaged as error:
            log.warning("the loudness of an album is not known: %s", error)
            return None
        peaks = [row["true_peak_dbtp"] for row in found if row["true_peak_dbtp"] is not None]
        return Loudness(whole.integrated_lufs, whole.range_lu, max(peaks, default=None))

    async def dynamics(self, digest: str) -> Dynamics | None:
        """How loud a sound is as a whole and at each moment; None where it is not known, or as an older server
        measured it."""
        row = await self._database.one(
            "SELECT integrated_lufs, curve FROM loudness"
            " WHERE digest = :digest AND problem = '' AND version = :version",
            {"digest": digest, "version": VERSION},
        )
        return Dynamics(row["integrated_lufs"], bytes(row["curve"])) if row is not None else None

    async def are_measured(self, digests: Collection[str]) -> bool:
        """Whether `dynamics` knows all these sounds, at most 500."""
        wanted = list(set(digests))
        row = await self._database.one(
            "SELECT COUNT(*) AS n FROM loudness WHERE problem = '' AND version = :version AND digest IN (:digests*)",
            {"digests": wanted, "version": VERSION},
        )
        return row is not None and int(row["n"]) == len(wanted)

    async def _keep(self, digest: Digest, found: Measured, problem: str) -> None:
        """Of a sound that has left meanwhile nothing is kept."""
        try:
            async with self._database.write(durable=False) as tx:
                await tx.run(
                    "INSERT INTO loudness (digest, version, measured_at_ms, problem, integrated_lufs, range_lu,"
                    " true_peak_dbtp, blocks, curve) VALUES (:digest, :version, :now, :problem, :integrated, :range,"
                    " :peak, :blocks, :curve) ON CONFLICT (digest) DO UPDATE SET version = excluded.version,"
                    " measured_at_ms = excluded.measured_at_ms, problem = excluded.problem,"
                    " integrated_lufs = excluded.integrated_lufs, range_lu = excluded.range_lu,"
                    " true_peak_dbtp = excluded.true_peak_dbtp, blocks = excluded.blocks, curve = excluded.curve",
                    {
                        "digest": digest,
                        "version": VERSION,
                        "now": self._clock.now_ms(),
                        "problem": problem,
                        "integrated": found.integrated_lufs,
                        "range": found.range_lu,
                        "peak": found.true_peak_dbtp,
                        "blocks": found.blocks,
                        "curve": found.curve,
                    },
                )
        except NotFound:
            return


def _together(rows: Sequence[Row]) -> Blocks:
    return gating.together(Blocks.unpacked(bytes(row["blocks"])) for row in rows)


def _loudness(row: Row) -> Loudness:
    return Loudness(row["integrated_lufs"], row["range_lu"], row["true_peak_dbtp"])
