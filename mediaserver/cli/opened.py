"""Accounts for commands that change them while the server runs or not."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mediaserver import accounts
from mediaserver.cli.surroundings import made_data_dir, settings_of
from mediaserver.core.clock import SystemClock
from mediaserver.core.events import EventBus
from mediaserver.storage import open_database


@asynccontextmanager
async def opened_accounts(args: argparse.Namespace) -> AsyncIterator[accounts.Accounts]:
    """A running server reads the same tables: a change holds in it within a second."""
    settings = settings_of(args)
    clock, events = SystemClock(), EventBus()
    database = await open_database(settings.database.url, made_data_dir(args), clock)
    try:
        yield await accounts.build(database, events, clock)
    finally:
        await events.close()
        await database.close()
