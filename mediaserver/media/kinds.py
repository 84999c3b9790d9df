"""Which audio files there are by their names: what a suffix promises. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    media_type: str
    containers: tuple[str, ...]
    """What a file of this name may hold, as `media.tags` calls it."""


KINDS = {
    ".mp3": Kind("audio/mpeg", ("mp3",)),
    ".mp2": Kind("audio/mpeg", ("mp3",)),
    ".flac": Kind("audio/flac", ("flac",)),
    ".ogg": Kind("audio/ogg", ("ogg",)),
    ".oga": Kind("audio/ogg", ("ogg",)),
    ".opus": Kind("audio/ogg", ("ogg",)),
    ".m4a": Kind("audio/mp4", ("mp4",)),
    ".m4b": Kind("audio/mp4", ("mp4",)),
    ".mp4": Kind("audio/mp4", ("mp4",)),
    ".aac": Kind("audio/aac", ("aac", "mp4")),
    ".adts": Kind("audio/aac", ("aac",)),
    ".wav": Kind("audio/wav", ("wav",)),
    ".wave": Kind("audio/wav", ("wav",)),
    ".aif": Kind("audio/aiff", ("aiff",)),
    ".aiff": Kind("audio/aiff", ("aiff",)),
    ".aifc": Kind("audio/aiff", ("aiff",)),
    ".wma": Kind("audio/x-ms-wma", ("asf",)),
    ".asf": Kind("audio/x-ms-wma", ("asf",)),
    ".ape": Kind("audio/x-ape", ("ape",)),
    ".wv": Kind("audio/x-wavpack", ("wavpack",)),
    ".mpc": Kind("audio/x-musepack", ("musepack",)),
    ".mp+": Kind("audio/x-musepack", ("musepack",)),
    ".dsf": Kind("audio/x-dsf", ("dsf",)),
    ".dff": Kind("audio/x-dff", ("dff",)),
    ".mka": Kind("audio/x-matroska", ("matroska",)),
    ".mkv": Kind("audio/x-matroska", ("matroska",)),
    ".webm": Kind("audio/webm", ("matroska",)),
    ".tta": Kind("audio/x-tta", ("tta",)),
}
"""By suffix, in lower case, with its dot."""
