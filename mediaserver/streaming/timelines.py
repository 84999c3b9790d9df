"""Which sounds stand behind the digest of a timeline. The only writer of timelines."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections import OrderedDict

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Damaged, NotFound, Unavailable
from mediaserver.core.seldom import Seldom
from mediaserver.storage.database import Database
from mediaserver.streaming import timeline as timelines
from mediaserver.streaming.timeline import Timeline

_seldom = Seldom(logging.getLogger(__name__))

_DAY_MS = 86_400_000
_KEPT_MS, _LEAST_MS = 7 * _DAY_MS, 2 * _DAY_MS  # beyond the length; an address holds half a day beyond it
MOST = 10_000  # of at most about 20 kB each, whatever is asked for
_REMEMBERED = 64


class Timelines:
    def __init__(self, database: Database, clock: Clock, *, most: int = MOST) -> None:
        self._database = database
        self._clock = clock
        self._most = most
        self._remembered: OrderedDict[str, Timeline] = OrderedDict()

    async def keep(self, timeline: Timeline) -> None:
        """On disk before this returns: an address that is given out leads somewhere for as long as it holds.

        Those that no address can lead to any more are forgotten. Where the database cannot take it, on a full disk, the
        music goes on: it is remembered for a while.
        """
        self._remember(timeline)
        try:
            await self._store(timeline)
        except Unavailable as error:
            _seldom.say(logging.WARNING, "an album or a queue could not be kept: %s", error)

    async def _store(self, timeline: Timeline) -> None:
        now_ms = self._clock.now_ms()
        length_ms = timeline.length_samples * 1000 // timeline.rate_hz
        row = await self._database.one(
            "SELECT kept_until_ms FROM timelines WHERE digest = :digest", {"digest": timeline.digest}
        )
        if row is None or row["kept_until_ms"] < now_ms + length_ms + _LEAST_MS:
            parts = await asyncio.to_thread(zlib.compress, timeline.packed())
            async with self._database.write() as tx:
                await tx.run("DELETE FROM timelines WHERE kept_until_ms < :now", {"now": now_ms})
                await tx.run(
                    "DELETE FROM timelines WHERE digest IN (SELECT digest FROM timelines"
                    " ORDER BY kept_until_ms DESC, digest LIMIT 1000 OFFSET :most)",
                    {"most": self._most - 1},
                )
                await tx.run(
                    "INSERT INTO timelines (digest, parts, kept_until_ms) VALUES (:digest, :parts, :until)"
                    " ON CONFLICT (digest) DO UPDATE SET kept_until_ms = excluded.kept_until_ms",
                    {"digest": timeline.digest, "parts": parts, "until": now_ms + length_ms + _KEPT_MS},
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
