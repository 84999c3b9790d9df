"""GET tracks/{id}/playback: the signed addresses of a track."""

from __future__ import annotations

from aiohttp import web

from mediaserver.core.units import TrackId
from mediaserver.http.base import params, replies
from mediaserver.http.base.auth import VIEWER
from mediaserver.views.playing import Playing


def routes(playing: Playing) -> list[web.RouteDef]:
    async def playback(request: web.Request) -> web.Response:
        found = await playing.playback(request[VIEWER], TrackId(params.path_id(request)))
        return replies.json({"hls": found.hls, "direct": found.direct, "duration_ms": found.duration_ms})

    return [web.get("/api/v1/tracks/{id}/playback", playback)]
