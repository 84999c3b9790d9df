"""A source's own packets for a segment, proved to be whole. Runs in worker processes."""

from __future__ import annotations

from mediaserver.core.errors import Damaged
from mediaserver.media.decode import read_packets, sample_counts
from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import untouched
from mediaserver.streaming.ladder import Rendition

_STRICT = {"flac": {"err_detect": "crccheck+explode"}, "aac": {"err_detect": "explode"}}
_AAC_PREROLL = 1
_ADTS_HEAD_BYTES, _ADTS_CRC_BYTES = 7, 2
_ADTS_LC = 1
_LONG_SINE_WINDOW = "00000000000"  # ics_info without a band
_NOTHING = "00000000000"  # gain; no pulses, no noise shaping, no gain control


def _bits(text: str) -> bytes:
    return int(text.ljust(-(-len(text) // 8) * 8, "0"), 2).to_bytes(-(-len(text) // 8), "big")


# AAC-LC that sounds of nothing (ISO/IEC 14496-3, 4.4.2.1). A decoder is after it as it was before anything, for the
# window of the packet behind it begins as this one's ends.
_SILENCE = {
    1: _bits("000000000000000" + _LONG_SINE_WINDOW + "000111"),
    2: _bits("00100001" + _LONG_SINE_WINDOW + "00" + _NOTHING + _NOTHING + "111"),
}


def packets(path: str, index: PacketIndex, rendition: Rendition, wanted: range) -> list[bytes] | None:
    """The packets `wanted` as they are; None where one of them is broken or of another kind.

    To prove that takes 2 to 7 ms a segment, and one broken packet would end a browser's playback. Raises as
    `read_packets` does.
    """
    early = untouched.first_packet(index, rendition.packet_samples, rendition.priming_samples) or 0
    numbers = range(max(0, wanted.start + early), wanted.stop + early)
    found = read_packets(path, index, numbers)
    if not _are_whole(index, rendition, numbers, found, early):
        return None
    if rendition.rung.family == "aac" and not index.extradata:
        bare = [_without_adts(packet, index) for packet in found]
        if not all(bare):
            return None
        found = bare
    missing = len(wanted) - len(found)
    return [_SILENCE[rendition.channels]] * missing + found if missing else found


def _are_whole(index: PacketIndex, rendition: Rendition, numbers: range, found: list[bytes], early: int) -> bool:
    size, family = rendition.packet_samples, rendition.rung.family
    try:
        counts = sample_counts(index, found, _STRICT.get(family))
    except Damaged:
        return False
    if family == "flac":
        return counts == [min(size, rendition.length_samples - (n - early) * size) for n in numbers]
    return all(count in (size, 0) for count in counts[:_AAC_PREROLL]) and counts[_AAC_PREROLL:] == [size] * (
        len(counts) - _AAC_PREROLL
    )


def _without_adts(packet: bytes, index: PacketIndex) -> bytes:
    """The raw AAC-LC in one frame of ADTS (ISO/IEC 14496-3, 1.A.2); empty where it holds anything else."""
    if len(packet) < _ADTS_HEAD_BYTES or packet[0] != 0xFF or packet[1] & 0xF6 != 0xF0:
        return b""
    has_crc, profile, blocks = not packet[1] & 1, packet[2] >> 6, packet[6] & 0b11
    channels = (packet[2] & 1) << 2 | packet[3] >> 6
    length = (packet[3] & 0b11) << 11 | packet[4] << 3 | packet[5] >> 5
    if profile != _ADTS_LC or blocks or channels != index.channels or length != len(packet):
        return b""
    return packet[_ADTS_HEAD_BYTES + (_ADTS_CRC_BYTES if has_crc else 0) :]
