"""Whether an audio file was cut short, as far as its container tells cheaply."""

from __future__ import annotations

import re
from typing import BinaryIO

from mediaserver.media.digest import audio_span
from mediaserver.media.flacframe import LONGEST_HEADER_BYTES, read_header
from mediaserver.media.tags import RawTags

_TAIL_BYTES = 32 * 1024
_END_OF_STREAM = 4  # flag of the last Ogg page
_STREAMED = 0xFFFFFF00  # a WAV that was written to a pipe declares the largest size
_FLAC_SYNC = re.compile(rb"\xff[\xf8\xf9]")


def is_cut(file: BinaryIO, raw: RawTags) -> bool:
    """True where the file ends before what it declares; False also where nothing is declared. Raises OSError."""
    if raw.container not in ("ogg", "wav", "mp4", "flac"):
        return False
    size = file.seek(0, 2)
    if raw.container == "ogg":
        tail = _tail(file, size)
        last = tail.rfind(b"OggS")
        return last >= 0 and (last + 5 >= len(tail) or not tail[last + 5] & _END_OF_STREAM)
    if raw.container == "flac":
        if not raw.total_samples or not raw.block_samples:
            return False
        latest = _last_flac_sample(_tail(file, size), raw)
        return latest is not None and latest + 2 * raw.block_samples < raw.total_samples
    start, end = audio_span(file, raw, clipped=False)
    return end > size and end - start < _STREAMED


def _tail(file: BinaryIO, size: int) -> bytes:
    file.seek(max(0, size - _TAIL_BYTES))
    return file.read()


def _last_flac_sample(tail: bytes, raw: RawTags) -> int | None:
    """Where the last frame in `tail` begins, in samples; None where none does (RFC 9639, 9.1).

    Sound may look like a frame's header, checksum and all: the latest start that the stream can have is the true one.
    """
    latest: int | None = None
    for sync in _FLAC_SYNC.finditer(tail):
        header = read_header(tail[sync.start() : sync.start() + LONGEST_HEADER_BYTES])
        if header is None:
            continue
        start = header.number if header.counts_samples else header.number * raw.block_samples
        if start < raw.total_samples:
            latest = max(latest or 0, start)
    return latest
