"""Makes any segment of a rendition by itself, always with the same bytes. Runs in worker processes.

The law: segment n is a function of the sound, the recipe and n alone.
"""

from __future__ import annotations

import logging
import platform
from collections.abc import Callable, Sequence
from pathlib import Path

import av

from mediaserver.core.errors import Damaged, Gone
from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import cache, cmaf, dynamics, lossless, lossy, passthrough, pcm
from mediaserver.streaming.joining import Joined
from mediaserver.streaming.ladder import Rendition
from mediaserver.streaming.shapes import Shape
from mediaserver.streaming.source import Line, Source

log = logging.getLogger(__name__)


def identity() -> str:
    """What else decides the bytes: libavcodec's version and the processor's architecture."""
    version = ".".join(str(part) for part in av.library_versions["libavcodec"])
    return f"libavcodec-{version}/{platform.machine()}"


def segment_file(
    source: Source | Line, rendition: Rendition, n: int, target: str, *, make: Callable[..., bytes] | None = None
) -> tuple[bytes, str]:
    """Make segment `n` (by `make`, or `fed_segment`) and put it at `target`. Raises as that does, and Gone where a file
    has changed.

    Returns it, and why the disk did not take it, or "": on a full or read-only one it is served and not kept.
    """
    sources = [*source.sources.values()] if isinstance(source, Line) else [source]
    try:
        body = (make or fed_segment)(_feed(source, rendition.shape), rendition, n)
    except Damaged:
        _must_be_unchanged(sources)
        raise
    # After reading: a tagger may have moved the packets meanwhile, and what is kept here stays for ever.
    _must_be_unchanged(sources)
    try:
        cache.put(Path(target), body)
    except OSError as error:
        return body, error.strerror or str(error)
    return body, ""


def _feed(source: Source | Line, shape: Shape) -> pcm.Feed:
    return Joined.of(source, shape) if isinstance(source, Line) else dynamics.feed(source, shape)


def _must_be_unchanged(sources: Sequence[Source]) -> None:
    if not all(map(_is_unchanged, sources)):
        raise Gone("the file behind this address has changed or left")


def _is_unchanged(source: Source) -> bool:
    try:
        return source.looked.looks_like(Path(source.looked.path).stat())
    except OSError:
        return False


def segment(path: str, index: PacketIndex, rendition: Rendition, n: int) -> bytes:
    """As `fed_segment`, of a sound as it is."""
    return fed_segment(pcm.Whole(path, index), rendition, n)


def fed_segment(feed: pcm.Feed, rendition: Rendition, n: int) -> bytes:
    """Segment `n`, 0-based. Raises NotFound past the last one, Damaged where the source cannot be read, and Unavailable
    where that passes."""
    wanted = rendition.segment_packets(n)
    packets = None
    if rendition.is_passthrough and isinstance(feed, pcm.Whole):
        packets = passthrough.packets(feed.path, feed.index, rendition, wanted)
        if packets is None:
            log.warning("segment %d of a sound is damaged and made anew from what can be decoded", n)
    return _boxed(packets if packets is not None else _encoded(feed, rendition, wanted), rendition, n)


def _encoded(feed: pcm.Feed, rendition: Rendition, wanted: range) -> list[bytes]:
    make = lossless.packets if rendition.is_lossless else lossy.packets
    return make(feed, rendition, wanted)


def _boxed(packets: list[bytes], rendition: Rendition, n: int) -> bytes:
    wanted = rendition.segment_packets(n)
    if len(packets) != len(wanted):
        raise Damaged("the encoder gave fewer packets than the timeline has")
    durations = [rendition.packet_samples] * len(packets)
    if rendition.is_lossless:
        durations[-1] = min(durations[-1], rendition.length_samples - (wanted.stop - 1) * rendition.packet_samples)
    return cmaf.media_segment(
        n,
        decode_time=wanted.start * rendition.packet_samples,
        packets=packets,
        durations=durations,
        has_roll=not rendition.is_lossless,
    )
