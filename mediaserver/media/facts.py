"""What one audio file says of itself, made plain: raw tags into `TrackFacts`. Pure."""

from __future__ import annotations

import calendar
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath

from mediaserver.media import gains
from mediaserver.media.raw import RawTags


@dataclass(frozen=True, slots=True)
class PictureFacts:
    """A picture found in or beside the file; its bytes stay where they are until somebody looks."""

    digest: str
    """base64url of 128 bits of SHA-256 over the picture's bytes, without padding."""
    mime: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class TrackFacts:
    """What the catalogue wants to know of one audio file. Names are NFC, stripped, without control characters."""

    title: str
    """Never empty: the file's name without extension where the tag is missing."""
    artists: tuple[str, ...]
    """At least one; ("Unknown artist",) where nothing is known."""
    artist_credit: str
    """As it is shown: the ARTIST tag, or the artists joined."""
    album: str
    """"" where unknown: the catalogue then groups by folder."""
    album_artists: tuple[str, ...]
    """() where untagged."""
    album_artist_credit: str
    genres: tuple[str, ...]
    date: str
    """1999, 1999-05 or 1999-05-31; "" where unknown or impossible."""
    year: int | None
    disc_no: int
    """1 where unknown."""
    track_no: int
    """0 where unknown."""
    is_compilation: bool
    duration_ms: int
    container: str
    """mp3, flac, ogg, mp4, wav, aiff, asf, ape, wavpack, musepack, dsf, dff, tta, matroska."""
    codec: str
    """mp3, flac, vorbis, opus, aac, alac, pcm, wma, wmalossless, ape, wavpack, musepack, dsd, tta;
    in Matroska also ac3, eac3, dts and what else libavcodec calls it."""
    rate_hz: int
    channels: int
    bit_depth: int | None
    """Of lossless sources; None for lossy ones."""
    bitrate_bps: int
    is_lossless: bool
    identity: str
    """media.digest: recognises the file after a move or a retag."""
    picture: PictureFacts | None
    """The embedded front cover, if there is one."""
    gain: gains.Tagged = gains.NOTHING


_UNKNOWN_ARTIST = "Unknown artist"
_JOINER = " • "
_LONGEST = 500
_DATE = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?")
_NUMBER = re.compile(r"\s*(\d{1,6})")
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_TRUE = {"1", "true", "yes", "y"}


def clean(text: str) -> str:
    """NFC, single spaces, no control characters, no lone surrogates, nothing that turns what follows around.

    Marks of direction for one letter stay, for Hebrew and Arabic need them; embeddings, overrides and isolates would
    reach beyond the name: `\u202egnp.exe` reads as `exe.png`, and so does all that a page shows after it.
    """
    text = text[: 2 * _LONGEST]  # before anything that takes time
    if text.isascii() and text.isprintable():
        return " ".join(text.split())[:_LONGEST]
    plain = unicodedata.normalize("NFC", text)
    plain = _TURNING.sub("", plain)
    kept = "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} else c for c in plain)
    return " ".join(kept.split())[:_LONGEST]


def names(values: Iterable[str]) -> tuple[str, ...]:
    """Cleaned, without empty ones, ones that nobody can see, and repetitions, in their order."""
    return tuple(dict.fromkeys(name for name in map(clean, values) if _can_be_seen(name)))


def _can_be_seen(text: str) -> bool:
    """Not so for nothing but joiners, marks of direction and byte order marks."""
    return any(unicodedata.category(c) not in {"Cf", "Zs"} for c in text)


def date(values: Iterable[str]) -> str:
    """The first value that is a date, as 1999, 1999-05 or 1999-05-31; "" where none is."""
    for value in values:
        match = _DATE.match(value.strip())
        if match is None or match[1] == "0000":
            continue
        year, month, day = match[1], int(match[2] or 0), int(match[3] or 0)
        if not 1 <= month <= 12:
            return year
        if not 1 <= day <= calendar.monthrange(max(1, int(year)), month)[1]:
            return f"{year}-{month:02d}"
        return f"{year}-{month:02d}-{day:02d}"
    return ""


def number(values: Iterable[str], *, otherwise: int) -> int:
    """The leading number of the first value that has one: `3/12` is 3."""
    for value in values:
        match = _NUMBER.match(value)
        if match is not None and int(match[1]):
            return int(match[1])
    return otherwise


def facts_of(raw: RawTags, *, file_name: str, identity: str, picture: PictureFacts | None) -> TrackFacts:
    """What the file says, made plain. ARTISTS is preferred for who; ARTIST is how the credit is shown."""

    def tag(name: str) -> list[str]:
        return raw.values.get(name, [])

    artists = names(tag("artists")) or names(tag("artist")) or (_UNKNOWN_ARTIST,)
    credit = names(tag("artist"))
    album_artists = names(tag("albumartists")) or names(tag("albumartist"))
    album_credit = names(tag("albumartist"))
    dated = date(tag("date")) or date(tag("originaldate"))
    return TrackFacts(
        title=next(iter(names(tag("title"))), "") or clean(PurePath(file_name).stem) or "Untitled",
        artists=artists,
        artist_credit=_JOINER.join(credit or artists)[:_LONGEST],
        album=(names(tag("album")) or ("",))[0],
        album_artists=album_artists,
        album_artist_credit=_JOINER.join(album_credit or album_artists)[:_LONGEST],
        genres=names(tag("genre")),
        date=dated,
        year=int(dated[:4]) if dated else None,
        disc_no=number(tag("discnumber"), otherwise=1),
        track_no=number(tag("tracknumber"), otherwise=0),
        is_compilation=any(value.strip().lower() in _TRUE for value in tag("compilation")),
        duration_ms=max(0, round(min(raw.duration_s, 10**7) * 1000)),
        container=raw.container,
        codec=raw.codec,
        rate_hz=raw.rate_hz,
        channels=raw.channels,
        bit_depth=raw.bit_depth,
        bitrate_bps=max(0, min(raw.bitrate_bps, 10**9)),
        is_lossless=raw.is_lossless,
        identity=identity,
        picture=picture,
        gain=gains.tagged(raw.values),
    )
