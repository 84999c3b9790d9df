"""What the scan hands to the catalogue, and what the catalogue tells the scan."""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.core.units import TrackId
from mediaserver.media.facts import PictureFacts, TrackFacts


@dataclass(frozen=True, slots=True)
class Known:
    """A file as the catalogue last saw it."""

    track_id: TrackId
    size_bytes: int
    mtime_ns: int
    is_missing: bool
    reader_version: int
    """Of the reader that this was read by."""


@dataclass(frozen=True, slots=True)
class FolderPicture:
    """The cover that lies beside the audio files of a folder."""

    path: str
    """Relative to the root."""
    facts: PictureFacts


@dataclass(frozen=True, slots=True)
class ReadFile:
    """An audio file that was read well."""

    path: str
    """Relative to the root, with /."""
    size_bytes: int
    mtime_ns: int
    facts: TrackFacts
    folder_picture: FolderPicture | None
    reader_version: int


@dataclass(frozen=True, slots=True)
class Stored:
    added: int
    changed: int
    """Moved ones included."""
    moved: int
    """Took the row of a missing file."""
