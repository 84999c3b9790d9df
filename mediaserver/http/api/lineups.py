"""GET albums/{id}/playback and POST playback: the signed addresses of several tracks as one sound."""

from __future__ import annotations

from typing import Annotated

import msgspec
from aiohttp import web
from msgspec import Meta

from mediaserver.accounts.permits import Viewer
from mediaserver.core.errors import Damaged, NotFound, WorkerFailed
from mediaserver.core.units import AlbumId, TrackId
from mediaserver.http.api import offers
from mediaserver.http.api.offers import Offer, PlayerAsked
from mediaserver.http.api.shapes import DurationMs, Families, Manifest
from mediaserver.http.base.basepath import address, addresses
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.params import LARGEST
from mediaserver.http.base.shapes import Asked, Shape
from mediaserver.views import lineups
from mediaserver.views.lineups import CROSSFADE_MOST_MS, MOST_TRACKS, Lineups

CrossfadeMs = Annotated[
    int,
    Meta(
        ge=0,
        le=CROSSFADE_MOST_MS,
        description="milliseconds in which each track fades into the next; 0 joins them without a gap",
        examples=[0],
    ),
]
OneTrack = Annotated[TrackId, Meta(ge=0, le=LARGEST)]


class PlacedTrack(Shape):
    """A track in a lineup."""

    id: TrackId
    title: Annotated[str, Meta(examples=["Jóga"])]
    start_ms: Annotated[int, Meta(description="when it begins to be heard", examples=[254000])]
    duration_ms: DurationMs
    gain_db: Annotated[
        float, Meta(description="dB by which it is turned up or down: 0 unless `level` was asked for", examples=[-8.6])
    ]


class LeftOutTrack(Shape):
    """A track that cannot be played."""

    id: TrackId
    title: Annotated[str, Meta(examples=["Jóga"])]
    reason: Annotated[str, Meta(examples=["the file holds no sound that can be decoded"])]


class Lineup(Shape):
    """Signed addresses of several tracks as one continuous sound."""

    hls: Families
    dash: Manifest
    offers: Annotated[list[Offer], Meta(description="all of these in the order that suits the player")]
    duration_ms: DurationMs
    tracks: list[PlacedTrack]
    left_out: list[LeftOutTrack]
    is_night: Annotated[
        bool,
        Meta(description="less range, as `night` asked for; false while one of the tracks is not measured"),
    ] = msgspec.field(name="night")


class AlbumAsked(PlayerAsked):
    crossfade_ms: CrossfadeMs = 0


class QueueAsked(Asked):
    """Tracks in their order."""

    tracks: Annotated[
        list[OneTrack],
        Meta(
            min_length=1, max_length=MOST_TRACKS, description="ids; one may come more than once", examples=[[1, 2, 1]]
        ),
    ]
    crossfade_ms: CrossfadeMs = 0


def routes(views: Lineups) -> list[Endpoint]:
    door = Door("Playing", "Signed addresses of the sound, and what they lead to.")

    @door("GET /api/v1/albums/{id}/playback", raises=[Damaged, WorkerFailed])
    async def album_playback(request: web.Request, viewer: Viewer, id: AlbumId, query: AlbumAsked) -> Lineup:
        """Signed addresses of a whole album as one sound, without a gap.

        Tracks that cannot be played are left out, and named.
        """
        player = offers.player(request, query)
        baked = offers.baked(query)
        return _told(await views.album(viewer, id, crossfade_ms=query.crossfade_ms, player=player, baked=baked))

    @door("POST /api/v1/playback", raises=[Damaged, NotFound, WorkerFailed])
    async def queue_playback(request: web.Request, viewer: Viewer, body: QueueAsked, query: PlayerAsked) -> Lineup:
        """Signed addresses of a queue of tracks as one sound, without a gap.

        The answer names tracks that cannot be played, and leaves them out; 404 names a track that is not there.
        """
        player = offers.player(request, query)
        baked = offers.baked(query)
        found = await views.queue(viewer, body.tracks, crossfade_ms=body.crossfade_ms, player=player, baked=baked)
        return _told(found)

    return door.endpoints


def _told(found: lineups.Lineup) -> Lineup:
    told = Lineup.of(found, offers=offers.told(found.offers))
    return msgspec.structs.replace(told, hls=addresses(told.hls), dash=told.dash and address(told.dash))
