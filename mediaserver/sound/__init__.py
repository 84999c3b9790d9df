"""What is known of a track's sound: packet index and sound digest."""

from __future__ import annotations

from mediaserver.core.clock import Clock
from mediaserver.core.folders import Folders
from mediaserver.core.shelf import Shelf
from mediaserver.core.workers import Workers
from mediaserver.sound.index import Sounds
from mediaserver.storage.database import Database


def build(
    database: Database, workers: Workers, clock: Clock, *, shelf: Shelf, folders: Folders | None = None
) -> Sounds:
    """The room's one service; `shelf` holds FLAC side files, in its folder `sound.index.SIDES`, and may be emptied."""
    return Sounds(database, workers, clock, shelf=shelf, folders=folders)
