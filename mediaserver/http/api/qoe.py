"""How well plays went: players report it, administrators see it in figures."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from mediaserver.accounts.permits import Viewer
from mediaserver.core.errors import TooManyAttempts
from mediaserver.core.units import TrackId
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.params import LARGEST
from mediaserver.http.base.shapes import Asked, AtMs, Query, Shape
from mediaserver.views import quality
from mediaserver.views.quality import KEPT_DAYS, LONGEST_PLAYER, Failure, Family, Network, Quality

MOST_REPORTS = 100
_DAY_MS = 86_400_000
_Name = Annotated[str, Meta(description="what the player calls itself", examples=["Kitchen radio 2.1"])]


def _number(most: int, description: str, example: int | None) -> Any:
    return Meta(ge=0, le=most, description=description, examples=[example])


StartedAtMs = Annotated[int, _number(LARGEST, "when it began: milliseconds since 1970 (UTC)", 1795529868178)]
FirstSoundMs = Annotated[
    int,
    _number(_DAY_MS, "from the press to the sound; where it followed another track by itself, the gap between", 180),
]
PlayedMs = Annotated[int, _number(_DAY_MS, "how much was heard", 214000)]
StalledMs = Annotated[int, _number(_DAY_MS, "how long the stalls took in sum", 0)]
Stalls = Annotated[int, _number(10_000, "how often the sound stopped in the middle, for want of it", 0)]
Switches = Annotated[int, _number(10_000, "how often the quality changed", 1)]
BufferedMs = Annotated[int, _number(_DAY_MS, "how much was in hand while it played, in the mean", 41000)]
BitrateBps = Annotated[int, _number(1_000_000_000, "of what was heard, the mean", 290000)]
LineBps = Annotated[int, _number(1_000_000_000_000, "what the line carried", 24000000)]


class PlayReport(Asked, kw_only=True):
    """How one track was played, or a part of a long one."""

    id: Annotated[
        str,
        Meta(
            pattern="^[A-Za-z0-9_-]{8,64}$",
            description="made by the player, of chance: a report that is sent once more is known by it",
            examples=["dFwq1bXh0kQm2s7Z"],
        ),
    ]
    track_id: Annotated[TrackId, Meta(ge=1, le=LARGEST)]
    started_at_ms: StartedAtMs
    played_ms: PlayedMs
    player: Annotated[_Name, Meta(min_length=1, max_length=LONGEST_PLAYER)]
    first_sound_ms: Annotated[FirstSoundMs | None, Meta(description="null: not known, or there was none")] = None
    followed: Annotated[bool, Meta(description="it followed another track by itself")] = False
    stalls: Stalls = 0
    stalled_ms: StalledMs = 0
    switches: Switches = 0
    buffered_ms: BufferedMs | None = None
    bitrate_bps: BitrateBps | None = None
    line_bps: LineBps | None = None
    family: Annotated[Family, Meta(description="the codec that was heard")] = "other"
    network: Network = "unknown"
    error: Annotated[
        Failure, Meta(description="why there was no more sound; empty where there was, or the listener ended it")
    ] = ""


class PlayReports(Asked):
    """What a player has gathered."""

    reports: Annotated[list[PlayReport], Meta(max_length=MOST_REPORTS)]
    dropped: Annotated[int, Meta(ge=0, le=1_000_000, description="how many had to be forgotten before")] = 0


class ReportsTaken(Shape):
    """What became of them. None of them need be sent again."""

    taken: Annotated[int, Meta(description="new ones", examples=[1])]
    left_out: Annotated[int, Meta(description="of tracks that there are not", examples=[0])]


class QualityFigures(Shape):
    """Plays in figures."""

    plays: Annotated[int, Meta(examples=[312])]
    failed: Annotated[int, Meta(description="plays that ended in an error", examples=[1])]
    stalled: Annotated[int, Meta(description="plays with a stall", examples=[4])]
    stalled_share: Annotated[float, Meta(description="the same of all, 0 to 1", examples=[0.0128])]
    stalled_s_per_h: Annotated[float, Meta(description="seconds of stalls in an hour of sound", examples=[1.4])]
    listened_ms: Annotated[int, Meta(examples=[66768000])]
    switches: Annotated[int, Meta(examples=[37])]
    first_sound_median_ms: Annotated[int | None, Meta(description="of plays that somebody began", examples=[140])]
    first_sound_p95_ms: Annotated[int | None, Meta(description="19 of 20 began sooner", examples=[420])]
    gap_p95_ms: Annotated[
        int | None, Meta(description="silence before tracks that follow by themselves, of 19 of 20", examples=[0])
    ]
    bitrate_bps: Annotated[int | None, Meta(description="in the mean of all that was heard", examples=[281000])]


class QualityOfDay(QualityFigures):
    date: Annotated[str, Meta(description="a day of the house", examples=["2026-11-26"])]


class QualityOfPlayer(QualityFigures):
    player: Annotated[str, Meta(examples=["Page (Firefox on Android)"])]


class QualityOfNetwork(QualityFigures):
    network: Annotated[Network, Meta(examples=["wifi"])]


class QualityFinding(Shape):
    """Whether it has become worse."""

    name: Annotated[str, Meta(examples=["Listening"])]
    state: Annotated[str, Meta(description="`ok` or `warning`", examples=["ok"])]
    message: Annotated[str, Meta(examples=["as well as before, by 2,480 plays that were reported"])]
    remedy: Annotated[str, Meta(description="what mends it, or empty", examples=[""])]


class BadPlay(Shape):
    """A play that stalled, failed or began late."""

    person: Annotated[str, Meta(examples=["Anna"])]
    device: Annotated[
        str | None, Meta(description="a token's name, or what a browser calls itself; null once it is signed out")
    ]
    track_id: TrackId
    title: Annotated[str | None, Meta(description="null where the track is not there any more", examples=["Jóga"])]
    artist: Annotated[str | None, Meta(examples=["Björk"])]
    started_at_ms: AtMs
    first_sound_ms: FirstSoundMs | None
    followed: bool
    played_ms: PlayedMs
    stalls: Stalls
    stalled_ms: StalledMs
    switches: Switches
    buffered_ms: BufferedMs | None
    bitrate_bps: BitrateBps | None
    line_bps: LineBps | None
    family: Family
    player: _Name
    network: Network
    error: Failure


class ListeningQuality(Shape):
    """How well listening went in the last days."""

    days: int
    findings: list[QualityFinding]
    total: QualityFigures
    by_day: Annotated[list[QualityOfDay], Meta(description="days with plays, the newest first")]
    by_player: Annotated[list[QualityOfPlayer], Meta(description="those with most plays first")]
    by_network: list[QualityOfNetwork]
    bad: Annotated[list[BadPlay], Meta(description="the last ones that were bad, the newest first")]


class DaysAsked(Query):
    days: Annotated[int, Meta(ge=1, le=KEPT_DAYS, description="how many of the last days")] = 14


def routes(view: Quality) -> list[Endpoint]:
    door = Door("Listening quality", "How well plays went: players report it, administrators see it.")

    @door("POST /api/v1/qoe", status=202, raises=[TooManyAttempts])
    async def report_plays(viewer: Viewer, body: PlayReports) -> ReportsTaken:
        """Reports how plays went.

        By any player, for who is signed in. A report whose `id` was taken before is not counted again, so that what
        was not answered can be sent once more.
        """
        reports = [_report(one) for one in body.reports]
        return ReportsTaken.of(await view.report(viewer, reports, dropped=body.dropped))

    @door("GET /api/v1/qoe", is_admins=True)
    async def listening_quality(viewer: Viewer, query: DaysAsked) -> ListeningQuality:
        """How well listening went in the last days: in sum, by day, by player and by network, and what was bad."""
        found = await view.summary(viewer, query.days)
        return ListeningQuality(
            found.days,
            [QualityFinding.of(one, message=one.told) for one in found.found],
            QualityFigures.of(found.total),
            [QualityOfDay.of(one, date=day.isoformat()) for day, one in found.by_day],
            [QualityOfPlayer.of(one, player=player) for player, one in found.by_player],
            [QualityOfNetwork.of(one, network=network) for network, one in found.by_network],
            [_bad(one) for one in found.bad],
        )

    return door.endpoints


def _report(one: PlayReport) -> quality.Report:
    values = msgspec.structs.asdict(one)
    return quality.Report(is_followed=values.pop("followed"), **values)


def _bad(one: quality.BadPlay) -> BadPlay:
    return BadPlay.of(
        one.report,
        person=one.person,
        device=one.device,
        title=one.title,
        artist=one.artist,
        followed=one.report.is_followed,
    )
