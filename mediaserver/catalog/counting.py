"""How much music there is."""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.storage.database import Database


@dataclass(frozen=True, slots=True)
class Counts:
    """Of what is there: neither missing tracks nor albums of nothing else."""

    tracks: int
    albums: int
    artists: int


class Counting:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def counts(self) -> Counts:
        row = await self._database.one(
            "SELECT COUNT(*) AS tracks, COUNT(DISTINCT album_id) AS albums, (SELECT COUNT(*) FROM artists) AS artists"
            " FROM tracks WHERE missing_since_ms IS NULL"
        )
        return Counts(0, 0, 0) if row is None else Counts(row["tracks"], row["albums"], row["artists"])
