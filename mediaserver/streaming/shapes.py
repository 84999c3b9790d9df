"""By how much a rendition is turned up or down, and whether for the night: part of its recipe, and of all that is made
of it. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mediaserver.core.errors import NotFound
from mediaserver.media.packets import PacketIndex
from mediaserver.streaming.levelling import LEAST_DB, MOST_DB, STEPS

_FORM = re.compile(r"(?:([mp])([1-9][0-9]{0,2}))?(n?)", re.ASCII)
_LEAST, _MOST = round(LEAST_DB * STEPS), round(MOST_DB * STEPS)


@dataclass(frozen=True, slots=True)
class Shape:
    """Its text is `m65` for -6.5 dB, `p20` for +2 dB, with an `n` behind for the night; "" for the sound as it is."""

    gain: int = 0
    """In tenths of a dB."""
    is_night: bool = False

    @classmethod
    def of_db(cls, gain_db: float, *, is_night: bool = False) -> Shape:
        return cls(min(_MOST, max(_LEAST, round(gain_db * STEPS))), is_night)

    @property
    def is_flat(self) -> bool:
        return not self.gain and not self.is_night

    @property
    def gain_db(self) -> float:
        return self.gain / STEPS

    def __str__(self) -> str:
        gain = f"{'m' if self.gain < 0 else 'p'}{abs(self.gain)}" if self.gain else ""
        return gain + ("n" if self.is_night else "")


FLAT = Shape()


def parsed(text: str) -> Shape:
    """The shape of this text. Raises NotFound for what no shape is written as, and for gains that there are not."""
    match = _FORM.fullmatch(text)
    gain = int(match[2] or 0) * (-1 if match[1] == "m" else 1) if match is not None else 0
    if match is None or not _LEAST <= gain <= _MOST:
        raise NotFound("there is nothing at this address")
    return Shape(gain, bool(match[3]))


def without_own_packets(index: PacketIndex) -> PacketIndex:
    """What a ladder is to see of a sound that is to be shaped: as a timeline's, none of its packets leaves as it is."""
    return replace(index, codec="", decoder="")
