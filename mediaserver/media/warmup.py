"""How much a decoder must have decoded before what it gives is right, and where a fresh one begins. Pure."""

from __future__ import annotations

import numpy as np

from mediaserver.media.packets import PacketIndex

# Packets decoded before the first wanted one, so that overlap and prediction have settled (measured: docs/decisions).
PREROLL = {"aac": 2, "vorbis": 1, "opus": 50}
# AAC fills bands with noise that depends on all that a decoder has decoded (PNS, and SBR's noise floor). For a sample
# to be the same in whatever range it is asked for, a fresh decoder begins at every so manyth packet, asked for or not.
FRESH_EVERY = {"aac": 64}
_MP3_PREROLL_PACKETS = 12
_MP3_RESERVOIR_BYTES = 511
_MP3_OVERHEAD_BYTES = 38  # header, CRC and side information


def holding(index: PacketIndex, sample: int) -> int:
    """The packet that holds this sample."""
    return max(0, int(np.searchsorted(index.starts, sample, "right")) - 1)


def behind(index: PacketIndex, sample: int) -> int:
    """The first packet that begins at this sample or after it."""
    return int(np.searchsorted(index.starts, sample, "left"))


def first_packet(index: PacketIndex, start: int) -> int:
    """The first packet to decode for sample `start`, by a decoder that is fresh nowhere in between."""
    wanted = holding(index, start)
    if index.decoder.startswith("mp3"):
        first = max(0, wanted - _MP3_PREROLL_PACKETS)
        reservoir = int(np.sum(np.maximum(index.sizes[first:wanted] - _MP3_OVERHEAD_BYTES, 0)))
        while first > 0 and reservoir < _MP3_RESERVOIR_BYTES:
            first -= 1
            reservoir += max(0, int(index.sizes[first]) - _MP3_OVERHEAD_BYTES)
        return max(0, first - 2)
    return max(0, wanted - PREROLL.get(index.decoder, 0))
