"""Where the bytes of a picture lie."""

from __future__ import annotations

from pathlib import Path

from mediaserver.catalog.shapes import PictureFile
from mediaserver.core.errors import NotFound
from mediaserver.core.units import Digest
from mediaserver.storage.database import Database


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
        return PictureFile(Digest(digest), str(Path(row["root"], row["path"])), bool(row["embedded"]), row["mime"])
