"""Gains that somebody has measured and written into tags: ReplayGain, and the R128 gains of Opus. Pure.

Source: ReplayGain 2.0 specification (hydrogenaudio), RFC 7845, 5.2.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

REFERENCE_LUFS = -18.0
"""The loudness that a ReplayGain leads to."""
_R128_LUFS = -23.0
_LARGEST_DB = 60.0
_HIGHEST_PEAK = 32.0
_NUMBER = re.compile(r"\s*([+-]?\d{1,4}(?:[.,]\d{1,8})?)\s*(?:dB)?\s*", re.IGNORECASE | re.ASCII)
_WHOLE = re.compile(r"\s*([+-]?\d{1,5})\s*", re.ASCII)

NAMES = (
    "replaygain_track_gain",
    "replaygain_track_peak",
    "replaygain_album_gain",
    "replaygain_album_peak",
    "r128_track_gain",
    "r128_album_gain",
)
"""Tags that are read for it, in small letters."""

Values = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Tagged:
    """Gains in dB that lead to REFERENCE_LUFS, and peaks of full scale 1.0. None: the tags do not tell."""

    track_gain_db: float | None = None
    track_peak: float | None = None
    album_gain_db: float | None = None
    album_peak: float | None = None


NOTHING = Tagged()


def tagged(values: Values) -> Tagged:
    """What these tags tell. A file that has both kinds is an Opus file, in which those of R128 hold."""
    return Tagged(
        _gain(values, "track"),
        _peak(values.get("replaygain_track_peak", ())),
        _gain(values, "album"),
        _peak(values.get("replaygain_album_peak", ())),
    )


def _gain(values: Values, of: str) -> float | None:
    for text in values.get(f"r128_{of}_gain", ()):
        match = _WHOLE.fullmatch(text)
        if match is not None and abs(int(match[1])) <= 1 << 15:  # Q7.8: steps of 1/256 dB
            return round(int(match[1]) / 256 + REFERENCE_LUFS - _R128_LUFS, 3)
    gain_db = _number(values.get(f"replaygain_{of}_gain", ()))
    return gain_db if gain_db is not None and abs(gain_db) <= _LARGEST_DB else None


def _peak(texts: Sequence[str]) -> float | None:
    peak = _number(texts)
    return peak if peak is not None and 0 < peak <= _HIGHEST_PEAK else None


def _number(texts: Sequence[str]) -> float | None:
    for text in texts:
        match = _NUMBER.fullmatch(text)
        if match is not None:
            return float(match[1].replace(",", "."))
    return None
