"""What music exists."""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.catalog.albums import Albums
from mediaserver.catalog.artists import Artists
from mediaserver.catalog.counting import Counting
from mediaserver.catalog.find import Find
from mediaserver.catalog.genres import Genres
from mediaserver.catalog.pictures import Pictures
from mediaserver.catalog.tracks import Tracks
from mediaserver.catalog.writer import Writer
from mediaserver.core.clock import Clock
from mediaserver.core.events import EventBus
from mediaserver.storage.database import Database


@dataclass(frozen=True, slots=True)
class Catalog:
    artists: Artists
    albums: Albums
    tracks: Tracks
    genres: Genres
    pictures: Pictures
    find: Find
    writer: Writer
    counting: Counting


def build(database: Database, clock: Clock, events: EventBus) -> Catalog:
    """The room's services; what the writer commits is told to `events`."""
    artists, albums, tracks = Artists(database), Albums(database), Tracks(database)
    return Catalog(
        artists,
        albums,
        tracks,
        Genres(database),
        Pictures(database),
        Find(database, artists, albums, tracks),
        Writer(database, clock, events),
        Counting(database),
    )
