"""Watches over the database while the server runs."""

from __future__ import annotations

import asyncio
import logging

from mediaserver.core.errors import Unavailable
from mediaserver.storage.database import Database

log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0


async def watch(database: Database, *, every_s: float = LOOK_EVERY_S) -> None:
    """Without end. Raises StorageDamaged where what people do would be acknowledged and lost: the server must stop.

    An outage passes by itself; its beginning and its end are told in the log.
    """
    is_away = False
    while True:
        try:
            await database.check()
        except Unavailable as error:
            if not is_away:
                log.warning("%s", error)
            is_away = True
        else:
            if is_away:
                log.warning("the database is back")
            is_away = False
        await asyncio.sleep(every_s)
