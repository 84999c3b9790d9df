"""Gives FLAC frames the number they have in the whole stream. Source: RFC 9639, 9.1 and 9.3."""

from __future__ import annotations

from functools import lru_cache

from mediaserver.media.flacframe import crc8, crc_table, read_header

_CRC16_POLYNOMIAL = 0x8005
_CRC16 = crc_table(_CRC16_POLYNOMIAL, 16)


def _crc16(data: bytes) -> int:
    value = 0
    for byte in data:
        value = (value << 8 & 0xFFFF) ^ _CRC16[value >> 8 ^ byte]
    return value


def _product(a: int, b: int) -> int:
    """Of two polynomials modulo CRC-16's."""
    result = 0
    while b:
        if b & 1:
            result ^= a
        b >>= 1
        a = a << 1 ^ (_CRC16_POLYNOMIAL | 0x10000) if a & 0x8000 else a << 1
    return result


@lru_cache(maxsize=4096)
def _shift(length_bytes: int) -> int:
    """x to the power of 8 * length."""
    result, base, power = 1, 0x100, length_bytes
    while power:
        if power & 1:
            result = _product(result, base)
        base = _product(base, base)
        power >>= 1
    return result


def _number(value: int) -> bytes:
    """A frame number in the UTF-8 manner, up to 36 bits."""
    if value < 0x80:
        return bytes((value,))
    tail, value, room = [0x80 | value & 0x3F], value >> 6, 0x20
    while value >= room:
        tail.append(0x80 | value & 0x3F)
        value, room = value >> 6, room >> 1
    lead = (0xFF00 >> (len(tail) + 1) & 0xFF) | value
    return bytes((lead, *reversed(tail)))


def renumbered(frame: bytes, number: int) -> bytes:
    """The same frame as number `number` of a stream of fixed block size, both checksums made right.

    CRC-16 is linear, so that only the header's share of it is computed anew. Raises ValueError for what is no frame.
    """
    old = read_header(frame)
    if old is None:
        raise ValueError("not a FLAC frame")
    old_header = frame[: old.size_bytes]
    fields = frame[:4] + _number(number) + frame[4 + old.number_bytes : old.size_bytes - 1]
    header = fields + bytes((crc8(fields),))
    body_bytes = len(frame) - len(old_header) - 2
    old_crc = int.from_bytes(frame[-2:], "big")
    crc = old_crc ^ _product(_shift(body_bytes), _crc16(old_header) ^ _crc16(header))
    return header + frame[len(old_header) : -2] + crc.to_bytes(2, "big")
