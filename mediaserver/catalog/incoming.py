"""What the scan hands to the catalogue, and what the catalogue tells the scan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from mediaserver.core.units import TrackId
from mediaserver.media import cuts
from mediaserver.media.cuts import Cut
from mediaserver.media.facts import PictureFacts, TrackFacts


class Known(NamedTuple):
    """A file as the catalogue last saw it. There are as many as files in each scan."""

    track_id: TrackId
    size_bytes: int
    mtime_ns: int
    is_missing: bool
    reader_version: int
    """Of the reader that this was read by; 0: the file was read again since, and this is no track of it any more."""
    sheets: str = ""
    """The look of the cue sheets that lay beside it then."""


@dataclass(frozen=True, slots=True)
class FolderPicture:
    """The cover that lies beside the audio files of a folder."""

    path: str
    """Relative to the root."""
    facts: PictureFacts


@dataclass(frozen=True, slots=True)
class ReadFile:
    """An audio file that was read well, or a track that a cue sheet cuts out of one."""

    path: str
    """Relative to the root, with /; of a track that is cut out as `media.cuts` writes it."""
    size_bytes: int
    mtime_ns: int
    facts: TrackFacts
    folder_picture: FolderPicture | None
    reader_version: int
    sheets: str = ""
    """The look of the cue sheets beside it."""
    cut: Cut | None = None
    """At `facts.rate_hz`; None: the whole file."""

    @property
    def file(self) -> str:
        """The path of the file itself."""
        return cuts.file_of(self.path)


@dataclass(frozen=True, slots=True)
class Stored:
    added: int
    changed: int
    """Moved ones included."""
    moved: int
    """Took the row of a missing file."""
