"""What is known of a track's sound: packet index and sound digest."""

from __future__ import annotations

from mediaserver.core.clock import Clock
from mediaserver.core.folders import Folders
from mediaserver.core.shelf import Shelf
from mediaserver.core.workers import Workers
from mediaserver.sound.index import AT_ONCE_S, Sounds
from mediaserver.storage.database import Database


def build(
    database: Database,
    workers: Workers,
    clock: Clock,
    *,
    shelf: Shelf,
    folders: Folders,
    at_once_s: float = AT_ONCE_S,
) -> Sounds:
    """The room's one service; `shelf` holds FLAC side files, in its folder `sound.index.SIDES`, and may be emptied.

    A file that is not indexed yet takes a worker of the listeners for at most `at_once_s`.
    """
    return Sounds(database, workers, clock, shelf=shelf, folders=folders, at_once_s=at_once_s)
