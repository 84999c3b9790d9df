"""GET loudness: how far the measuring of loudness has come."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from mediaserver.accounts.permits import Viewer
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.shapes import Shape
from mediaserver.views.levels import Levels


class LoudnessStatus(Shape):
    """How far the measuring of loudness has come."""

    state: Annotated[
        Literal["off", "measuring", "waiting", "done"],
        Meta(
            description="`waiting`: for the hours in which it may, or for a disk that is away", examples=["measuring"]
        ),
    ]
    total: Annotated[int, Meta(description="sounds that there are; a recording that is there twice is one")]
    measured: int
    failed: Annotated[int, Meta(description="sounds that could not be measured")]
    remaining_ms: Annotated[
        int | None, Meta(description="milliseconds of measuring, where it can be told", examples=[5400000])
    ]


def routes(levels: Levels) -> list[Endpoint]:
    door = Door("Loudness", "How loud the music is, and by how much to turn it up or down.")

    @door("GET /api/v1/loudness")
    async def loudness(viewer: Viewer) -> LoudnessStatus:
        """How far the measuring of loudness has come, for everybody."""
        return LoudnessStatus.of(levels.progress(viewer))

    return door.endpoints
