"""What is known of a track's sound: packet index and sound digest."""

from __future__ import annotations

from pathlib import Path

from mediaserver.core.clock import Clock
from mediaserver.core.workers import Workers
from mediaserver.sound.index import Sounds
from mediaserver.storage.database import Database


def build(database: Database, workers: Workers, clock: Clock, *, side_dir: Path) -> Sounds:
    """The room's one service; `side_dir` holds FLAC side files and may be emptied at any time."""
    return Sounds(database, workers, clock, side_dir=side_dir)
