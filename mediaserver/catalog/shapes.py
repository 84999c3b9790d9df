"""The shapes in which the catalogue answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from mediaserver.core.units import AlbumId, ArtistId, Digest, GenreId, LibraryId, TrackId
from mediaserver.media.gains import REFERENCE_LUFS, Tagged

T = TypeVar("T")

TAGGED_LUFS = REFERENCE_LUFS
"""To which the gains of tags lead."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list and the cursor of the next, None at the end. Cursors are opaque text."""

    items: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class ArtistRef:
    id: ArtistId
    name: str


@dataclass(frozen=True, slots=True)
class Artist:
    id: ArtistId
    name: str
    album_count: int
    """Albums of the artist's own, with at least one track that is there."""
    track_count: int
    """Tracks in which the artist is credited and which are there."""
    picture: Digest | None
    """Of the artist's newest album that has one."""


@dataclass(frozen=True, slots=True)
class Genre:
    id: GenreId
    name: str
    track_count: int


@dataclass(frozen=True, slots=True)
class Album:
    id: AlbumId
    title: str
    artist_credit: str
    artists: tuple[ArtistRef, ...]
    year: int | None
    is_compilation: bool
    track_count: int
    duration_ms: int
    picture: Digest | None
    added_at_ms: int


@dataclass(frozen=True, slots=True)
class Track:
    id: TrackId
    title: str
    album_id: AlbumId
    album_title: str
    artist_credit: str
    artists: tuple[ArtistRef, ...]
    genres: tuple[str, ...]
    disc_no: int
    track_no: int
    year: int | None
    date: str
    duration_ms: int
    container: str
    codec: str
    rate_hz: int
    channels: int
    bit_depth: int | None
    bitrate_bps: int
    is_lossless: bool
    size_bytes: int
    picture: Digest | None
    is_missing: bool
    added_at_ms: int
    tagged: Tagged
    """What the file's tags tell of its loudness."""


@dataclass(frozen=True, slots=True)
class TrackFile:
    """Where a track's audio lies."""

    track_id: TrackId
    library_id: LibraryId
    path: str
    """Absolute: of the file, or of a place in it, as `media.cuts` writes it."""
    size_bytes: int
    mtime_ns: int
    duration_ms: int
    container: str
    codec: str
    is_lossless: bool


@dataclass(frozen=True, slots=True)
class PictureFile:
    """Where a picture's bytes lie: `path` is absolute; the picture file, or the audio file that embeds it."""

    digest: Digest
    path: str
    is_embedded: bool
    mime: str
