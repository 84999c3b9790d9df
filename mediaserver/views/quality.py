"""How well listening goes: players report it for whoever listens, administrators see it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from mediaserver.accounts import Accounts
from mediaserver.accounts.permits import Viewer
from mediaserver.catalog.tracks import Tracks
from mediaserver.checkup import listening as checkup
from mediaserver.checkup.findings import Finding
from mediaserver.core.clock import Clock
from mediaserver.core.errors import NotFound, Unauthenticated, Unavailable
from mediaserver.listening import Listening
from mediaserver.listening.figures import Figures, Play, figures, grouped
from mediaserver.listening.qoe import KEPT_MS, LONGEST_PLAYER, Counts, Failure, Family, Network, Report, Reported

__all__ = [
    "KEPT_DAYS",
    "LONGEST_PLAYER",
    "BadPlay",
    "Counts",
    "Failure",
    "Family",
    "Figures",
    "Finding",
    "Network",
    "Quality",
    "Report",
    "Summary",
    "Taken",
]

DAY_MS = 86_400_000
KEPT_DAYS = KEPT_MS // DAY_MS
SLOW_MS = 3000
"""Who waits so long for the first sound has had a bad play."""
MOST_GROUPS = 20
MOST_BAD = 30
OTHERS = "Others"


@dataclass(frozen=True, slots=True)
class Taken:
    taken: int
    left_out: int
    """Of tracks that there are not."""


@dataclass(frozen=True, slots=True)
class BadPlay:
    report: Report
    person: str
    device: str | None
    """The token's name, or what the browser calls itself; None once it is signed out."""
    title: str | None
    artist: str | None


@dataclass(frozen=True, slots=True)
class Summary:
    days: int
    total: Figures
    by_day: list[tuple[date, Figures]]
    """Days of the house with plays, the newest first."""
    by_player: list[tuple[str, Figures]]
    by_network: list[tuple[str, Figures]]
    found: list[Finding]
    """What has become worse; or one row that nothing has."""
    bad: list[BadPlay]


class Quality:
    def __init__(self, listening: Listening, tracks: Tracks, accounts: Accounts, clock: Clock, zone: tzinfo) -> None:
        """Days begin at midnight in `zone`."""
        self._listening, self._tracks, self._accounts = listening, tracks, accounts
        self._clock, self._zone = clock, zone

    @property
    def counts(self) -> Counts:
        return self._listening.qoe.counts

    async def report(self, viewer: Viewer, reports: Sequence[Report], *, dropped: int) -> Taken:
        """Keep what a player of this person says; what was told before is not counted twice.

        `dropped`: how many the player had to forget. Raises Invalid, TooManyAttempts where too
        much is reported, and Unauthenticated.
        """
        self._listening.allowance.take(viewer.user_id, max(1, len(reports)))
        there = await self._tracks.titles({one.track_id for one in reports})
        wanted = [one for one in reports if one.track_id in there]
        try:
            new = await self._listening.qoe.add(viewer.user_id, viewer.grant, wanted)
        except NotFound as error:  # the person was removed a moment ago
            raise Unauthenticated("sign in first, or send a valid token") from error
        self.counts.dropped += dropped
        return Taken(new, len(reports) - len(wanted))

    async def summary(self, viewer: Viewer, days: int) -> Summary:
        """Of the last `days`. Raises Forbidden for who is no administrator."""
        viewer.must_be_admin()
        since_ms = self._clock.now_ms() - days * DAY_MS
        plays = await self._listening.qoe.plays(since_ms)
        # In a thread: a season of plays takes a moment, and music goes on.
        total, by_day, by_player, by_network = await asyncio.to_thread(self._summed, plays)
        return Summary(days, total, by_day, by_player, by_network, await self.found(), await self._bad(since_ms))

    async def found(self) -> list[Finding]:
        """Whether listening has become worse, looked at now; for administrators."""
        try:
            worse = await self._listening.watch.look()
        except Unavailable:
            told = "it cannot be looked at for now"
            return [Finding("listening", "Listening", "warning", told, "See what is said of the database.")]
        return checkup.judged(worse, self._listening.watch.plays)

    def warnings(self) -> list[str]:
        """For everybody: without names and figures."""
        return checkup.warnings(self._listening.watch.worse)

    def _summed(
        self, plays: Sequence[Play]
    ) -> tuple[Figures, list[tuple[date, Figures]], list[tuple[str, Figures]], list[tuple[str, Figures]]]:
        by_day = grouped(plays, lambda one: datetime.fromtimestamp(one.started_at_ms / 1000, self._zone).date())
        named = set(list(grouped(plays, lambda one: one.player))[: MOST_GROUPS - 1])
        by_player = grouped(plays, lambda one: one.player if one.player in named else OTHERS)
        by_network = grouped(plays, lambda one: one.network)
        return figures(plays), sorted(by_day.items(), reverse=True), list(by_player.items()), list(by_network.items())

    async def _bad(self, since_ms: int) -> list[BadPlay]:
        reported = await self._listening.qoe.bad(since_ms, slow_ms=SLOW_MS, limit=MOST_BAD)
        if not reported:
            return []
        titles = await self._tracks.titles({one.report.track_id for one in reported})
        names = {one.id: one.name for one in await self._accounts.users.all()}
        grants = {one.grant for one in reported}
        devices = {**await self._accounts.sessions.clients(grants), **await self._accounts.tokens.names(grants)}

        def shown(one: Reported) -> BadPlay:
            title, artist = titles.get(one.report.track_id, (None, None))
            return BadPlay(one.report, names.get(one.user_id, ""), devices.get(one.grant), title, artist)

        return [shown(one) for one in reported]
