"""Cue sheets for tests, and albums that lie in one file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import mutagen
from mutagen.flac import FLAC, CueSheet, CueSheetTrack, CueSheetTrackIndex
from mutagen.id3 import ID3, TXXX
from mutagen.mp4 import MP4
from mutagen.wavpack import WavPack

from tests import audio

TITLES = ("Auf", "Ab", "Aus")
STARTS = (0, 100, 187)
"""In frames of 1/75 s: of an album of three tracks that is a little longer than 3 s."""
SECONDS = 3.2


def text(
    file: str,
    starts: Sequence[int] = STARTS,
    titles: Sequence[str] = TITLES,
    *,
    album: str = "Grün",
    by: str = "Gruppe",
) -> str:
    lines = ["REM DATE 1974", "REM GENRE Krautrock", f'PERFORMER "{by}"', f'TITLE "{album}"', f'FILE "{file}" WAVE']
    for number, (start, title) in enumerate(zip(starts, titles, strict=True), 1):
        lines += [f"  TRACK {number:02d} AUDIO", f'    TITLE "{title}"', f"    INDEX 01 {msf(start)}"]
    return "\r\n".join(lines) + "\r\n"


def msf(frames: int) -> str:
    seconds, frame = divmod(frames, 75)
    return f"{seconds // 60:02d}:{seconds % 60:02d}:{frame:02d}"


def album(folder: Path, name: str = "album.flac", *, seed: int = 1, **sheet: Any) -> Path:
    """An album in one file, with its sheet beside it. Returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = audio.write(folder / name, seconds=SECONDS, seed=seed)
    path.with_suffix(".cue").write_text(text(name, **sheet), "utf-8")
    return path


def embed(path: Path, sheet: str) -> None:
    """Into the tags of the file, as its format has them; of FLAC with a title of the album that is another one."""
    file: Any = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    if isinstance(file, FLAC):
        file["album"] = "Of the tags"
    if isinstance(file.tags, ID3):
        file.tags.add(TXXX(encoding=3, desc="CUESHEET", text=[sheet]))
    elif isinstance(file, MP4):
        file["----:com.apple.iTunes:CUESHEET"] = [sheet.encode()]
    else:
        file["Cuesheet"] = [sheet] if not isinstance(file, WavPack) else sheet
    file.save()


def embed_block(path: Path, starts_samples: Sequence[int]) -> None:
    """FLAC's own block, as metaflac writes it."""
    file = FLAC(path)
    block = CueSheet(None)
    for number, start in enumerate(starts_samples, 1):
        track = CueSheetTrack(number, start)
        track.indexes.append(CueSheetTrackIndex(1, 0))
        block.tracks.append(track)
    block.tracks.append(CueSheetTrack(170, round(SECONDS * 44_100)))
    file.cuesheet = block
    file.metadata_blocks.append(block)
    file.save()
