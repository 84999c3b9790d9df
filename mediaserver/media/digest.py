"""The cheap identity of an audio file, which survives a move or a retag: the format's own, or a little of the sound.

Not the sound digest (`media.probe`), which names exactly what is decoded and costs reading the whole file.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

from mediaserver.media.tags import RawTags

_SAMPLE_BYTES = 16 * 1024


def identity(path: str, raw: RawTags) -> str:
    """22 characters. FLAC: from STREAMINFO's MD5. Elsewhere: codec, length, rate and up to 48 KiB of the sound.

    Tags stand at the beginning or the end of a file; so three places in the middle are read, counted from the end of
    what a leading tag takes where the format tells it. Raises OSError.
    """
    hasher = hashlib.sha256(f"{raw.codec}/{raw.rate_hz}/{raw.channels}/{round(raw.duration_s * 1000)}".encode())
    if raw.sound_id:
        hasher.update(raw.sound_id)
    else:
        hasher.update(_sample(path, raw))
    return base64.urlsafe_b64encode(hasher.digest()[:16]).rstrip(b"=").decode("ascii")


def _sample(path: str, raw: RawTags) -> bytes:
    with Path(path).open("rb") as file:
        start, end = audio_span(file.read, file.seek, raw)
        length = end - start
        if length <= 3 * _SAMPLE_BYTES:
            file.seek(start)
            return file.read(max(0, length))
        parts = []
        for share in (1, 2, 3):
            file.seek(start + length * share // 4)
            parts.append(file.read(_SAMPLE_BYTES))
        return b"".join(parts)


def audio_span(
    read: Callable[[int], bytes], seek: Callable[..., int], raw: RawTags, *, clipped: bool = True
) -> tuple[int, int]:
    """First byte of the sound and the one past its last, as far as they are cheaply told.

    Unclipped, the end is the declared one even where the file is shorter.
    """
    end = seek(0, 2)
    if raw.container == "mp3":
        seek(max(0, end - 128))
        if read(3) == b"TAG":
            end -= 128
        seek(max(0, end - 32))
        footer = read(32)
        if footer[:8] == b"APETAGEX":
            end -= int.from_bytes(footer[12:16], "little") + (32 if footer[23] & 0x80 else 0)
        return min(raw.audio_start, max(0, end)), max(0, end)
    if raw.container in ("mp4", "wav", "aiff"):
        start, stop = _chunk(read, seek, end, raw.container)
        return start, min(stop, end) if clipped else stop
    return 0, end


def _chunk(read: Callable[[int], bytes], seek: Callable[..., int], end: int, container: str) -> tuple[int, int]:
    """The largest data chunk: `mdat` of MP4, `data` of WAVE, `SSND` of AIFF."""
    wanted = {"mp4": b"mdat", "wav": b"data", "aiff": b"SSND"}[container]
    at, best = (0 if container == "mp4" else 12), (0, end)
    found = 0
    for _ in range(1000):
        seek(at)
        head = read(16)
        if len(head) < 8:
            break
        if container == "mp4":
            size, kind, skip = int.from_bytes(head[:4], "big"), head[4:8], 8
            if size == 1:
                size, skip = int.from_bytes(head[8:16], "big"), 16
            total = size or end - at
        else:
            kind, skip = head[:4], 8
            total = 8 + int.from_bytes(head[4:8], "little" if container == "wav" else "big")
            total += total & 1
        if total < skip:
            break
        if kind == wanted and total > found:
            best, found = (at + skip, at + total), total
        at += total
    return best
