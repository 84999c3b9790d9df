"""The length that a scan finds is the length that is played: what encoders add before and behind is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from mediaserver.library.reader import ToRead, read_files
from mediaserver.media.probe import index_file
from tests import audio

MOST_MS = {"aac.mkv": 24, "wma": 60, "aac": 200}
"""By how much both may differ: ASF counts what its decoder keeps to itself; ADTS says nothing, so its length is a guess
by the bit rate. Elsewhere a rounding: edit lists count milliseconds."""


def scanned_ms(path: Path) -> int:
    status = path.stat()
    (file,) = read_files(str(path.parent), [ToRead(path.name, status.st_size, status.st_mtime_ns, "")]).files
    return file.facts.duration_ms


def played_ms(path: Path) -> int:
    index, _ = index_file(str(path), side_dir=str(path.parent / "sides"))
    return round(index.length_samples * 1000 / index.rate_hz)


@pytest.mark.parametrize("kind", sorted(audio.FORMATS))
def test_what_is_scanned_is_what_is_played(kind: str, tmp_path: Path) -> None:
    path = audio.write(tmp_path / f"x.{kind}", seconds=5)
    assert abs(scanned_ms(path) - played_ms(path)) <= MOST_MS.get(kind, 1)


@pytest.mark.parametrize(
    ("name", "rate_hz", "layout", "options"),
    [
        ("x.mp3", 48_000, "mono", {}),
        ("x.mp3", 22_050, "mono", {}),
        ("x.mp3", 32_000, "stereo", {"id3v2_version": "0"}),
        ("x.mp3", 44_100, "stereo", {"write_xing": "0"}),
        ("x.m4a", 48_000, "mono", {"movflags": "faststart"}),
        ("x.alac.m4a", 96_000, "stereo", {}),
    ],
)
def test_also_with_other_headers(name: str, rate_hz: int, layout: str, options: dict[str, str], tmp_path: Path) -> None:
    path = audio.write(tmp_path / name, seconds=3, rate_hz=rate_hz, layout=layout, options=options)
    assert abs(scanned_ms(path) - played_ms(path)) <= 1


def test_an_edit_that_takes_away_much_or_makes_no_sense_is_left_alone(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.m4a", seconds=5)
    raw = path.read_bytes()
    at = raw.index(b"elst") + 12
    whole_ms = 5000 + 1024 * 1000 // 44_100
    for ticks in (0, 1, 2500, 2**32 - 1):
        path.write_bytes(raw[:at] + ticks.to_bytes(4, "big") + raw[at + 4 :])
        assert abs(scanned_ms(path) - whole_ms) <= 1, ticks
    path.write_bytes(raw.replace(b"edts", b"edtz"))
    assert abs(scanned_ms(path) - whole_ms) <= 1
