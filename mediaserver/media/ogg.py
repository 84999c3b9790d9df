"""Where the packets of an Ogg stream lie in the file. Source: RFC 3533, section 6 (page format)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mediaserver.core.errors import Damaged

_HEADER = 27
_CONTINUED = 1


@dataclass(slots=True)
class OggPacket:
    position: int
    """Of its first byte in the file."""
    size_bytes: int
    first_bytes: int
    """Bytes up to the end of its first page; the rest follows behind the next pages' headers."""


Pread = Callable[[int, int], bytes]
"""`pread(length, offset)`: bytes of the file, fewer where it ends."""


def packets(pread: Pread, size_bytes: int) -> Iterator[OggPacket]:
    """Every packet of the first logical stream, headers included. Raises Damaged where pages are broken or chained."""
    position, serial, open_packet, pages = 0, None, None, 0
    while position + _HEADER <= size_bytes:
        header = pread(_HEADER, position)
        if header[:4] != b"OggS" or len(header) < _HEADER:
            raise Damaged("an Ogg page does not begin where it should")
        flags, count, this_serial = header[5], header[26], header[14:18]
        lacing = pread(count, position + _HEADER)
        body = position + _HEADER + count
        position = body + sum(lacing)
        if len(lacing) < count or position > size_bytes:
            break  # cut in the middle of its last page
        if serial is None:
            serial = this_serial
        elif this_serial != serial:
            raise Damaged("several streams in one Ogg file")
        if not flags & _CONTINUED:
            open_packet = None
        pages += 1
        at, size = body, 0
        for value in lacing:
            size += value
            if value < 255:
                if open_packet is not None:
                    open_packet.size_bytes += size
                    yield open_packet
                    open_packet = None
                else:
                    yield OggPacket(at, size, size)
                at, size = at + size, 0
        if count and lacing[-1] == 255:
            if open_packet is not None:
                open_packet.size_bytes += size
            else:
                open_packet = OggPacket(at, size, size)
    if not pages:
        raise Damaged("no Ogg page")


def read(pread: Pread, position: int, size_bytes: int, first_bytes: int) -> bytes:
    """The packet's bytes. Raises Damaged where the file ends before."""
    parts = [pread(first_bytes, position)]
    left, position = size_bytes - first_bytes, position + first_bytes
    while left > 0:
        header = pread(_HEADER, position)
        if len(header) < _HEADER or header[:4] != b"OggS":
            raise Damaged("an Ogg page does not begin where it should")
        lacing = pread(header[26], position + _HEADER)
        take = 0
        for value in lacing:
            take += value
            if value < 255:
                break
        take = min(take, left)
        if not take:
            raise Damaged("an Ogg packet is not continued")
        parts.append(pread(take, position + _HEADER + len(lacing)))
        left -= take
        position += _HEADER + len(lacing) + take
    return b"".join(parts)
