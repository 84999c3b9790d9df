"""A file is read by what it holds; its name is only noted."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaserver.library.reader import ToRead, read_files
from mediaserver.media.probe import index_file
from tests import audio

CASES = [
    ("flac", "mp3", "flac"),
    ("mp3", "flac", "mp3"),
    ("m4a", "mp3", "mp4"),
    ("ogg", "flac", "ogg"),
    ("opus", "mp3", "ogg"),
    ("wav", "mp3", "wav"),
    ("aiff", "flac", "aiff"),
    ("wma", "mp3", "asf"),
    ("wv", "ape", "wavpack"),
    ("mp3", "m4a", "mp3"),
    ("mp3", "wav", "mp3"),
    ("flac", "ogg", "flac"),
]


@pytest.mark.parametrize(("kind", "suffix", "container"), CASES)
def test_a_file_of_another_kind_than_its_name_says_is_taken_and_played(
    kind: str, suffix: str, container: str, tmp_path: Path
) -> None:
    path = tmp_path / f"x.{suffix}"
    audio.write(path, kind, seconds=2.0)
    status = path.stat()
    found = read_files(str(tmp_path), [ToRead(path.name, status.st_size, status.st_mtime_ns, "")])
    assert [problem.reason for problem in found.problems] == ["wrong-extension"]
    (file,) = found.files
    assert file.facts.container == container
    assert abs(file.facts.duration_ms - 2000) < 60
    index, _ = index_file(str(path), side_dir=str(tmp_path / "sides"))
    assert abs(index.length_samples / index.rate_hz - 2.0) < 0.06
