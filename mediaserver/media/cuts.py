"""Where a sound lies: a whole file, or a part of one that a cue sheet cuts out of it; both are written as one path.

A part is `FILE/NN` in the catalogue, and `FILE/NN@START-STOP@RATE` where its sound is asked for: a place. Neither can
be a path that there is, for FILE is a file, and its name has a dot, which no number has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PIECE = re.compile(r"\d{2,3}(?:@(\d{1,15})-(\d{0,15})@(\d{2,9}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cut:
    """A part of a sound, in samples of `rate_hz`, which need not be the rate that a decoder gives."""

    start: int
    stop: int | None
    """The one past the last; None: to the end, wherever that is."""
    rate_hz: int

    def at(self, rate_hz: int) -> tuple[int, int | None]:
        """`start` and `stop` at another rate. Neighbours meet there too."""
        stop = None if self.stop is None else self.stop * rate_hz // self.rate_hz
        return self.start * rate_hz // self.rate_hz, stop


def track_path(file: str, number: int) -> str:
    """Of track `number` (1 to 999) of the file at this path, as the catalogue has it."""
    return f"{file}/{number:02d}"


def place(path: str, cut: Cut | None) -> str:
    """Of the sound of a track, from its path."""
    if cut is None:
        return path
    return f"{path}@{cut.start}-{'' if cut.stop is None else cut.stop}@{cut.rate_hz}"


def file_of(path: str) -> str:
    """The file that holds what lies at this path of a track, or this place."""
    return split(path)[0]


def split(path: str) -> tuple[str, str]:
    """The file, and what stands behind its slash; "" where it is meant whole."""
    if not path[-2:].isdigit():  # no track is of a number or rate of one digit; nearly all paths end here
        return path, ""
    file, _, piece = path.rpartition("/")
    if _PIECE.fullmatch(piece) is None or "." not in file.rpartition("/")[2]:
        return path, ""
    return file, piece


def track_path_of(place: str) -> str:
    """The path of a track, from the place of its sound."""
    file, piece = split(place)
    return f"{file}/{number_in(piece)}" if piece else file


def number_in(piece: str) -> str:
    """`NN` of what stands behind the slash."""
    return piece.partition("@")[0]


def cut_in(piece: str) -> Cut | None:
    """What is cut out, of what stands behind the slash of a place; None: the whole."""
    match = _PIECE.fullmatch(piece)
    if match is None or match[1] is None or not int(match[3]):
        return None
    return Cut(int(match[1]), int(match[2]) if match[2] else None, int(match[3]))
