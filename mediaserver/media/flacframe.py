"""Headers of FLAC frames: what they say, and their checksum. Pure. Source: RFC 9639, 9.1."""

from __future__ import annotations

from dataclasses import dataclass

LONGEST_HEADER_BYTES = 16
_CRC8_POLYNOMIAL = 0x07
_BLOCK_BYTES = {6: 1, 7: 2}
_RATE_BYTES = {12: 1, 13: 2, 14: 2}


def crc_table(polynomial: int, bits: int) -> tuple[int, ...]:
    """What each value of a byte does to a checksum of this many bits, most significant bit first."""
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    rows = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        rows.append(value)
    return tuple(rows)


_CRC8 = crc_table(_CRC8_POLYNOMIAL, 8)


def crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value = _CRC8[value ^ byte]
    return value


@dataclass(frozen=True, slots=True)
class FrameHeader:
    number: int
    """Of the frame; with variable blocks, of its first sample."""
    counts_samples: bool
    number_bytes: int
    """That `number` takes, from the fifth byte on."""
    size_bytes: int
    """Of the whole header, checksum included."""


def read_header(data: bytes) -> FrameHeader | None:
    """The header that `data` begins with; None where its form or its checksum says that it is none."""
    if len(data) < 6 or data[0] != 0xFF or data[1] & 0xFE != 0xF8:
        return None
    length = 8 - (~data[4] & 0xFF).bit_length() or 1  # as in UTF-8: as many bytes as the first has leading ones
    if length > 7 or 0x80 <= data[4] < 0xC0:
        return None
    number = data[4] & (0x7F if length == 1 else (1 << 7 - length) - 1)
    for byte in data[5 : 4 + length]:
        number = number << 6 | byte & 0x3F
    end = 4 + length + _BLOCK_BYTES.get(data[2] >> 4, 0) + _RATE_BYTES.get(data[2] & 15, 0)
    if end >= len(data) or crc8(data[:end]) != data[end]:
        return None
    return FrameHeader(number, bool(data[1] & 1), length, end + 1)
