"""How digests are written, and the cheap identity of an audio file, which survives a move or a retag.

Not the sound digest (`media.probe`), which names exactly what is decoded and costs reading the whole file.
"""

from __future__ import annotations

import base64
import hashlib
from typing import BinaryIO

from mediaserver.media import ebml
from mediaserver.media.raw import RawTags

_SAMPLE_BYTES = 16 * 1024
_ASF_HEADER = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_CHUNKS = {"mp4": b"mdat", "wav": b"data", "aiff": b"SSND", "dff": b"DSD "}
_MOST_CHUNKS = 1000


def short(sha256: bytes) -> str:
    """How every digest is written here: 128 bits of SHA-256 in base64url, 22 characters."""
    return base64.urlsafe_b64encode(sha256[:16]).rstrip(b"=").decode("ascii")


def identity(file: BinaryIO, raw: RawTags) -> str:
    """As `short` writes it. FLAC: from STREAMINFO's MD5. Elsewhere: codec, length, rate and up to 48 KiB of the sound.

    Tags stand before or behind the sound, and their size must not matter: three places are read, counted from where
    the sound begins and ends. In Ogg, whose pages a retag numbers anew, the bodies of the last pages. Raises OSError.
    """
    hasher = hashlib.sha256(f"{raw.codec}/{raw.rate_hz}/{raw.channels}/{round(raw.duration_s * 1000)}".encode())
    if raw.sound_id:
        hasher.update(raw.sound_id)
    else:
        hasher.update(_last_pages(file) if raw.container == "ogg" else _sample(file, raw))
    return short(hasher.digest())


def _sample(file: BinaryIO, raw: RawTags) -> bytes:
    start, end = audio_span(file, raw)
    start = min(start, end)  # declared sizes may be anything
    length = end - start
    if length <= 3 * _SAMPLE_BYTES:
        file.seek(start)
        return file.read(max(0, length))
    parts = []
    for share in (1, 2, 3):
        file.seek(start + length * share // 4)
        parts.append(file.read(_SAMPLE_BYTES))
    return b"".join(parts)


def _last_pages(file: BinaryIO) -> bytes:
    """Lacing and bodies of the pages in the last 48 KiB."""
    end = file.seek(0, 2)
    file.seek(max(0, end - 3 * _SAMPLE_BYTES))
    tail = file.read()
    parts, at = [], tail.find(b"OggS")
    while at >= 0 and at + 27 <= len(tail):
        count = tail[at + 26]
        lacing = tail[at + 27 : at + 27 + count]
        body = at + 27 + count
        following = body + sum(lacing)
        if any(tail[at + 6 : at + 14]):  # tags stand on pages of granule position 0
            parts += [lacing, tail[body:following]]
        at = tail.find(b"OggS", following)
    return b"".join(parts)


def audio_span(file: BinaryIO, raw: RawTags, *, clipped: bool = True) -> tuple[int, int]:
    """First byte of the sound and the one past its last, as far as they are cheaply told.

    Unclipped, the end is the declared one even where the file is shorter.
    """
    end = file.seek(0, 2)
    if raw.container in _CHUNKS:
        start, stop = _chunk(file, end, raw.container)
        return start, min(stop, end) if clipped else stop
    if raw.container == "matroska":
        start, stop = ebml.sound_span(file, end)
        return min(start, end), min(stop, end) if clipped else stop
    if raw.container == "asf":
        file.seek(0)
        head = file.read(24)
        return (int.from_bytes(head[16:24], "little"), end) if head[:16] == _ASF_HEADER else (0, end)
    if raw.container == "dsf":
        file.seek(80)
        stop = 80 + int.from_bytes(file.read(12)[4:], "little")
        return 92, min(end, stop) if clipped else stop
    stop = _before_trailing_tags(file, end)
    return min(max(raw.audio_start, _after_leading_tag(file)), stop), stop


def _after_leading_tag(file: BinaryIO) -> int:
    """Behind an ID3v2 tag; its size is written in four times seven bits."""
    file.seek(0)
    head = file.read(10)
    if head[:3] != b"ID3":
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _before_trailing_tags(file: BinaryIO, end: int) -> int:
    """Before ID3v1 and APEv2, whichever stand there."""
    file.seek(max(0, end - 128))
    if file.read(3) == b"TAG":
        end -= 128
    file.seek(max(0, end - 32))
    footer = file.read(32)
    if footer[:8] == b"APETAGEX":
        end -= int.from_bytes(footer[12:16], "little") + (32 if footer[23] & 0x80 else 0)
    return max(0, end)


def _chunk(file: BinaryIO, end: int, container: str) -> tuple[int, int]:
    """The largest chunk of sound, as `_CHUNKS` calls it; the whole file without one."""
    at, best, found = {"mp4": 0, "dff": 16}.get(container, 12), (0, end), 0
    for _ in range(_MOST_CHUNKS):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            break
        skip = 8
        if container == "mp4":
            size, kind = int.from_bytes(head[:4], "big"), head[4:8]
            if size == 1:
                size, skip = int.from_bytes(head[8:16], "big"), 16
            total = size or end - at
        elif container == "dff":
            skip, kind = 12, head[:4]
            total = 12 + int.from_bytes(head[4:12], "big")
            total += total & 1
        else:
            kind = head[:4]
            total = 8 + int.from_bytes(head[4:8], "little" if container == "wav" else "big")
            total += total & 1
        if total < skip:
            break
        if kind == _CHUNKS[container] and total > found:
            best, found = (at + skip, at + total), total
        at += total
    return best
