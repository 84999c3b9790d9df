"""How much of an audio file is there if it was cut short, as far as its container tells cheaply."""

from __future__ import annotations

import re
from typing import BinaryIO

from mediaserver.media.digest import audio_span
from mediaserver.media.flacframe import LONGEST_HEADER_BYTES, read_header
from mediaserver.media.raw import RawTags

_TAIL_BYTES = 32 * 1024
_END_OF_STREAM = 4  # flag of the last Ogg page
_STREAMED = 0xFFFFFF00  # a WAV that was written to a pipe declares the largest size
_MP3_SLACK_BYTES = 2900  # two of the largest frames: some encoders count the header's own, some do not
_WAVPACK_TAIL_BYTES = 1 << 20
_ASF_HEAD_BYTES = 64 * 1024
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_FLAC_SYNC = re.compile(rb"\xff[\xf8\xf9]")


def share_left(file: BinaryIO, raw: RawTags) -> float | None:
    """How much of the declared sound is there where the file ends before it; None where nothing is missing.

    None also where nothing is declared: MP3 without a Xing or VBRI header, ADTS, Musepack. For Ogg it is 1.0, for its
    declared length is that of its last page. Exact for FLAC and WavPack to a block; elsewhere by bytes. Raises OSError.
    """
    size = file.seek(0, 2)
    if raw.container == "ogg":
        tail = _tail(file, size)
        last = tail.rfind(b"OggS")
        is_cut = last >= 0 and (last + 5 >= len(tail) or not tail[last + 5] & _END_OF_STREAM)
        return 1.0 if is_cut else None
    if raw.container == "flac":
        if not raw.total_samples or not raw.block_samples:
            return None
        latest = _last_flac_sample(_tail(file, size), raw)
        if latest is None or latest + 2 * raw.block_samples >= raw.total_samples:
            return None
        return latest / raw.total_samples
    if raw.container == "wavpack":
        return _wavpack_share(file, size)
    if raw.container in ("wav", "mp4", "aiff", "dsf", "dff", "matroska"):
        start, end = audio_span(file, raw, clipped=False)
        return _share(size - start, end - start if end - start < _STREAMED else 0)
    if raw.container == "mp3":
        start, end = audio_span(file, raw)
        return _share(end - start, _mp3_bytes(file, start), _MP3_SLACK_BYTES)
    if raw.container == "ape":
        return _share(size, _ape_bytes(file))
    return _share(size, _asf_bytes(file)) if raw.container == "asf" else None


def _share(there: int, declared: int, slack: int = 0) -> float | None:
    return max(0, there) / declared if there + slack < declared else None


def _mp3_bytes(file: BinaryIO, start: int) -> int:
    """What a Xing, Info or VBRI header says of all frames; 0 without one."""
    file.seek(start)
    head = file.read(256)
    at = max(head.find(b"Xing"), head.find(b"Info"))
    if at >= 0:
        flags = int.from_bytes(head[at + 4 : at + 8], "big")
        count_at = at + 8 + (4 if flags & 1 else 0)  # behind the number of frames, if it stands there
        return int.from_bytes(head[count_at : count_at + 4], "big") if flags & 2 else 0
    at = head.find(b"VBRI")
    return int.from_bytes(head[at + 10 : at + 14], "big") if at >= 0 else 0


def _ape_bytes(file: BinaryIO) -> int:
    """All that the descriptor of version 3.98 and later declares; 0 for older files."""
    file.seek(0)
    head = file.read(36)
    if head[:4] != b"MAC " or int.from_bytes(head[4:6], "little") < 3980:
        return 0
    sizes = [int.from_bytes(head[at : at + 4], "little") for at in range(8, 36, 4)]
    return sum(sizes[:5]) + (sizes[5] << 32) + sizes[6]


def _asf_bytes(file: BinaryIO) -> int:
    """The size of the whole file by its File Properties object; 0 without one."""
    file.seek(0)
    head = file.read(_ASF_HEAD_BYTES)
    at = head.find(_ASF_PROPERTIES)
    return int.from_bytes(head[at + 40 : at + 48], "little") if at >= 0 else 0


def _wavpack_share(file: BinaryIO, size: int) -> float | None:
    """By the last block's place in samples; sound may look like a header, and so it must lie within the sound."""
    file.seek(0)
    total = int.from_bytes(file.read(16)[12:], "little")
    file.seek(max(0, size - _WAVPACK_TAIL_BYTES))
    tail = file.read()
    at = len(tail)
    while 0 < total < 0xFFFFFFFF and (at := tail.rfind(b"wvpk", 0, at)) >= 0:
        head = tail[at : at + 24]
        version, begin = int.from_bytes(head[8:10], "little"), int.from_bytes(head[16:20], "little")
        length = int.from_bytes(head[20:24], "little")
        if len(head) < 24 or not 0x402 <= version <= 0x410 or begin + length > total or not length:
            continue
        end = at + 8 + int.from_bytes(head[4:8], "little")
        reached = begin if end > len(tail) else begin + length
        return _share(reached, total)
    return None


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
