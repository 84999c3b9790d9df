"""Bytes out: renditions, segments, playlists, pictures."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from mediaserver.core import settings
from mediaserver.core.clock import Clock
from mediaserver.core.workers import Workers
from mediaserver.sound.hours import Hours
from mediaserver.sound.index import SIDES, Sounds
from mediaserver.storage.database import Database
from mediaserver.streaming.audience import Audience
from mediaserver.streaming.cache import Cache
from mediaserver.streaming.covers import Covers
from mediaserver.streaming.progressive import Streams
from mediaserver.streaming.ready import Ready, Wanted
from mediaserver.streaming.segments import FOLDER as SEGMENTS
from mediaserver.streaming.segments import NightOf, Segments
from mediaserver.streaming.timelines import Timelines

_COVERS = "covers"
_COVER_SHARE = 8  # one part in this many of the limit is for pictures


@dataclass(frozen=True, slots=True)
class Streaming:
    segments: Segments
    covers: Covers
    streams: Streams
    timelines: Timelines
    audience: Audience

    async def close(self) -> None:
        """End what is being made; nothing begins any more."""
        await asyncio.gather(self.streams.close(), self.segments.close(), self.covers.close())


def caches(cache_dir: Path, limit_bytes: int) -> tuple[Cache, Cache]:
    """For sounds (segments and side files) and for covers, both together within the limit.

    They are usable at once; `Cache.open` takes stock of what an earlier run left.
    """
    covers_bytes = limit_bytes // _COVER_SHARE
    sound_cache = Cache(cache_dir, limit_bytes=limit_bytes - covers_bytes, within=(SEGMENTS, SIDES))
    return sound_cache, Cache(cache_dir / _COVERS, limit_bytes=covers_bytes)


def cached(cache_dir: Path) -> list[Path]:
    """All that the caches make in there."""
    return [cache_dir / folder for folder in (SEGMENTS, SIDES, _COVERS)]


def build(
    workers: Workers,
    database: Database,
    clock: Clock,
    sounds: Sounds,
    sound_cache: Cache,
    cover_cache: Cache,
    chosen: settings.Streaming | None = None,
    night_of: NightOf | None = None,
) -> Streaming:
    """The room's services. Without settings nothing is limited, and without `night_of` nothing made for the night."""
    timelines = Timelines(database, clock)
    segments = Segments(workers, sounds, timelines, sound_cache, night_of)
    streams = Streams(segments, sounds, sound_cache, lanes=workers.processes)
    audience = Audience(clock, most=chosen.streams_per_person if chosen else 0)
    return Streaming(segments, Covers(workers, cover_cache, sounds.folders), streams, timelines, audience)


def build_ready(
    out: Streaming,
    workers: Workers,
    clock: Clock,
    sounds: Sounds,
    sound_cache: Cache,
    wanted: Wanted,
    chosen: settings.Streaming,
    zone: tzinfo,
) -> Ready:
    """What keeps the files ready that `wanted` tells of; nothing is made before its `run` does."""
    hours = Hours(chosen.ready_hours, zone)
    return Ready(out.segments, sounds, sound_cache, workers, clock, wanted, hours, chosen)
