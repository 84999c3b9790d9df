"""What is known of a track's sound: packet index, sound digest and loudness."""

from __future__ import annotations

from datetime import tzinfo

from mediaserver.core.clock import Clock
from mediaserver.core.events import EventBus
from mediaserver.core.folders import Folders
from mediaserver.core.settings import Loudness
from mediaserver.core.shelf import Shelf
from mediaserver.core.workers import Workers
from mediaserver.sound.hours import LOOK_EVERY_S, Hours
from mediaserver.sound.index import AT_ONCE_S, Sounds
from mediaserver.sound.loudness import Meter
from mediaserver.sound.measuring import Measuring
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
    """Which sound is where; `shelf` holds FLAC side files, in its folder `sound.index.SIDES`, and may be emptied.

    A file that is not indexed yet takes a worker of the listeners for at most `at_once_s`.
    """
    return Sounds(database, workers, clock, shelf=shelf, folders=folders, at_once_s=at_once_s)


def build_measuring(
    database: Database,
    workers: Workers,
    events: EventBus,
    clock: Clock,
    sounds: Sounds,
    wanted: Loudness,
    zone: tzinfo,
    *,
    look_every_s: float = LOOK_EVERY_S,
) -> Measuring:
    """How loud each of these sounds is; nothing is measured before its `run` does.

    Whether its hours have come is looked at every `look_every_s`.
    """
    hours, share = Hours(wanted.measure_hours, zone, look_every_s=look_every_s), wanted.measure_share / 100
    meter = Meter(database, workers, clock, sounds.folders)
    return Measuring(meter, sounds, workers, events, clock, hours=hours, share=share, is_enabled=wanted.measure)
