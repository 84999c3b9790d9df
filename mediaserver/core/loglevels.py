"""How much each part of the server says: set at the start, and changed while it runs, until it ends."""

from __future__ import annotations

import difflib
import logging
from typing import Literal, get_args

from mediaserver.core.errors import Invalid

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[str, ...] = get_args(Level)
ROOT = "root"
"""What everything is called that has no level of its own."""
_REQUESTS = "aiohttp.access"
_CHATTY = ("asyncio", "aiosqlite", "PIL", "libav", "watchdog", "zeroconf")
_SILENT = ("aiosqlite", "asyncpg")
"""Their details are what stands in the database, hashes of passwords among it."""


def begin(level: str) -> None:
    """The level of everything; foreign packages tell no more than warnings, and requests are told at debug."""
    logging.getLogger().setLevel(level.upper())
    logging.getLogger(_REQUESTS).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(logging.WARNING)


def levels() -> dict[str, Level]:
    """Every logger that has a level of its own; `root` is everything else, and comes first."""
    known = logging.root.manager.loggerDict
    own = {name: one.level for name, one in sorted(known.items()) if isinstance(one, logging.Logger) and one.level}
    return {name: _named(level) for name, level in {ROOT: logging.root.level, **own}.items()}


def change(logger: str, level: Level) -> None:
    """Until the server ends, or `begin`. Raises Invalid for a logger that there is not, or that would tell secrets."""
    if logger.partition(".")[0] in _SILENT:
        raise Invalid(f"what {logger} says in detail could hold secrets: its level stays", field="logger")
    known = logging.root.manager.loggerDict
    if logger not in known and logger != ROOT:
        near = difflib.get_close_matches(logger, list(known), n=1)
        raise Invalid(
            f"nothing here is called {logger}" + (f"; did you mean {near[0]}?" if near else ""), field="logger"
        )
    if level not in LEVELS:
        raise Invalid(f"level must be one of {', '.join(LEVELS)}", field="level")
    if logger == ROOT:
        logging.getLogger(_REQUESTS).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    logging.getLogger("" if logger == ROOT else logger).setLevel(level.upper())
    logging.getLogger(__name__).warning("%s is logged from %s on until the server ends", logger, level)


def _named(level: int) -> Level:
    if level <= logging.DEBUG:
        return "debug"
    if level <= logging.INFO:
        return "info"
    return "warning" if level <= logging.WARNING else "error"
