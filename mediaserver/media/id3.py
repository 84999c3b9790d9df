"""User text frames of ID3 (TXXX), read at once.

mutagen decodes UTF-16 one byte at a time, and taggers write nine or more such frames into each file, with names and
identifiers of sixty letters: that took a third of the time in which an MP3 is read. It hands these frames over as they
are, and they are decoded here; everything else of ID3 stays mutagen's.
"""

from __future__ import annotations

from typing import Any

from mutagen.id3 import BinaryFrame, Frames, Frames_2_2

# Source: ID3v2.4.0, 4 ("Text encoding description byte"). The second is how many bytes end a text.
_ENCODINGS = {0: ("latin-1", 1), 1: ("utf-16", 2), 2: ("utf-16-be", 2), 3: ("utf-8", 1)}


class TXXX(BinaryFrame):  # mutagen calls a frame by its class
    """As it stands in the file, without unsynchronisation and compression."""

    data: bytes

    @property
    def HashKey(self) -> str:
        return f"TXXX:{self.data!r}"  # by which mutagen tells several of them apart


FRAMES: dict[str, Any] = {**Frames_2_2, **Frames, "TXXX": TXXX}
"""What mutagen is to know: `MP3(file, known_frames=FRAMES)`."""


def user_text(frame: Any) -> tuple[str, list[str]]:
    """Its description and its texts; what is no text is "\ufffd".

    Frames of ID3v2.2, and of other containers than MP3, come as mutagen's own.
    """
    if not isinstance(frame, TXXX):
        return frame.desc, frame.text
    data = frame.data
    encoding, width = _ENCODINGS.get(data[0] if data else 0, ("latin-1", 1))
    parts = _parts(data[1:], width)
    if encoding == "utf-16":  # taggers write the byte order mark once, or before each text
        order = "utf-16-be" if parts[0].startswith(b"\xfe\xff") else "utf-16-le"
        texts = [part.decode(order, "replace").removeprefix("\ufeff") for part in parts]
    else:
        texts = [part.decode(encoding, "replace") for part in parts]
    while len(texts) > 1 and not texts[-1]:
        texts.pop()
    return texts[0], texts[1:]


def _parts(data: bytes, width: int) -> list[bytes]:
    if width == 1:
        return data.split(b"\0")
    parts, at = [], 0
    while (end := data.find(b"\0\0", at)) >= 0:
        while end >= 0 and (end - at) % 2:  # a letter's second byte and the next one's first are no end
            end = data.find(b"\0\0", end + 1)
        if end < 0:
            break
        parts.append(data[at:end])
        at = end + 2
    return [*parts, data[at:]]
