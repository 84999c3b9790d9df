"""Gives FLAC frames the number they have in the whole stream. Source: RFC 9639, 9.1 and 9.3."""

from __future__ import annotations

from functools import lru_cache

_CRC8_POLYNOMIAL, _CRC16_POLYNOMIAL = 0x07, 0x8005


def _table(polynomial: int, bits: int) -> tuple[int, ...]:
    top, mask = 1 << (bits - 1), (1 << bits) - 1
    rows = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ polynomial if value & top else value << 1) & mask
        rows.append(value)
    return tuple(rows)


_CRC8, _CRC16 = _table(_CRC8_POLYNOMIAL, 8), _table(_CRC16_POLYNOMIAL, 16)


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value = _CRC8[value ^ byte]
    return value


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


def _number_length(lead: int) -> int:
    length = 1
    if lead >= 0xC0:
        while lead << length & 0x80:
            length += 1
    return length


def renumbered(frame: bytes, number: int) -> bytes:
    """The same frame as number `number` of a stream of fixed block size, both checksums made right.

    CRC-16 is linear, so that only the header's share of it is computed anew.
    """
    old_length = _number_length(frame[4])
    after = 4 + old_length
    block_bits, rate_bits = frame[2] >> 4, frame[2] & 15
    extra = {6: 1, 7: 2}.get(block_bits, 0) + {12: 1, 13: 2, 14: 2}.get(rate_bits, 0)
    old_header = frame[: after + extra + 1]
    fields = frame[:4] + _number(number) + frame[after : after + extra]
    header = fields + bytes((_crc8(fields),))
    body_bytes = len(frame) - len(old_header) - 2
    old_crc = int.from_bytes(frame[-2:], "big")
    crc = old_crc ^ _product(_shift(body_bytes), _crc16(old_header) ^ _crc16(header))
    return header + frame[len(old_header) : -2] + crc.to_bytes(2, "big")
