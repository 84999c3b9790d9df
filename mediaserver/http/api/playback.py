"""GET tracks/{id}/playback: the signed addresses of a track."""

from __future__ import annotations

import msgspec

from mediaserver.accounts.permits import Viewer
from mediaserver.core.errors import Damaged, WorkerFailed
from mediaserver.core.units import TrackId
from mediaserver.http.api.shapes import Playback
from mediaserver.http.base.basepath import address
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.views.playing import Playing


def routes(playing: Playing) -> list[Endpoint]:
    door = Door("Playing", "Signed addresses of the sound, and what they lead to.")

    @door("GET /api/v1/tracks/{id}/playback", raises=[Damaged, WorkerFailed])
    async def playback(viewer: Viewer, id: TrackId) -> Playback:
        """Signed addresses of a track.

        An address is good for the track's length and half a day, and ends earlier with the session or token that asked.
        """
        found = await playing.playback(viewer, id)
        told = Playback.of(found)
        hls = {family: address(path) for family, path in told.hls.items()}
        return msgspec.structs.replace(told, hls=hls, direct=told.direct and address(told.direct))

    return door.endpoints
