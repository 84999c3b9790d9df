"""GET tracks/{id}/playback: the signed addresses of a track."""

from __future__ import annotations

import msgspec
from aiohttp import web

from mediaserver.accounts.permits import Viewer
from mediaserver.core.errors import Damaged, WorkerFailed
from mediaserver.core.units import TrackId
from mediaserver.http.api import offers, shapes
from mediaserver.http.api.offers import PlayerAsked
from mediaserver.http.api.shapes import Playback
from mediaserver.http.base.basepath import address, addresses
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.streaming.shapes import Shape
from mediaserver.views.levels import AS_IT_IS, Levels
from mediaserver.views.playing import Playing


def routes(playing: Playing, levels: Levels) -> list[Endpoint]:
    door = Door("Playing", "Signed addresses of the sound, and what they lead to.")

    @door("GET /api/v1/tracks/{id}/playback", raises=[Damaged, WorkerFailed])
    async def playback(request: web.Request, viewer: Viewer, id: TrackId, query: PlayerAsked) -> Playback:
        """Signed addresses of a track, and which of them suits the player.

        An address is good for the track's length and half a day, and ends earlier with the session or token that asked.
        """
        player = offers.player(request, query)
        heard, asked = await levels.of_track(viewer, id), offers.baked(query)
        gain_db = heard.gain_db(asked.level, asked.preamp_db) if asked.level is not None else 0.0
        found = await playing.playback(viewer, id, player, Shape.of_db(gain_db, is_night=asked.is_night))
        is_asked = asked != AS_IT_IS
        baked = shapes.Baked(gain_db=found.shape.gain_db, is_night=found.shape.is_night) if is_asked else None
        told = Playback.of(found, levels=shapes.levels_of(heard), offers=offers.told(found.offers), baked=baked)
        return msgspec.structs.replace(
            told,
            hls=addresses(told.hls),
            dash=told.dash and address(told.dash),
            stream=addresses(told.stream),
            direct=told.direct and address(told.direct),
        )

    return door.endpoints
