"""What one audio file says of itself, made plain: raw tags into `TrackFacts`. Pure."""

from __future__ import annotations

from dataclasses import dataclass


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
    """mp3, flac, ogg, mp4, wav, aiff, asf, ape, wavpack, musepack, dsf."""
    codec: str
    """mp3, flac, vorbis, opus, aac, alac, pcm, wma, wmalossless, ape, wavpack, musepack, dsd."""
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
