"""How well plays went, as players report it. The only writer of qoe_reports.

A row for each track that was played, for 90 days, and never more than fifty thousand. Nothing is written while nothing
is played.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Invalid
from mediaserver.core.timings import Timings
from mediaserver.core.units import TrackId, UserId
from mediaserver.listening.figures import Play
from mediaserver.storage.database import Database, Row, Transaction

Family = Literal["aac", "flac", "opus", "mp3", "original", "other"]
Network = Literal["ethernet", "wifi", "cellular", "other", "unknown"]
Failure = Literal["", "line", "refused", "gone", "damaged", "unsupported", "gave-up", "other"]
"""Why there was no more sound: the line was gone, the server refused, the file has left or is damaged, the player
has no codec, or the listener went on before there was any.
"""
FAILURES: tuple[str, ...] = tuple(word for word in get_args(Failure) if word)

KEPT_MS = 90 * 86_400_000
MOST = 50_000
LONGEST_PLAYER = 64
_SWEEP_EVERY_MS = 3_600_000
_INSERT = (
    "INSERT INTO qoe_reports (user_id, report_id, grant_id, track_id, started_at_ms, first_sound_ms, is_followed,"
    " played_ms, stalls, stalled_ms, switches, buffered_ms, bitrate_bps, line_bps, family, player, network, error)"
    " VALUES (:user, :id, :grant, :track_id, :started_at_ms, :first_sound_ms, :is_followed, :played_ms, :stalls,"
    " :stalled_ms, :switches, :buffered_ms, :bitrate_bps, :line_bps, :family, :player, :network, :error)"
    " ON CONFLICT (user_id, report_id) DO NOTHING RETURNING id"
)
_PLAYS = (
    "SELECT started_at_ms, first_sound_ms, is_followed, played_ms, stalls, stalled_ms, switches, bitrate_bps, player,"
    " network, error FROM qoe_reports WHERE started_at_ms >= :since AND started_at_ms <= :now"
    " ORDER BY started_at_ms, id"
)
_BAD = (
    "SELECT * FROM qoe_reports WHERE started_at_ms >= :since AND (stalls > 0 OR error <> '' OR first_sound_ms >= :slow)"
    " ORDER BY started_at_ms DESC, id DESC LIMIT :limit"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One track, or a part of it, as it was played once."""

    id: str
    """Made by the player, unique among one person's."""
    track_id: TrackId
    started_at_ms: int
    first_sound_ms: int | None
    """From the press to the sound; where it followed another track, the gap between. None: not known, or no sound."""
    is_followed: bool
    played_ms: int
    stalls: int
    stalled_ms: int
    switches: int
    buffered_ms: int | None
    bitrate_bps: int | None
    line_bps: int | None
    family: Family
    player: str
    network: Network
    error: Failure


@dataclass(frozen=True, slots=True)
class Reported:
    """Whose it was, too."""

    user_id: UserId
    grant: str
    report: Report


@dataclass(slots=True)
class Counts:
    """Since the server has started."""

    plays: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    listened_ms: int = 0
    stalls: int = 0
    stalled_ms: int = 0
    switches: int = 0
    dropped: int = 0
    """That players had to forget, as they say themselves."""
    first_sound: Timings = field(default_factory=Timings)
    """Of plays that somebody began."""

    def add(self, report: Report) -> None:
        self.plays += 1
        self.listened_ms += report.played_ms
        self.stalls += report.stalls
        self.stalled_ms += report.stalled_ms
        self.switches += report.switches
        if report.error:
            self.failed[report.error] += 1
        if report.first_sound_ms is not None and not report.is_followed:
            self.first_sound.add(report.first_sound_ms / 1000)


class Qoe:
    def __init__(self, database: Database, clock: Clock, *, most: int = MOST) -> None:
        self.counts = Counts()
        self.on_new: Callable[[], None] = lambda: None
        """Called after new reports are on disk."""
        self._database = database
        self._clock = clock
        self._most = most
        self._swept_at_ms = 0

    async def add(self, user_id: UserId, grant: str, reports: Sequence[Report]) -> int:
        """How many were new; the others were handed in before, or are older than what is kept.

        One transaction for all. A play that begins in the future, by a clock that is wrong, begins now.

        Raises Invalid, and NotFound for a person that there is not.
        """
        now_ms = self._clock.now_ms()
        for one in reports:
            _check(one)
        wanted = [one for one in reports if one.started_at_ms > now_ms - KEPT_MS]
        if not wanted:
            return 0
        new: list[Report] = []
        async with self._database.write() as tx:
            for one in wanted:
                if await tx.one(_INSERT, {**_params(one, now_ms), "user": user_id, "grant": grant}) is not None:
                    new.append(one)
            if abs(now_ms - self._swept_at_ms) > _SWEEP_EVERY_MS:
                await self._sweep(tx, now_ms)
            tx.after_commit(lambda: self._added(new))
        return len(new)

    async def plays(self, since_ms: int) -> list[Play]:
        """Everybody's, the oldest first."""
        params = {"since": since_ms, "now": self._clock.now_ms()}
        rows = await self._database.all(_PLAYS, params)
        # In a thread: fifty thousand take a moment, and music goes on.
        return await asyncio.to_thread(lambda: [_play(row) for row in rows])

    async def bad(self, since_ms: int, *, slow_ms: int, limit: int) -> list[Reported]:
        """Plays that stalled, failed, or took `slow_ms` and more to begin; the newest first."""
        rows = await self._database.all(_BAD, {"since": since_ms, "slow": slow_ms, "limit": limit})
        return [_reported(row) for row in rows]

    async def sweep(self) -> None:
        """Forget what is too old, or too much. Where there is nothing of it, nothing is written."""
        async with self._database.write(durable=False) as tx:
            await self._sweep(tx, self._clock.now_ms())

    async def _sweep(self, tx: Transaction, now_ms: int) -> None:
        await tx.run("DELETE FROM qoe_reports WHERE started_at_ms <= :old", {"old": now_ms - KEPT_MS})
        # Ids only grow: behind the newest `most` of them there are at most so many rows.
        await tx.run(
            "DELETE FROM qoe_reports WHERE id <= (SELECT MAX(id) FROM qoe_reports) - :most", {"most": self._most}
        )

        def swept() -> None:
            self._swept_at_ms = now_ms

        tx.after_commit(swept)

    def _added(self, new: Sequence[Report]) -> None:
        for one in new:
            self.counts.add(one)
        if new:
            self.on_new()


def _check(report: Report) -> None:
    player = report.player
    if not 1 <= len(player) <= LONGEST_PLAYER or not player.isprintable() or player != player.strip():
        raise Invalid(f"player has 1 to {LONGEST_PLAYER} printable characters", field="player")


def _params(report: Report, now_ms: int) -> dict[str, object]:
    return {
        "id": report.id,
        "track_id": report.track_id,
        "started_at_ms": min(report.started_at_ms, now_ms),
        "first_sound_ms": report.first_sound_ms,
        "is_followed": report.is_followed,
        "played_ms": report.played_ms,
        "stalls": report.stalls,
        "stalled_ms": report.stalled_ms,
        "switches": report.switches,
        "buffered_ms": report.buffered_ms,
        "bitrate_bps": report.bitrate_bps,
        "line_bps": report.line_bps,
        "family": report.family,
        "player": report.player,
        "network": report.network,
        "error": report.error,
    }


def _play(row: Row) -> Play:
    return Play(
        row["started_at_ms"],
        row["first_sound_ms"],
        bool(row["is_followed"]),
        row["played_ms"],
        row["stalls"],
        row["stalled_ms"],
        row["switches"],
        row["bitrate_bps"],
        row["player"],
        row["network"],
        bool(row["error"]),
    )


def _reported(row: Row) -> Reported:
    report = Report(
        id=row["report_id"],
        track_id=TrackId(row["track_id"]),
        started_at_ms=row["started_at_ms"],
        first_sound_ms=row["first_sound_ms"],
        is_followed=bool(row["is_followed"]),
        played_ms=row["played_ms"],
        stalls=row["stalls"],
        stalled_ms=row["stalled_ms"],
        switches=row["switches"],
        buffered_ms=row["buffered_ms"],
        bitrate_bps=row["bitrate_bps"],
        line_bps=row["line_bps"],
        family=row["family"],
        player=row["player"],
        network=row["network"],
        error=row["error"],
    )
    return Reported(UserId(row["user_id"]), row["grant_id"], report)
