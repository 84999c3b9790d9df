"""What each person wants kept ready: albums and tracks. The only writer of pins."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Conflict
from mediaserver.core.units import AlbumId, TrackId, UserId
from mediaserver.storage.database import Database, Row

MOST_OF_ONE = 500
"""Of one person; an album is one."""


@dataclass(frozen=True, slots=True)
class Pin:
    id: int
    user_id: UserId
    album_id: AlbumId | None
    track_id: TrackId | None
    """One of both."""
    pinned_at_ms: int


class Pins:
    def __init__(self, database: Database, clock: Clock, *, most_of_one: int = MOST_OF_ONE) -> None:
        self._database = database
        self._clock = clock
        self._most = most_of_one
        self.on_change: Callable[[], None] = lambda: None
        """Called after each change: set by who wants to know."""

    async def add(self, user_id: UserId, *, album_id: AlbumId | None = None, track_id: TrackId | None = None) -> None:
        """One of both; one that is there stays as it is.

        Raises Conflict where this person has too many, and NotFound where there is no such album, track or person.
        """
        params = {"user": user_id, "album": album_id, "track": track_id}
        async with self._database.write() as tx:
            await tx.lock("pins")
            if await tx.one(f"SELECT id FROM pins WHERE {_SAME}", params) is not None:
                return
            row = await tx.one("SELECT COUNT(*) AS n FROM pins WHERE user_id = :user", {"user": user_id})
            if row is not None and row["n"] >= self._most:
                raise Conflict(f"you have {self._most} albums and tracks kept ready already: let go of one first")
            await tx.run(
                "INSERT INTO pins (user_id, album_id, track_id, pinned_at_ms)"
                " VALUES (:user, CAST(:album AS BIGINT), CAST(:track AS BIGINT), :now)",
                {**params, "now": self._clock.now_ms()},
            )
            tx.after_commit(self._changed)

    async def remove(
        self, user_id: UserId, *, album_id: AlbumId | None = None, track_id: TrackId | None = None
    ) -> None:
        """One of both; where there is none, nothing happens."""
        params = {"user": user_id, "album": album_id, "track": track_id}
        async with self._database.write() as tx:
            if await tx.one(f"DELETE FROM pins WHERE {_SAME} RETURNING id", params) is not None:
                tx.after_commit(self._changed)

    async def of(self, user_id: UserId) -> list[Pin]:
        """A person's, the newest first."""
        rows = await self._database.all(
            "SELECT * FROM pins WHERE user_id = :user ORDER BY pinned_at_ms DESC, id DESC", {"user": user_id}
        )
        return [_pin(row) for row in rows]

    async def all(self) -> list[Pin]:
        """Everybody's, the newest first."""
        return [_pin(row) for row in await self._database.all("SELECT * FROM pins ORDER BY pinned_at_ms DESC, id DESC")]

    def _changed(self) -> None:
        self.on_change()


_SAME = "user_id = :user AND (album_id = CAST(:album AS BIGINT) OR track_id = CAST(:track AS BIGINT))"


def _pin(row: Row) -> Pin:
    album_id, track_id = row["album_id"], row["track_id"]
    return Pin(
        row["id"],
        UserId(row["user_id"]),
        None if album_id is None else AlbumId(album_id),
        None if track_id is None else TrackId(track_id),
        row["pinned_at_ms"],
    )
