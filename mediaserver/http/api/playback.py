"""GET tracks/{id}/playback: the signed addresses of a track."""

from __future__ import annotations

from mediaserver.accounts.permits import Viewer
from mediaserver.core.errors import Damaged, WorkerFailed
from mediaserver.core.units import TrackId
from mediaserver.http.api.shapes import Playback
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.views.playing import Playing


def routes(playing: Playing) -> list[Endpoint]:
    door = Door("Playing", "Signed addresses of the sound, and what they lead to.")

    @door("GET /api/v1/tracks/{id}/playback", raises=[Damaged, WorkerFailed])
    async def playback(viewer: Viewer, id: TrackId) -> Playback:
        """Signed addresses of a track.

        An address is good for the track's length and half a day, and ends earlier with the session or token that asked.
        """
        return Playback.of(await playing.playback(viewer, id))

    return door.endpoints
