"""Which row a file takes: its own, or that of a missing file with the same sound, which has moved."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mediaserver.catalog.incoming import ReadFile
from mediaserver.core.units import LibraryId
from mediaserver.storage.database import Database, Row, Transaction

_LIST = 500  # values in one IN (...)


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Files of a library that have the same sounds as others, and are there as far as is known."""

    library_id: LibraryId
    root: str
    paths: tuple[str, ...]
    """Relative to the root."""


async def rows_of(tx: Transaction, library_id: LibraryId, files: Sequence[ReadFile]) -> dict[str, Row]:
    """Path -> the row that this file takes; new ones have none."""
    by_path: dict[str, Row] = {}
    for chunk in chunks([file.path for file in files]):
        rows = await tx.all(
            "SELECT id, path, album_id FROM tracks WHERE library_id = :library AND path IN (:paths*)",
            {"library": library_id, "paths": chunk},
        )
        by_path |= {row["path"]: row for row in rows}
    new = [file for file in files if file.path not in by_path]
    twice = Counter(file.facts.identity for file in new)
    missing: dict[str, list[Row]] = {}
    for chunk in chunks([identity for identity, count in twice.items() if count == 1]):
        for row in await tx.all(
            "SELECT id, path, album_id, identity FROM tracks WHERE identity IN (:identities*)"
            " AND missing_since_ms IS NOT NULL ORDER BY missing_since_ms DESC",
            {"identities": chunk},
        ):
            missing.setdefault(row["identity"], []).append(row)
    for file in new:
        candidates = missing.get(file.facts.identity, [])
        if len(candidates) == 1:
            by_path[file.path] = candidates[0]
    return by_path


async def elsewhere(database: Database, files: Sequence[ReadFile]) -> list[Elsewhere]:
    """The present files of all libraries that have the same sounds as these."""
    found: dict[tuple[LibraryId, str], list[str]] = defaultdict(list)
    for chunk in chunks(list({file.facts.identity for file in files})):
        for row in await database.all(
            "SELECT t.path, t.library_id, l.root FROM tracks t JOIN libraries l ON l.id = t.library_id"
            " WHERE t.identity IN (:identities*) AND t.missing_since_ms IS NULL",
            {"identities": chunk},
        ):
            found[LibraryId(row["library_id"]), row["root"]].append(row["path"])
    return [Elsewhere(library_id, root, tuple(paths)) for (library_id, root), paths in found.items()]


def chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    """As many as may stand in one IN (...)."""
    for at in range(0, len(values), _LIST):
        yield values[at : at + _LIST]
