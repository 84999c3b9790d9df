"""Where the sound of a Matroska file lies in it (RFC 8794, RFC 9559). Reads heads of elements alone."""

from __future__ import annotations

from typing import BinaryIO

_SEGMENT, _CLUSTER = 0x18538067, 0x1F43B675
_MOST_ELEMENTS = 1000
_HEAD_BYTES = 12


def sound_span(file: BinaryIO, end: int) -> tuple[int, int]:
    """Beginning of the first cluster, and the end of the last or, where the file ends before that, of the segment.

    Where a size is not told, as in what was recorded live, the end is that of the file; so it is where there are more
    than a thousand elements. All of the file where nothing of it makes sense. Raises OSError.
    """
    at, segment_end, first, last = 0, end, None, end
    for _ in range(_MOST_ELEMENTS):
        file.seek(at)
        kind, skip, size = _head(file.read(_HEAD_BYTES))
        if not skip:
            break
        stop = end if size is None else at + skip + size
        if kind == _SEGMENT:
            segment_end = stop
            at += skip
            continue
        if kind == _CLUSTER:
            first, last = at if first is None else first, stop
        if stop > end:
            return (first or 0), max(segment_end, end)
        if stop >= min(segment_end, end):
            break
        at = stop
    else:
        last = end
    if segment_end > end:  # it was cut short, wherever
        last = segment_end
    return (0, end) if first is None else (first, last)


def _head(head: bytes) -> tuple[int, int, int | None]:
    """Id, length of the head (0: this is none) and size of the content of an element; None: not told."""
    id_bytes = _width(head[:1], 4)
    size_bytes = _width(head[id_bytes : id_bytes + 1], 8)
    if not id_bytes or not size_bytes or len(head) < id_bytes + size_bytes:
        return 0, 0, None
    size = int.from_bytes(head[id_bytes : id_bytes + size_bytes], "big") & (1 << 7 * size_bytes) - 1
    is_told = size != (1 << 7 * size_bytes) - 1
    return int.from_bytes(head[:id_bytes], "big"), id_bytes + size_bytes, size if is_told else None


def _width(first: bytes, most: int) -> int:
    """Bytes of a number by the place of its first bit; 0 where it is longer than `most`."""
    width = 9 - first[0].bit_length() if first else 0
    return width if width <= most else 0
