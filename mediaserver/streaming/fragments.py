"""Streams of AAC: one MP4 file of the very segments that HLS has, each filled up to a size that arithmetic knows. Pure.

Of a varying bit rate nobody knows the length before all is made. But no segment is larger than its rung's BANDWIDTH
allows, and MP4 has boxes that hold nothing: a `free` box behind each segment brings it to that size, an index (`sidx`)
before the first tells a player where each begins. Source: ISO/IEC 14496-12, 8.1.2 (free) and 8.16.3 (sidx).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from struct import pack

from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import cmaf, initial
from mediaserver.streaming.ladder import Rendition

_LEAST_FREE_BYTES = 8
_SYNC_SAMPLES = 0x90000000  # starts with a sync sample of the first kind
_SLACK_S = 1.0  # of the last segment, which may be as short as a frame


@dataclass(frozen=True)
class Filled:
    index: PacketIndex
    rendition: Rendition

    @cached_property
    def head(self) -> bytes:
        packets = [len(self.rendition.segment_packets(n)) for n in self.chunks]
        rows = [
            pack(">III", self._size(n), count * self.rendition.packet_samples, _SYNC_SAMPLES)
            for n, count in enumerate(packets)
        ]
        told = pack(">IIIIHH", 1, self.rendition.rate_hz, 0, 0, 0, len(rows))
        return initial.init(self.index, self.rendition, edit_list=True) + cmaf.full_box(b"sidx", 0, 0, told, *rows)

    @property
    def chunks(self) -> range:
        return range(self.rendition.segment_count)

    def start(self, n: int) -> int:
        last = self.rendition.segment_count - 1
        return len(self.head) + min(n, last) * self._full_bytes + (self._size(last) if n > last else 0)

    def framed(self, n: int, made: bytes) -> bytes:
        return made + cmaf.box(b"free", bytes(self._size(n) - len(made) - _LEAST_FREE_BYTES))

    def fits(self, n: int, made: bytes) -> bool:
        return len(made) + _LEAST_FREE_BYTES <= self._size(n)

    @property
    def _full_bytes(self) -> int:
        return self._bytes(self.rendition.packets_per_segment, slack_s=0.0)

    def _size(self, n: int) -> int:
        """Of segment `n` in the stream."""
        if n < self.rendition.segment_count - 1:
            return self._full_bytes
        return min(self._full_bytes, self._bytes(len(self.rendition.segment_packets(n)), slack_s=_SLACK_S))

    def _bytes(self, packets: int, *, slack_s: float) -> int:
        seconds = packets * self.rendition.packet_samples / self.rendition.rate_hz + slack_s
        return round(self.rendition.rung.bandwidth_bps * seconds / 8) + _LEAST_FREE_BYTES
