"""Which sounds stand behind the digest of a timeline, and who asked for it. The only writer of timelines and
timeline_holders."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections import OrderedDict

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Damaged, NotFound, Unavailable
from mediaserver.core.seldom import Seldom
from mediaserver.core.units import UserId
from mediaserver.storage.database import Database, Transaction
from mediaserver.streaming import timeline as timelines
from mediaserver.streaming.timeline import Timeline

_seldom = Seldom(logging.getLogger(__name__))

_DAY_MS = 86_400_000
_KEPT_MS, _LEAST_MS = 7 * _DAY_MS, 2 * _DAY_MS  # beyond the length; an address holds half a day beyond it
MOST = 10_000  # of at most about 20 kB each, whatever is asked for
MOST_OF_ONE = 1000
"""Of one person. Where there are too many in sum, those go first of who has most."""
_REMEMBERED = 64


class Timelines:
    def __init__(self, database: Database, clock: Clock, *, most: int = MOST, most_of_one: int = MOST_OF_ONE) -> None:
        self._database = database
        self._clock = clock
        self._most, self._most_of_one = most, most_of_one
        self._remembered: OrderedDict[str, Timeline] = OrderedDict()

    async def keep(self, timeline: Timeline, user_id: UserId) -> None:
        """For this person, on disk before this returns: an address that is given out leads somewhere for as long as it
        holds, unless the same person asks for very many more.

        Those that no address can lead to any more are forgotten. Where the database cannot take it, on a full disk, the
        music goes on: it is remembered for a while. Raises NotFound for a person that there is not.
        """
        self._remember(timeline)
        try:
            await self._store(timeline, user_id)
        except Unavailable as error:
            _seldom.say(logging.WARNING, "an album or a queue could not be kept: %s", error)

    async def _store(self, timeline: Timeline, user_id: UserId) -> None:
        now_ms = self._clock.now_ms()
        length_ms = timeline.length_samples * 1000 // timeline.rate_hz
        told = {"digest": timeline.digest, "user": user_id}
        row = await self._database.one(
            "SELECT kept_until_ms FROM timeline_holders WHERE digest = :digest AND user_id = :user", told
        )
        if row is None or row["kept_until_ms"] < now_ms + length_ms + _LEAST_MS:
            parts = await asyncio.to_thread(zlib.compress, timeline.packed())
            until_ms = now_ms + length_ms + _KEPT_MS
            async with self._database.write() as tx:
                await tx.run("DELETE FROM timelines WHERE kept_until_ms < :now", {"now": now_ms})
                await tx.run("DELETE FROM timeline_holders WHERE kept_until_ms < :now", {"now": now_ms})
                await self._make_room(tx, user_id, timeline.digest)
                await tx.run(
                    "INSERT INTO timelines (digest, parts, kept_until_ms) VALUES (:digest, :parts, :until)"
                    " ON CONFLICT (digest) DO UPDATE SET kept_until_ms = CASE"
                    " WHEN excluded.kept_until_ms > timelines.kept_until_ms THEN excluded.kept_until_ms"
                    " ELSE timelines.kept_until_ms END",
                    {"digest": timeline.digest, "parts": parts, "until": until_ms},
                )
                await tx.run(_HOLD, {**told, "until": until_ms})

    async def _make_room(self, tx: Transaction, user_id: UserId, digest: str) -> None:
        """For one more: at the cost of this person's oldest, and of who has most where there are too many in sum."""
        await self._let_go(tx, user_id, kept=self._most_of_one - 1, besides=digest)
        told = {"digest": digest}
        if await self._are_too_many(tx, digest):
            # Some are of nobody any more: a person was removed, or an older server kept them.
            await tx.run(
                "DELETE FROM timelines WHERE digest <> :digest AND digest NOT IN (SELECT digest FROM timeline_holders)",
                told,
            )
        if await self._are_too_many(tx, digest):
            most = await tx.one(
                "SELECT user_id, COUNT(*) AS n FROM timeline_holders WHERE digest <> :digest"
                " GROUP BY user_id ORDER BY n DESC, user_id LIMIT 1",
                told,
            )
            if most is not None:
                await self._let_go(tx, UserId(most["user_id"]), kept=most["n"] - 1, besides=digest)

    async def _are_too_many(self, tx: Transaction, besides: str) -> bool:
        row = await tx.one("SELECT COUNT(*) AS n FROM timelines WHERE digest <> :digest", {"digest": besides})
        return row is not None and row["n"] >= self._most

    async def _let_go(self, tx: Transaction, user_id: UserId, *, kept: int, besides: str) -> None:
        """All of a person's but the newest; a timeline that nobody holds then is forgotten."""
        gone = await tx.all(
            "DELETE FROM timeline_holders WHERE user_id = :user AND digest IN (SELECT digest FROM timeline_holders"
            " WHERE user_id = :user AND digest <> :besides ORDER BY kept_until_ms DESC, digest LIMIT 1000 OFFSET :kept)"
            " RETURNING digest",
            {"user": user_id, "kept": max(0, kept), "besides": besides},
        )
        for one in gone:
            await tx.run(
                "DELETE FROM timelines WHERE digest = :digest"
                " AND digest NOT IN (SELECT digest FROM timeline_holders WHERE digest = :digest)",
                {"digest": one["digest"]},
            )

    def known(self, digest: str) -> Timeline | None:
        """One of those that were used last."""
        found = self._remembered.get(digest)
        if found is not None:
            self._remembered.move_to_end(digest)
        return found

    async def get(self, digest: str) -> Timeline:
        """Raises NotFound for one that never was or is forgotten, and Damaged."""
        found = self.known(digest)
        if found is None:
            row = await self._database.one("SELECT parts FROM timelines WHERE digest = :digest", {"digest": digest})
            if row is None:
                raise NotFound("there is no such sound")
            found = await asyncio.to_thread(_read, bytes(row["parts"]))
            if found.digest != digest:  # of an older form: its samples would be others
                raise NotFound("there is no such sound")
            self._remember(found)
        return found

    def _remember(self, timeline: Timeline) -> None:
        self._remembered[timeline.digest] = timeline
        while len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)


def _read(packed: bytes) -> Timeline:
    """Raises Damaged."""
    try:
        parts = zlib.decompress(packed)
    except zlib.error as error:
        raise Damaged("what is kept of a timeline is damaged") from error
    return timelines.unpacked(parts)


_HOLD = (
    "INSERT INTO timeline_holders (user_id, digest, kept_until_ms) VALUES (:user, :digest, :until)"
    " ON CONFLICT (user_id, digest) DO UPDATE SET kept_until_ms = excluded.kept_until_ms"
)
