"""Whose own packets may be served as they are, and what those take of a line. Pure.

A rung of untouched packets stands beside encoded ones, and players switch between them at the borders of segments. So
it lies on their grid: packets of the same length at the same places, one initialisation segment for all. What lies on
another grid is encoded, or fetched as the original file. So is all that a cue sheet cuts out of a file: its grid is
that of the frames of a CD, which meet the borders of packets once in 256 of AAC, once in 1024 of FLAC, and never of
Opus; and a decoder that begins there has not heard what the encoder had.
"""

from __future__ import annotations

import numpy as np

from mediaserver.media.packets import Int32s, Int64s, PacketIndex
from mediaserver.streaming import cmaf

AAC_PACKET_SAMPLES, AAC_PRIMING_SAMPLES = 1024, 1024
OPUS_PACKET_SAMPLES, OPUS_PRIMING_SAMPLES, OPUS_RATE_HZ = 960, 312, 48_000
_ADTS_HAS_ITS_OWN_HEADERS = b""
_AAC_LC = 2
_OPUS_HEAD_BYTES = 19
_ROUND_BPS = 1000


def flac_block(index: PacketIndex) -> int:
    """The block size of a FLAC source whose frames may be passed through; 0 where they may not (RFC 9639, 8.2)."""
    if index.is_cut or index.decoder != "flac" or len(index.extradata) < 34 or index.bit_depth not in (16, 24):
        return 0
    streaminfo = index.extradata[-34:]
    least, most = int.from_bytes(streaminfo[0:2], "big"), int.from_bytes(streaminfo[2:4], "big")
    declared = ((streaminfo[12] & 1) << 4 | streaminfo[13] >> 4) + 1
    count = len(index.starts)
    if not least or least != most or declared != index.bit_depth or -(-index.length_samples // least) != count:
        return 0
    lies_whole = np.array_equal(index.firsts, index.sizes)  # in Ogg, a page's border may lie within a frame
    return least if int(index.starts[0]) == 0 and _is_regular(index, least) and lies_whole else 0


def has_aac(index: PacketIndex, rate_hz: int) -> bool:
    """Whether its packets are AAC-LC of one or two channels at `rate_hz` and on the grid of the encoded rungs.

    ADTS says the first of these in every packet: there it is proved when a segment is made.
    """
    if index.is_cut or index.decoder != "aac" or index.side or index.channels > 2 or index.rate_hz != rate_hz:
        return False
    if index.extradata != _ADTS_HAS_ITS_OWN_HEADERS and not _is_lc(index):
        return False
    return first_packet(index, AAC_PACKET_SAMPLES, AAC_PRIMING_SAMPLES) is not None


def has_opus(index: PacketIndex) -> bool:
    """Whether its packets are all of 20 ms, on the grid of the encoded rungs, and to be played as loud as they are."""
    head = index.extradata
    if index.is_cut or index.decoder != "opus" or index.side or index.channels > 2 or index.rate_hz != OPUS_RATE_HZ:
        return False
    if len(head) < _OPUS_HEAD_BYTES or head[9] != index.channels:
        return False
    if head[16:18] != b"\0\0" or head[18] != 0:  # a gain, which some players leave out; more than one stream
        return False
    first = first_packet(index, OPUS_PACKET_SAMPLES, OPUS_PRIMING_SAMPLES)
    return first is not None and first >= 0


def first_packet(index: PacketIndex, packet_samples: int, priming_samples: int) -> int | None:
    """Which of its packets stands first in a rendition that begins `priming_samples` before the first audible one.

    -1 where the source begins a packet later: a silent one stands for it. None where it lies on another grid.
    """
    early, off_grid = divmod(-priming_samples - int(index.starts[0]), packet_samples)
    count = -(-(index.length_samples + priming_samples) // packet_samples)
    if off_grid or early < -1 or early + count > len(index.starts) or not _is_regular(index, packet_samples):
        return None
    return early


def rates_bps(sizes: Int32s, borders: Int64s, samples: Int64s, rate_hz: int, *, has_roll: bool) -> tuple[int, int]:
    """The highest rate of a segment and that of the whole, rounded up to the next 1000.

    Of packets of these sizes, cut into segments at `borders` (both ends among them), which last `samples` each. A last
    one of less than half of the first counts with the one before (RFC 8216, 4.3.4.2).
    """
    beside = cmaf.ROW_BYTES * np.diff(borders) + cmaf.overhead_bytes(has_roll=has_roll)
    bits = 8 * (np.add.reduceat(sizes.astype(np.int64), borders[:-1]) + beside)
    average = int(bits.sum()) * rate_hz / int(samples.sum())
    if len(samples) > 1 and samples[-1] * 2 < samples[0]:
        bits = np.append(bits[:-2], bits[-2:].sum())
        samples = np.append(samples[:-2], samples[-2:].sum())
    peak = float((bits * rate_hz / samples).max())
    return _up(peak), _up(average)


def _up(bps: float) -> int:
    return -(-int(bps + 1) // _ROUND_BPS) * _ROUND_BPS


def _is_regular(index: PacketIndex, packet_samples: int) -> bool:
    return bool(np.all(np.diff(index.starts) == packet_samples))


def _is_lc(index: PacketIndex) -> bool:
    """Whether AudioSpecificConfig says AAC-LC in frames of 1024, at this rate, with these channels, and no more."""
    config = int.from_bytes(index.extradata[:2], "big")
    if len(index.extradata) < 2 or config >> 11 != _AAC_LC or config & 0b111:
        return False
    return cmaf.aac_rate_hz(config >> 7 & 0b1111) == index.rate_hz and config >> 3 & 0b1111 == index.channels
