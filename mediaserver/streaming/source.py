"""Of what a segment is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from mediaserver.media.measured import Dynamics
from mediaserver.media.packets import PacketIndex
from mediaserver.sound.sidefiles import SoundFile
from mediaserver.streaming.timeline import Run

_unpacked = lru_cache(maxsize=2)(PacketIndex.unpacked)
"""A worker keeps the last ones: that of twelve hours takes longer to unpack than a segment to make, and 50 MB."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where the packets of a sound are read."""

    path: str
    packed: bytes
    looked: SoundFile
    """Its file, by whose look a change is noticed."""
    gain: int = 0
    """In tenths of a dB, beside that of the rendition: of a part in a timeline."""
    night: Dynamics | None = None
    """Where the rendition is one for the night."""

    @property
    def index(self) -> PacketIndex:
        """Raises Damaged for bytes that are none."""
        return _unpacked(self.packed)


@dataclass(frozen=True, slots=True)
class Line:
    """Many sounds as one; of those alone that are needed for one segment."""

    rate_hz: int
    layout: str
    length_samples: int
    runs: tuple[Run, ...]
    sources: Mapping[int, Source]
    """By the numbers of the parts."""
