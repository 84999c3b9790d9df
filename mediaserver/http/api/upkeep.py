"""The server itself, for administrators: how it is, and how much it says in its log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from mediaserver.accounts.permits import Viewer
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.shapes import Asked, Shape
from mediaserver.views.upkeep import Level, State, Upkeep

LoggerName = Annotated[str, Meta(description="a part of the server; `root` is all of it", examples=["root"])]


class HealthRow(Shape):
    """One thing that was looked at."""

    area: Annotated[str, Meta(description="what it belongs to, in a word", examples=["disk"])]
    name: Annotated[str, Meta(examples=["Disk"])]
    state: Annotated[State, Meta(examples=["warning"])]
    message: Annotated[str, Meta(description="what there is", examples=["920 MB of 32 GB free at /srv/music-data"])]
    remedy: Annotated[str, Meta(description="what mends it, or empty", examples=["Make room."])]
    is_command: Annotated[bool, Meta(description="whether the remedy is for a terminal", examples=[False])]


class ServerHealth(Shape):
    """How the server is, thing by thing."""

    state: Annotated[State, Meta(description="the worst of the rows", examples=["warning"])]
    rows: list[HealthRow]


class LogLevel(Shape):
    """From which level on a part of the server is logged."""

    logger: LoggerName
    level: Annotated[Level, Meta(examples=["info"])]


class LogLevels(Shape):
    """The parts that have a level of their own, and `root` for all others."""

    levels: list[LogLevel]


class LevelAsked(Asked):
    """A level that shall hold until the server ends."""

    logger: LoggerName
    level: Annotated[Level, Meta(examples=["debug"])]


def routes(upkeep: Upkeep) -> list[Endpoint]:
    door = Door("Upkeep", "The server itself, for administrators.")

    @door("GET /api/v1/health", is_admins=True)
    async def health(viewer: Viewer) -> ServerHealth:
        """What is wrong with the server, and what mends it; looked at now."""
        found = await upkeep.health(viewer)
        return ServerHealth(found.state, [HealthRow.of(one, message=one.told) for one in found.found])

    @door("GET /api/v1/log-levels", is_admins=True)
    async def log_levels(viewer: Viewer) -> LogLevels:
        """How much the server says in its log."""
        return _levels(upkeep.log_levels(viewer))

    @door("PUT /api/v1/log-levels", is_admins=True)
    async def change_log_level(viewer: Viewer, body: LevelAsked) -> LogLevels:
        """Changes the level of one part until the server ends."""
        return _levels(upkeep.change_log_level(viewer, body.logger, body.level))

    return door.endpoints


def _levels(levels: Mapping[str, Level]) -> LogLevels:
    return LogLevels([LogLevel(logger, level) for logger, level in levels.items()])
