"""What a player can play, as it says itself, or as is known of players by their names. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from mediaserver.core.errors import Invalid

Way = Literal["hls", "dash", "progressive", "direct"]
WAYS: tuple[Way, ...] = get_args(Way)
MADE = ("aac", "opus", "flac", "mp3")
"""What is made here, in the order in which players are given it that say nothing else."""
CODECS = (*MADE, "vorbis", "alac", "pcm", "wavpack", "ape", "musepack", "wma", "dsd")
"""Every word that a player may say."""


@dataclass(frozen=True, slots=True)
class Abilities:
    """Of a player. What it named first it prefers where all else is equal; None is no limit."""

    codecs: tuple[str, ...] = ("aac", "mp3")
    ways: tuple[Way, ...] = ("hls", "progressive")
    max_rate_hz: int | None = None
    max_bit_depth: int | None = None
    max_channels: int | None = None
    max_bps: int | None = None
    wants_lossless: bool = True
    """Where it can have it: the lossless before the rest. False puts it behind all else."""
    is_known: bool = True
    """False: it has said nothing, and its name tells nothing."""


UNKNOWN = Abilities(is_known=False)
"""Of who says nothing and is not known: what everything plays that plays anything."""
_ALL = Abilities(codecs=CODECS, ways=("hls", "progressive", "direct"))
_BROWSER = ("aac", "opus", "flac", "mp3", "vorbis", "pcm")

# By the first pattern that is found in the User-Agent. What is tried in the tests: ffmpeg, mpv, VLC, GStreamer and
# Chromium; the others are as their makers document them.
_KNOWN: tuple[tuple[str, str, Abilities], ...] = (
    ("VLC", r"^VLC/|LibVLC/", _ALL),
    ("ffmpeg, mpv", r"^Lavf/|^mpv |libmpv", _ALL),
    ("GStreamer", r"^GStreamer |souphttpsrc", _ALL),
    ("Kodi", r"^Kodi/", _ALL),
    ("Sonos", r"Sonos/", Abilities(("aac", "flac", "mp3", "vorbis", "wma"), ("progressive", "hls"), 48_000, 16, 2)),
    ("Chromecast", r"CrKey/", Abilities(_BROWSER, ("hls", "dash", "progressive"), 96_000, 24, 2)),
    (
        "ExoPlayer",
        r"ExoPlayer|AndroidXMedia3",
        Abilities((*MADE, "vorbis", "pcm"), ("hls", "dash", "progressive", "direct")),
    ),
    (
        "Apple",
        r"AppleCoreMedia/|Version/[\d.]+ (Mobile/\w+ )?Safari/|CriOS/|FxiOS/",
        Abilities(("aac", "flac", "alac", "mp3", "pcm"), ("hls", "progressive", "direct")),
    ),
    ("Firefox", r"Gecko/\d+ Firefox/", Abilities(_BROWSER, ("hls", "dash", "progressive", "direct"))),
    ("Chromium", r"Chrom(e|ium)/", Abilities(_BROWSER, ("hls", "dash", "progressive", "direct"))),
    ("curl, Wget", r"^curl/|^Wget/", Abilities(CODECS, ("progressive", "direct"))),
)
NAMES = tuple(name for name, _, _ in _KNOWN)
_PATTERNS = [(re.compile(pattern), told) for _, pattern, told in _KNOWN]
_LONGEST_AGENT = 300


def known(user_agent: str) -> Abilities:
    """Of the player that calls itself so; UNKNOWN of a stranger."""
    agent = user_agent[:_LONGEST_AGENT]
    return next((told for pattern, told in _PATTERNS if pattern.search(agent)), UNKNOWN)


def listed(text: str, allowed: tuple[str, ...], field: str) -> tuple[str, ...]:
    """Words with commas between them, each once. Raises Invalid, and names the field, where one is not `allowed`."""
    words = tuple(dict.fromkeys(filter(None, (word.strip().lower() for word in text.split(",")))))
    strange = next((word for word in words if word not in allowed), None)
    if strange is not None or not words:
        raise Invalid(f"{field} must be of {', '.join(allowed)}, with commas", field=field)
    return words
