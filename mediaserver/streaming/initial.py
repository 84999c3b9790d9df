"""The initialisation segment of a rendition."""

from __future__ import annotations

from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import cmaf
from mediaserver.streaming.ladder import Rendition

_STREAMINFO_BYTES = 34
_OPUS_ROLL = -4  # packets of 20 ms that a decoder needs before it is right (opus-codec.org, 4.3.6.2)


def init(index: PacketIndex, rendition: Rendition, *, edit_list: bool) -> bytes:
    """With an edit list for classic players, without one for Media Source Extensions."""
    family = rendition.rung.family
    if family == "aac":
        entry, roll = cmaf.mp4a(rendition.rate_hz, rendition.channels), -1
    elif family == "opus":
        # What a browser is told to skip here it skips in the midst of the music after a seek: its page does it by time.
        entry, roll = cmaf.opus(rendition.channels, rendition.priming_samples if edit_list else 0), _OPUS_ROLL
    else:
        told = streaminfo(index, rendition)
        entry, roll = cmaf.flac(rendition.rate_hz, rendition.channels, rendition.bit_depth, told), 0
    return cmaf.init_segment(
        entry,
        rendition.rate_hz,
        total_samples=rendition.length_samples,
        priming_samples=rendition.priming_samples,
        roll=roll,
        edit_list=edit_list,
    )


def streaminfo(index: PacketIndex, rendition: Rendition) -> bytes:
    """STREAMINFO of the source, or of what the encoder makes: then frame sizes and MD5 stay unknown (RFC 9639, 8.2)."""
    if rendition.is_passthrough:
        return index.extradata[-_STREAMINFO_BYTES:]
    block = rendition.packet_samples.to_bytes(2, "big")
    packed = rendition.rate_hz << 44 | (rendition.channels - 1) << 41 | (rendition.bit_depth - 1) << 36
    packed |= rendition.length_samples & (1 << 36) - 1
    return block + block + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
