"""Where the bytes of a picture lie."""

from __future__ import annotations

from pathlib import Path

from mediaserver.catalog.shapes import PictureFile
from mediaserver.core.errors import NotFound
from mediaserver.core.units import Digest
from mediaserver.media import cuts
from mediaserver.storage.database import Database

_HOLDS_IT = "t.picture_digest = pictures.digest AND t.missing_since_ms IS NULL"
FIND_AGAIN = (
    "UPDATE pictures SET (library_id, path) ="
    f" (SELECT t.library_id, t.path FROM tracks t WHERE {_HOLDS_IT} ORDER BY t.id LIMIT 1)"
    f" WHERE pictures.embedded AND EXISTS (SELECT 1 FROM tracks t WHERE {_HOLDS_IT})"
    " AND NOT EXISTS (SELECT 1 FROM tracks t WHERE t.library_id = pictures.library_id AND t.path = pictures.path"
    f" AND {_HOLDS_IT})"
)
"""For the writer: an embedded picture is taken from the next file that holds it, where its own is gone."""


class Pictures:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def file(self, digest: str) -> PictureFile:
        """Raises NotFound."""
        row = await self._database.one(
            "SELECT p.path, p.embedded, p.mime, l.root FROM pictures p JOIN libraries l ON l.id = p.library_id"
            " WHERE p.digest = :digest",
            {"digest": digest},
        )
        if row is None:
            raise NotFound("there is no such picture")
        path = cuts.file_of(row["path"]) if row["embedded"] else row["path"]
        return PictureFile(Digest(digest), str(Path(row["root"], path)), bool(row["embedded"]), row["mime"])
