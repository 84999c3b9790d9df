"""Bytes out: renditions, segments, playlists, pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mediaserver.core.workers import Workers
from mediaserver.sound.index import Sounds
from mediaserver.streaming.cache import Cache
from mediaserver.streaming.covers import Covers
from mediaserver.streaming.segments import Segments

_COVER_SHARE = 8  # one part in this many of the limit is for pictures


@dataclass(frozen=True, slots=True)
class Streaming:
    segments: Segments
    covers: Covers
    segment_cache: Cache
    cover_cache: Cache


def build(workers: Workers, sounds: Sounds, *, cache_dir: Path, cache_limit_bytes: int) -> Streaming:
    """The room's services. The caches are usable at once; `Cache.open` takes stock of what an earlier run left."""
    covers_bytes = cache_limit_bytes // _COVER_SHARE
    segment_cache = Cache(cache_dir / "segments", limit_bytes=cache_limit_bytes - covers_bytes)
    cover_cache = Cache(cache_dir / "covers", limit_bytes=covers_bytes)
    return Streaming(Segments(workers, sounds, segment_cache), Covers(workers, cover_cache), segment_cache, cover_cache)
