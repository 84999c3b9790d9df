"""Accounts for commands that change them while the server runs or not."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from mediaserver import accounts
from mediaserver.cli.asking import server
from mediaserver.cli.surroundings import made_data_dir, settings_of
from mediaserver.core.clock import SystemClock
from mediaserver.core.errors import Unavailable
from mediaserver.core.events import EventBus
from mediaserver.storage import open_database


@asynccontextmanager
async def opened_accounts(args: argparse.Namespace) -> AsyncIterator[accounts.Accounts]:
    """A running server reads the same tables: a change holds in it at once, also where a stream of events is open."""
    settings, data_dir = settings_of(args), made_data_dir(args)
    clock, events = SystemClock(), EventBus()
    database = await open_database(settings.database.url, data_dir, clock)
    try:
        yield await accounts.build(database, events, clock)
    finally:
        await events.close()
        await database.close()
        with suppress(Unavailable):  # none runs, or it answers nobody
            async with server(data_dir, patience_s=0) as ask:
                await ask("POST", "/access")
