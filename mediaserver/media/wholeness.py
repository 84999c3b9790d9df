"""Whether an audio file was cut short, as far as its container tells cheaply."""

from __future__ import annotations

from pathlib import Path

from mediaserver.media.digest import audio_span
from mediaserver.media.tags import RawTags

_TAIL_BYTES = 64 * 1024
_END_OF_STREAM = 4  # flag of the last Ogg page


def is_cut(path: str, raw: RawTags) -> bool:
    """True where the file ends before what it declares; False also where nothing is declared. Raises OSError."""
    with Path(path).open("rb") as file:
        size = file.seek(0, 2)
        if raw.container == "ogg":
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read()
            last = tail.rfind(b"OggS")
            return last >= 0 and (last + 5 >= len(tail) or not tail[last + 5] & _END_OF_STREAM)
        if raw.container in ("wav", "mp4"):
            start, end = audio_span(file.read, file.seek, raw, clipped=False)
            return end > size and end - start < 0xFFFFFF00  # a stream's WAV declares the largest size
        if raw.least_bytes:
            return size < raw.least_bytes
    return False
