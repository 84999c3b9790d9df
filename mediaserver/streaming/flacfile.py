"""Streams of FLAC: a header of our own before frames of the source, or before those that the encoder made. Pure.

Source: RFC 9639, 8 (metadata) and 8.5 (seek table).
"""

from __future__ import annotations

import numpy as np

from mediaserver.core.errors import Damaged
from mediaserver.media.packets import PacketIndex
from mediaserver.streaming.initial import streaminfo
from mediaserver.streaming.ladder import Rendition
from mediaserver.streaming.layout import Listed, Places, chunk_ends

_STREAMINFO, _SEEK_TABLE, _COMMENT, _LAST = 0, 3, 4, 0x80
_VENDOR = b"mediaserver"
_SEEK_EVERY_S = 10
_MOST_POINTS = 8000  # 12 hours have 4320


def head(index: PacketIndex, rendition: Rendition, frame_ends: Places = ()) -> bytes:
    """All before the first frame. `frame_ends` has where every frame ends; without it, there is no seek table."""
    info = streaminfo(index, rendition)
    total = int.from_bytes(info[13:18], "big") & (1 << 36) - 1
    if total != rendition.length_samples:  # a file that is cut: neither its length nor its checksum holds
        packed = int.from_bytes(info[10:18], "big") >> 36 << 36 | rendition.length_samples
        info = info[:10] + packed.to_bytes(8, "big") + bytes(16)
    blocks = b"fLaC" + _block(_STREAMINFO, info)
    if len(frame_ends):
        blocks += _block(_SEEK_TABLE, _points(rendition, frame_ends))
    return blocks + _block(_COMMENT | _LAST, len(_VENDOR).to_bytes(4, "little") + _VENDOR + bytes(4))


def _block(kind: int, body: bytes) -> bytes:
    return bytes((kind,)) + len(body).to_bytes(3, "big") + body


def _points(rendition: Rendition, frame_ends: Places) -> bytes:
    size, count = rendition.packet_samples, len(frame_ends)
    step = max(1, _SEEK_EVERY_S * rendition.rate_hz // size, -(-count // _MOST_POINTS))
    points = []
    for number in range(0, count, step):
        at = int(frame_ends[number - 1]) if number else 0
        samples = min(size, rendition.length_samples - number * size)
        points.append((number * size).to_bytes(8, "big") + at.to_bytes(8, "big") + samples.to_bytes(2, "big"))
    return b"".join(points)


def copied(index: PacketIndex, rendition: Rendition) -> Listed:
    """The stream of a FLAC source's own frames (`rendition.is_passthrough`)."""
    ends = np.cumsum(index.sizes, dtype=np.int64)
    return Listed(head(index, rendition, ends), chunk_ends(ends, rendition.packets_per_segment))


def frames(segment: bytes) -> bytes:
    """The packets of a media segment (`cmaf.media_segment`), behind each other. Raises Damaged for what is none."""
    at = 0
    while at + 8 <= len(segment):
        size, kind = int.from_bytes(segment[at : at + 4], "big"), segment[at + 4 : at + 8]
        if kind == b"mdat":
            return segment[at + 8 : at + size]
        if size < 8:
            break
        at += size
    raise Damaged("a segment has no sound in it")
