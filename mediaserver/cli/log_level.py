"""`mediaserver log-level`: how much the running server says."""

from __future__ import annotations

import argparse

from mediaserver.cli.asking import server
from mediaserver.cli.surroundings import USAGE, data_dir_of, fail
from mediaserver.core.errors import Unavailable
from mediaserver.core.loglevels import LEVELS, ROOT


async def run(args: argparse.Namespace) -> int:
    """Without a level, prints those that there are. Raises Invalid and Unavailable."""
    words: list[str] = args.words
    if len(words) > 2:
        fail("expected LEVEL, or LOGGER and LEVEL", USAGE)
    if words and words[-1] not in LEVELS:
        fail(f"the level must be one of {', '.join(LEVELS)}, not {words[-1]}", USAGE)
    try:
        async with server(data_dir_of(args), patience_s=0) as ask:
            if words:
                logger = words[0] if len(words) == 2 else ROOT
                await ask("PUT", "/log-levels", {"logger": logger, "level": words[-1]})
                print(f"{logger} is logged from {words[-1]} on, until the server ends.")
                return 0
            told = await ask("GET", "/log-levels")
    except Unavailable as error:
        raise Unavailable("no server runs here: log.level in the settings holds for the next") from error
    for logger, level in told.items():
        print(f"{level:<8} {logger}")
    return 0
