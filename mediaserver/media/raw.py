"""What an audio file says of itself and what its container tells of its sound, before anybody makes it plain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

LARGEST_PICTURE_BYTES = 32 * 1024 * 1024
_MOST_VALUES = 100
_LONGEST_VALUE = 2000
_LONGEST_SHEET = 1 << 20


@dataclass(frozen=True, slots=True)
class EmbeddedPicture:
    data: bytes
    mime: str
    is_front: bool


@dataclass(slots=True)
class RawTags:
    """What the file says, by our names; values as they stand there."""

    values: dict[str, list[str]] = field(default_factory=dict)
    pictures: list[EmbeddedPicture] = field(default_factory=list)
    container: str = ""
    codec: str = ""
    duration_s: float = 0.0
    rate_hz: int = 0
    channels: int = 0
    bit_depth: int | None = None
    bitrate_bps: int = 0
    is_lossless: bool = False
    sound_id: bytes = b""
    """What the format itself gives to recognise the sound by (FLAC's MD5), if anything."""
    audio_start: int = 0
    """Offset of the first byte of sound, where the format tells it cheaply; 0 elsewhere."""

    total_samples: int = 0
    """Samples per channel that FLAC's STREAMINFO declares; 0 elsewhere."""
    block_samples: int = 0
    """Samples of its largest block."""
    sheet: str = ""
    """A cue sheet that stands in the tags; "" without one."""
    marks: list[tuple[int, int]] = field(default_factory=list)
    """Of FLAC's own block CUESHEET: each track's number and the sample at which its INDEX 01 lies."""

    def add(self, name: str, values: Iterable[object]) -> None:
        kept = self.values.setdefault(name, [])
        for value in values:
            text = str(value)[:_LONGEST_VALUE]
            if text.strip() and len(kept) < _MOST_VALUES:
                kept.append(text)

    def add_sheet(self, values: Iterable[object]) -> None:
        """The first one; one that is cut here is refused for its length where it is parsed."""
        self.sheet = self.sheet or next((str(value)[: _LONGEST_SHEET + 1] for value in values), "")

    def add_picture(self, data: bytes, mime: str, *, is_front: bool) -> None:
        if 0 < len(data) <= LARGEST_PICTURE_BYTES:
            self.pictures.append(EmbeddedPicture(data, mime, is_front))
