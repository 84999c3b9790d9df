"""Streams of Opus in Ogg, of constant packets: heads, pages, and the places of all. Pure.

Sources: RFC 3533, 6 (pages); RFC 7845, 4 and 5 (Opus in Ogg).
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import cached_property
from struct import pack

import numpy as np

from mediaserver.media.packets import PacketIndex
from mediaserver.streaming.constant import rate_bps
from mediaserver.streaming.ladder import Rendition
from mediaserver.streaming.layout import chunk_ends

PAGE_PACKETS = 50
"""A second: the smallest place that a player finds."""
_SETTLE_SAMPLES = 3840  # 80 ms before what is heard (RFC 7845, 4.6)
_COPIED_PACKETS = 40  # to a page: of 1275 bytes each they take 240 of its 255 lacing values
CHUNK = 5 * _COPIED_PACKETS
"""Packets of a source that are read at a time."""
_SERIAL = 1
_VENDOR = b"mediaserver"
_BEGIN, _END = 2, 4
_MIRRORED = bytes(int(f"{value:08b}"[::-1], 2) for value in range(256))


def packet_bytes(rendition: Rendition, number: int) -> int:
    return rate_bps(rendition) // 8 * rendition.packet_samples // rendition.rate_hz


def page(packets: bytes, sizes: list[int], *, granule: int, number: int, flags: int) -> bytes:
    """One page of whole packets, which lie behind each other in `packets`."""
    lacing = b"".join(b"\xff" * (size // 255) + bytes((size % 255,)) for size in sizes)
    head = pack("<4sBBqIII", b"OggS", 0, flags, granule, _SERIAL, number, 0) + bytes((len(lacing),)) + lacing
    crc = _crc(head + packets)
    return head[:22] + pack("<I", crc) + head[26:] + packets


def _heads(opening: bytes) -> bytes:
    """The two pages before the sound."""
    tags = b"OpusTags" + pack("<I", len(_VENDOR)) + _VENDOR + pack("<I", 0)
    first = page(opening, [len(opening)], granule=0, number=0, flags=_BEGIN)
    return first + page(tags, [len(tags)], granule=0, number=1, flags=0)


def _crc(data: bytes) -> int:
    """Ogg's checksum is that of zlib with every byte mirrored, from zero on."""
    mirrored = zlib.crc32(data.translate(_MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


@dataclass(frozen=True)
class Encoded:
    """A stream from sample `start` of the rendition on, exact to the sample: from whole pages, and what is before
    the start is skipped."""

    rendition: Rendition
    source_rate_hz: int
    start_samples: int = 0

    @property
    def _first_page(self) -> int:
        before = self.start_samples + self.rendition.priming_samples - _SETTLE_SAMPLES
        return max(0, before // self.rendition.packet_samples // PAGE_PACKETS)

    @property
    def _page_count(self) -> int:
        return -(-self.rendition.packet_count // PAGE_PACKETS)

    @property
    def _begin_samples(self) -> int:
        return self._first_page * PAGE_PACKETS * self.rendition.packet_samples

    @cached_property
    def head(self) -> bytes:
        skip = self.start_samples + self.rendition.priming_samples - self._begin_samples
        opening = pack("<8sBBHIhB", b"OpusHead", 1, self.rendition.channels, skip, self.source_rate_hz, 0, 0)
        return _heads(opening)

    @property
    def chunks(self) -> range:
        pages = self.rendition.packets_per_segment // PAGE_PACKETS
        return range(self._first_page // pages, self.rendition.segment_count)

    def _page_bytes(self, packets: int) -> int:
        size = packet_bytes(self.rendition, 0)
        return 27 + packets * (size // 255 + 1 + size)

    def start(self, n: int) -> int:
        pages = self.rendition.packets_per_segment // PAGE_PACKETS
        at = max(n * pages, self._first_page)
        if at < self._page_count:
            return len(self.head) + (at - self._first_page) * self._page_bytes(PAGE_PACKETS)
        last = self.rendition.packet_count - (self._page_count - 1) * PAGE_PACKETS
        before = (self._page_count - 1 - self._first_page) * self._page_bytes(PAGE_PACKETS)
        return len(self.head) + before + self._page_bytes(last)

    def framed(self, n: int, made: bytes) -> bytes:
        packets, size = self.rendition.segment_packets(n), packet_bytes(self.rendition, 0)
        pages = []
        for at in range(max(packets.start // PAGE_PACKETS, self._first_page), -(-packets.stop // PAGE_PACKETS)):
            first, stop = at * PAGE_PACKETS, min((at + 1) * PAGE_PACKETS, packets.stop)
            body = made[(first - packets.start) * size : (stop - packets.start) * size]
            is_last = stop == self.rendition.packet_count
            end = stop * self.rendition.packet_samples
            if is_last:
                end = self.rendition.length_samples + self.rendition.priming_samples
            pages.append(
                page(
                    body,
                    [size] * (stop - first),
                    granule=end - self._begin_samples,
                    number=2 + at - self._first_page,
                    flags=_END if is_last else 0,
                )
            )
        return b"".join(pages)


def may_be_copied(index: PacketIndex) -> bool:
    """Whether this is an Opus file whose packets may leave as they are: mono or stereo, all of one duration."""
    if index.is_cut or index.codec != "opus" or index.side or index.channels > 2 or not len(index.sizes):
        return False
    head, steps = index.extradata, np.diff(index.starts)
    is_plain = head[:8] == b"OpusHead" and len(head) >= 19 and head[18] == 0 and index.rate_hz == 48_000
    return is_plain and int(index.starts[0]) == -_pre_skip(head) and bool(np.all(steps == steps[:1]))


def _pre_skip(head: bytes) -> int:
    return int.from_bytes(head[10:12], "little")


@dataclass(frozen=True)
class Copied:
    """The stream of an Opus source's own packets (`may_be_copied`), in pages of our own."""

    index: PacketIndex

    @cached_property
    def head(self) -> bytes:
        return _heads(self.index.extradata[:19])

    @property
    def chunks(self) -> range:
        return range(len(self._ends))

    @cached_property
    def _ends(self) -> list[int]:
        sizes = self.index.sizes.astype(np.int64)
        places = np.cumsum(sizes + sizes // 255 + 1, dtype=np.int64)
        ends = np.array(chunk_ends(places, CHUNK), np.int64)
        pages = -(-np.minimum(np.arange(1, len(ends) + 1) * CHUNK, len(sizes)) // _COPIED_PACKETS)
        listed: list[int] = (ends + 27 * pages).tolist()
        return listed

    def start(self, n: int) -> int:
        return len(self.head) + (self._ends[n - 1] if n else 0)

    def framed(self, n: int, made: bytes) -> bytes:
        count, sizes = len(self.index.sizes), self.index.sizes
        pages, at = [], 0
        for first in range(n * CHUNK, min((n + 1) * CHUNK, count), _COPIED_PACKETS):
            stop = min(first + _COPIED_PACKETS, count)
            own = sizes[first:stop].tolist()
            is_last = stop == count
            heard = self.index.length_samples if is_last else int(self.index.starts[stop])
            pages.append(
                page(
                    made[at : at + sum(own)],
                    own,
                    granule=heard + _pre_skip(self.index.extradata),
                    number=2 + first // _COPIED_PACKETS,
                    flags=_END if is_last else 0,
                )
            )
            at += sum(own)
        return b"".join(pages)
