"""Streams of MP3: the size of every frame, the header frame that tells length and gaps, and the places of all. Pure.

Sources: ISO/IEC 11172-3, 2.4.2.3 (header) and 2.4.3.1 (length of a frame); the Xing and LAME header as LAME writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mediaserver.media.packets import PacketIndex
from mediaserver.streaming.constant import MP3_PACKET_SAMPLES, rate_bps
from mediaserver.streaming.ladder import Rendition
from mediaserver.streaming.layout import Listed, chunk_ends

CHUNK = 147
"""Frames of a source that are read at a time: 3.8 s."""
DECODER_DELAY = 529
"""Samples by which every decoder is late; headers count the encoder's delay without them."""
_MOST_GAP = 4095  # 12 bits
_KBPS = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # MPEG-1
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG-2
    0: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG-2.5
}
_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_XING_BYTES, _LAME_BYTES = 120, 36
_MONO = 3


def offset(number: int, rate_hz: int, bps: int) -> int:
    """Bytes of all frames before frame `number`: the second is the first that is padded, as LAME does it."""
    base, rest = divmod(144 * bps, rate_hz)
    return number * base + (-(-(number - 1) * rest // rate_hz) if number else 0)


def frame_bytes(rendition: Rendition, number: int) -> int:
    rate_hz, bps = rendition.rate_hz, rate_bps(rendition)
    return offset(number + 1, rate_hz, bps) - offset(number, rate_hz, bps)


@dataclass(frozen=True)
class Encoded:
    """A stream of constant bit rate from sample `start` of the rendition on, exact to the sample.

    It begins a frame early, since a frame's sound leans on the one before; its header tells what is to be left out.
    """

    rendition: Rendition
    start_samples: int = 0

    @property
    def _first(self) -> int:
        return max(0, (self.start_samples + self.rendition.priming_samples) // MP3_PACKET_SAMPLES - 1)

    def _offset(self, frame: int) -> int:
        return offset(frame, self.rendition.rate_hz, rate_bps(self.rendition))

    @cached_property
    def head(self) -> bytes:
        count, delay = self.rendition.packet_count, self.start_samples + 576 - MP3_PACKET_SAMPLES * self._first
        rates, kbps = _RATES_HZ[3], _KBPS[3]
        rate, bit_rate = rates.index(self.rendition.rate_hz), kbps.index(rate_bps(self.rendition) // 1000)
        channels = _MONO << 6 if self.rendition.channels == 1 else 1 << 6  # joint stereo
        header = bytes((0xFF, 0xFB, bit_rate << 4 | rate << 2, channels))
        sound = self._offset(count) - self._offset(self._first)
        gaps = (delay, MP3_PACKET_SAMPLES * count - self.rendition.length_samples - 576)
        return _header_frame(header, count - self._first, sound, gaps, b"Info", lambda share: share)

    @property
    def chunks(self) -> range:
        return range(self._first // self.rendition.packets_per_segment, self.rendition.segment_count)

    def start(self, n: int) -> int:
        frame = min(max(n * self.rendition.packets_per_segment, self._first), self.rendition.packet_count)
        return len(self.head) + self._offset(frame) - self._offset(self._first)

    def framed(self, n: int, made: bytes) -> bytes:
        begin = n * self.rendition.packets_per_segment
        return made[self._offset(max(begin, self._first)) - self._offset(begin) :]


def may_be_copied(index: PacketIndex) -> bool:
    """Whether this is an MP3 file whose frames may follow a header of ours: it must be able to tell their gaps."""
    if index.is_cut or index.codec != "mp3" or index.side or index.channels > 2 or not len(index.sizes):
        return False
    steps = np.diff(index.starts)
    lies_whole = np.array_equal(index.firsts, index.sizes) and bool(np.all(steps == _frame_samples(index)))
    return lies_whole and _version(index) is not None and _gaps(index) is not None


def copied(index: PacketIndex) -> Listed:
    """The stream of an MP3 source's own frames (`may_be_copied`), CHUNK of them to a chunk."""
    version, count, gaps = _version(index) or 0, len(index.sizes), _gaps(index)
    places = np.cumsum(index.sizes, dtype=np.int64)
    total = int(places[-1])
    needed = 4 + _side_bytes(version, index.channels) + _XING_BYTES + _LAME_BYTES
    rate, kbps = _RATES_HZ[version].index(index.rate_hz), _KBPS[version]
    bit_rate = next(n for n in range(1, 15) if _size(version, kbps[n], index.rate_hz) >= needed)
    lead = {3: 0xFB, 2: 0xF3, 0: 0xE3}[version]
    header = bytes((0xFF, lead, bit_rate << 4 | rate << 2, _MONO << 6 if index.channels == 1 else 1 << 6))

    def place(share: float) -> float:
        frame = min(int(share * count), count - 1)
        return float(places[frame - 1] / total) if frame else 0.0

    is_constant = int(index.sizes.max()) - int(index.sizes.min()) <= 1
    head = _header_frame(header, count, total, gaps or None, b"Info" if is_constant else b"Xing", place)
    return Listed(head, chunk_ends(places, CHUNK))


def _version(index: PacketIndex) -> int | None:
    return next((version for version, rates in _RATES_HZ.items() if index.rate_hz in rates), None)


def _frame_samples(index: PacketIndex) -> int:
    return MP3_PACKET_SAMPLES if index.rate_hz >= 32_000 else MP3_PACKET_SAMPLES // 2


def _gaps(index: PacketIndex) -> tuple[int, int] | tuple[()] | None:
    """Delay and padding as headers count them; () where nothing is left out, None for what no header can tell."""
    total = _frame_samples(index) * len(index.sizes)
    if int(index.starts[0]) == 0 and total == index.length_samples:
        return ()
    delay = -int(index.starts[0]) - DECODER_DELAY
    padding = total - index.length_samples - delay
    return (delay, padding) if 0 <= delay <= _MOST_GAP and 0 <= padding <= _MOST_GAP else None


def _size(version: int, kbps: int, rate_hz: int) -> int:
    return (144 if version == 3 else 72) * kbps * 1000 // rate_hz


def _side_bytes(version: int, channels: int) -> int:
    if version == 3:
        return 17 if channels == 1 else 32
    return 9 if channels == 1 else 17


def _header_frame(
    header: bytes,
    frames: int,
    sound_bytes: int,
    gaps: tuple[int, int] | None,
    kind: bytes,
    place: Callable[[float], float],
) -> bytes:
    """A silent frame that tells how many frames and bytes follow, where a share of the time lies, and how many
    samples to leave out at both ends. `gaps` None leaves that open."""
    version, channels = header[1] >> 3 & 3, 1 if header[3] >> 6 == _MONO else 2
    kbps, rate_hz = _KBPS[version][header[2] >> 4], _RATES_HZ[version][header[2] >> 2 & 3]
    size = _size(version, kbps, rate_hz)
    table = bytes(min(255, int(256 * (size + place(n / 100) * sound_bytes) / (size + sound_bytes))) for n in range(100))
    told_bytes = min(size + sound_bytes, 0xFFFFFFFF).to_bytes(4, "big")  # a day of the best is longer
    told = kind + (15).to_bytes(4, "big") + frames.to_bytes(4, "big") + told_bytes
    body = header + bytes(_side_bytes(version, channels)) + told + table + bytes(4)
    if gaps is not None:
        delay, padding = gaps
        is_constant = kind == b"Info"
        body += b"LAME3.100" + bytes((1 if is_constant else 3,)) + bytes(10) + bytes((min(255, kbps),))
        body += (delay << 12 | padding).to_bytes(3, "big") + bytes(4) + told_bytes + bytes(2)
        body += _crc16(body).to_bytes(2, "big")
    return body + bytes(size - len(body))


def _crc16(data: bytes) -> int:
    """LAME's, of the header frame up to itself: polynomial 0x8005, lowest bit first."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value
