"""How much of a file's declared length only its encoder added: silence before and behind, which players leave out."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from mediaserver.media.raw import RawTags

_XING_BYTES = 240  # header, side information, and the longest Xing header with what encoders append to it
_XING_FIELDS = ((1, 4), (2, 4), (4, 100), (8, 4))  # flag, bytes: frames, size, table of places, quality
_GAPS_AT = 21  # behind the encoder's name: 12 bits of delay, 12 of padding
_MOST_MOOV_BYTES = 32 << 20  # covers stand in it
_MOST_BOXES = 1000
_LONGEST_S = 1.0  # what is cut from more than that is an edit of somebody's, not an encoder's priming


def added_s(file: BinaryIO, raw: RawTags) -> float:
    """Seconds of `raw.duration_s` that are the encoder's own; 0.0 where nothing is said of it. Raises OSError.

    MP3: what FFmpeg's encoder notes; mutagen takes off what LAME notes. MP4: what the edit list leaves out
    (ISO/IEC 14496-12, 8.6.6), which is also by how much AAC begins early.
    """
    if raw.container == "mp3" and raw.rate_hz:
        added = _mp3_samples(file, raw.audio_start) / raw.rate_hz
    elif raw.container == "mp4":
        played_s = _edited_s(file)
        added = raw.duration_s - played_s if played_s else 0.0
    else:
        return 0.0
    return added if 0.0 < added < min(_LONGEST_S, raw.duration_s) else 0.0


def _mp3_samples(file: BinaryIO, start: int) -> int:
    file.seek(start)
    head = file.read(_XING_BYTES)
    at = max(head.find(b"Xing", 0, 44), head.find(b"Info", 0, 44))
    if at < 0 or len(head) < at + 8:
        return 0
    flags = int.from_bytes(head[at + 4 : at + 8], "big")
    name = at + 8 + sum(size for flag, size in _XING_FIELDS if flags & flag)
    gaps = head[name + _GAPS_AT : name + _GAPS_AT + 3]
    if head[name : name + 4] not in (b"Lavc", b"Lavf") or len(gaps) < 3:
        return 0
    return (gaps[0] << 4 | gaps[1] >> 4) + ((gaps[1] & 15) << 8 | gaps[2])


def _edited_s(file: BinaryIO) -> float:
    """How long the edit list of the first track of sound plays; 0.0 without one."""
    end = file.seek(0, 2)
    for kind, start, stop in _boxes_of_file(file, end):
        if kind == b"moov" and stop - start <= _MOST_MOOV_BYTES:
            file.seek(start)
            return _edited_in(file.read(stop - start))
    return 0.0


def _edited_in(moov: bytes) -> float:
    header = dict(_boxes(moov)).get(b"mvhd", b"")
    per_second = int.from_bytes(header[20:24] if header[:1] == b"\x01" else header[12:16], "big")
    for kind, trak in _boxes(moov):
        if kind == b"trak" and per_second:
            inside = dict(_boxes(trak))
            handler = dict(_boxes(inside.get(b"mdia", b""))).get(b"hdlr", b"")
            if handler[8:12] == b"soun":
                return _played(dict(_boxes(inside.get(b"edts", b""))).get(b"elst", b"")) / per_second
    return 0.0


def _played(elst: bytes) -> int:
    """Ticks of all edits that are not empty."""
    entry = struct.Struct(">QqHH" if elst[:1] == b"\x01" else ">IiHH")
    count = min(int.from_bytes(elst[4:8], "big"), (len(elst) - 8) // entry.size, _MOST_BOXES)
    edits = (entry.unpack_from(elst, 8 + n * entry.size) for n in range(max(0, count)))
    return sum(ticks for ticks, from_time, *_ in edits if from_time >= 0)


def _boxes(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and content of each box; ends where they make no sense."""
    at = 0
    for _ in range(_MOST_BOXES):
        size, kind = int.from_bytes(raw[at : at + 4], "big"), raw[at + 4 : at + 8]
        if size < 8 or at + size > len(raw):
            return
        yield kind, raw[at + 8 : at + size]
        at += size


def _boxes_of_file(file: BinaryIO, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Kind, begin and end of the content of each box at the top."""
    at = 0
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        size, skip = int.from_bytes(head[:4], "big"), 8
        if size == 1:
            size, skip = int.from_bytes(head[8:16], "big"), 16
        size = size or end - at
        if len(head) < 8 or size < skip or at + size > end:
            return
        yield head[4:8], at + skip, at + size
        at += size
