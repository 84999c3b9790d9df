"""Boxes of MP4 as a tree, and what they say, read apart from the code that writes them. Source: ISO/IEC 14496-12."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from struct import unpack_from

_PARENTS = {"moov", "trak", "edts", "mdia", "minf", "dinf", "stbl", "mvex", "moof", "traf"}
_SYNC_MASK = 0x00010000  # sample_is_non_sync_sample


@dataclass(frozen=True, slots=True)
class Box:
    kind: str
    body: bytes
    children: tuple[Box, ...] = ()

    def all(self, kind: str) -> Iterator[Box]:
        """Those of this kind below it, in their order."""
        for child in self.children:
            if child.kind == kind:
                yield child
            yield from child.all(kind)

    def one(self, kind: str) -> Box:
        (found,) = self.all(kind)
        return found

    def kinds(self) -> set[str]:
        """Paths of all boxes below it."""
        return {path for child in self.children for path in (child.kind, *(f"{child.kind}/{p}" for p in child.kinds()))}

    @property
    def flags(self) -> int:
        """Of a full box; its version is above them."""
        return int(unpack_from(">I", self.body)[0]) & 0xFFFFFF

    @property
    def version(self) -> int:
        return self.body[0]


def parsed(data: bytes) -> Box:
    """A file or segment, as the children of a box without a kind. Its boxes must fill it to the last byte."""
    return Box("", data, tuple(_boxes(data)))


def _boxes(data: bytes) -> Iterator[Box]:
    at = 0
    while at < len(data):
        size, kind = unpack_from(">I4s", data, at)
        assert 8 <= size <= len(data) - at, f"a box of {size} bytes where {len(data) - at} are left"
        name, body = kind.decode("latin-1"), data[at + 8 : at + size]
        yield Box(name, body, tuple(_boxes(body)) if name in _PARENTS else ())
        at += size


@dataclass(slots=True)
class Segment:
    """What a media segment says, with what it leaves to defaults filled in."""

    number: int
    decode_time: int
    packets: list[bytes] = field(default_factory=list)
    durations: list[int] = field(default_factory=list)
    rolls: list[int] = field(default_factory=list)
    """Groups of roll recovery, by packet; 0 for none."""
    all_sync: bool = True


def segment(init: bytes, data: bytes) -> Segment:
    """Of one track and one fragment."""
    root = parsed(data)
    moof = root.one("moof")
    _, _, duration, _, flags = unpack_from(">5I", parsed(init).one("trex").body, 4)
    tfhd, at = moof.one("tfhd"), 8
    for flag, size in ((1, 8), (2, 4), (8, 4), (16, 4), (32, 4)):
        if tfhd.flags & flag:
            value = unpack_from(">Q" if size == 8 else ">I", tfhd.body, at)[0]
            at += size
            duration = value if flag == 8 else duration
            flags = value if flag == 32 else flags
    tfdt = moof.one("tfdt")
    made = Segment(unpack_from(">I", moof.one("mfhd").body, 4)[0], _time(tfdt), all_sync=not flags & _SYNC_MASK)
    trun, at = moof.one("trun"), 8
    count, offset = unpack_from(">Ii", trun.body, 4)
    assert trun.flags & 1, "no offset"
    at = 12 + (4 if trun.flags & 4 else 0)
    start = (
        sum(8 + len(box.body) for box in root.children[: [box.kind for box in root.children].index("moof")]) + offset
    )
    for _ in range(count):
        own = duration
        if trun.flags & 0x100:
            own, at = unpack_from(">I", trun.body, at)[0], at + 4
        size, at = unpack_from(">I", trun.body, at)[0], at + 4
        made.durations.append(own)
        made.packets.append(data[start : start + size])
        start += size
    assert start == len(data), "packets end where the segment does"
    for sbgp in moof.all("sbgp"):
        assert sbgp.body[4:8] == b"roll"
        for n in range(unpack_from(">I", sbgp.body, 8)[0]):
            repeated, group = unpack_from(">II", sbgp.body, 12 + 8 * n)
            made.rolls += [group] * repeated
    return made


def _time(tfdt: Box) -> int:
    return int(unpack_from(">Q" if tfdt.version else ">I", tfdt.body, 4)[0])


def edits(init: bytes) -> list[tuple[int, int]]:
    """Length and first sample of each edit."""
    found = []
    for elst in parsed(init).all("elst"):
        form, size = (">Qq", 20) if elst.version else (">Ii", 12)
        count = unpack_from(">I", elst.body, 4)[0]
        found += [unpack_from(form, elst.body, 8 + size * n) for n in range(count)]
    return found
