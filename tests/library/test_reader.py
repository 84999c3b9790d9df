"""What is told of files that end before their sound does: that they do, and how long they really are."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from mediaserver.catalog.incoming import ReadFile
from mediaserver.library.reader import ToRead, read_files
from mediaserver.library.report import Problem
from tests import audio


def read(path: Path) -> tuple[list[ReadFile], list[Problem]]:
    status = path.stat()
    found = read_files(str(path.parent), [ToRead(path.name, status.st_size, status.st_mtime_ns, "")])
    return found.files, found.problems


def halved(path: Path) -> Path:
    cut = path.with_name(f"cut-{path.name}")
    raw = path.read_bytes()
    cut.write_bytes(raw[: len(raw) // 2])
    return cut


@pytest.mark.parametrize("kind", ["flac", "mp3", "ogg", "opus", "wav", "aiff", "wv", "wma", "dsf"])
def test_half_a_file_is_told_as_truncated_with_the_length_that_is_there(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"x.{kind}"
    if kind == "dsf":
        audio.dsf(path, seconds=4.0)
    else:
        audio.write(path, seconds=10.0)
    (whole,), problems = read(path)
    assert not problems
    assert whole.facts.bitrate_bps > 50_000
    (cut,), (problem,) = read(halved(path))
    assert problem.reason == "truncated"
    if kind not in ("ogg", "opus"):  # their length is written at their end alone
        assert "missing" in problem.detail
    assert cut.facts.duration_ms == pytest.approx(whole.facts.duration_ms / 2, abs=260)
    assert cut.facts.bitrate_bps == pytest.approx(whole.facts.bitrate_bps, rel=0.1)


def test_half_an_mp3_that_varies_is_told_as_truncated(tmp_path: Path) -> None:
    """Its Xing header, moved by hand into one that declares twice the frames and bytes."""
    path = audio.write(tmp_path / "x.mp3", seconds=5.0)
    raw = bytearray(path.read_bytes())
    at = raw.find(b"Info")
    raw[at : at + 4] = b"Xing"
    frames, size = struct.unpack(">II", raw[at + 8 : at + 16])
    raw[at + 8 : at + 16] = struct.pack(">II", 2 * frames, 2 * size)
    path.write_bytes(raw)
    (cut,), (problem,) = read(path)
    assert problem.reason == "truncated"
    assert cut.facts.duration_ms == pytest.approx(5000, abs=60)


def test_half_an_mp3_without_a_header_has_the_length_that_is_there(tmp_path: Path) -> None:
    path = audio.write(tmp_path / "x.mp3", seconds=10.0, options={"write_xing": "0"})
    (cut,), problems = read(halved(path))
    assert not problems, "nothing in it says how long it was"
    assert cut.facts.duration_ms == pytest.approx(5000, abs=60)


def test_an_mp4_whose_index_is_missing_is_damaged_and_one_that_has_it_is_truncated(tmp_path: Path) -> None:
    files, (problem,) = read(halved(audio.write(tmp_path / "x.m4a", seconds=10.0)))
    assert (files, problem.reason) == ([], "damaged")
    ahead = audio.write(tmp_path / "y.m4a", seconds=10.0, options={"movflags": "faststart"})
    (cut,), (problem,) = read(halved(ahead))
    assert problem.reason == "truncated"
    assert cut.facts.duration_ms == pytest.approx(5000, abs=260)


def monkey(path: Path, *, sound_bytes: int) -> Path:
    """Monkey's Audio of ten seconds by its descriptor and header alone; its sound is noise."""
    descriptor = struct.pack("<4sHHIIIIIII16s", b"MAC ", 3990, 0, 52, 24, 0, 0, 100_000, 0, 0, bytes(16))
    header = struct.pack("<HHIIIHHI", 2000, 0, 73_728, 72_360, 6, 16, 2, 44_100)
    path.write_bytes(descriptor + header + bytes(range(256)) * 400)
    with path.open("r+b") as file:
        file.truncate(76 + sound_bytes)
    return path


def test_monkeys_audio_is_read_and_half_of_it_is_truncated(tmp_path: Path) -> None:
    (whole,), problems = read(monkey(tmp_path / "x.ape", sound_bytes=100_000))
    assert not problems
    facts = whole.facts
    assert (facts.container, facts.codec, facts.rate_hz, facts.channels, facts.bit_depth) == (
        "ape",
        "ape",
        44_100,
        2,
        16,
    )
    (cut,), (problem,) = read(monkey(tmp_path / "y.ape", sound_bytes=50_000))
    assert problem.reason == "truncated"
    assert cut.facts.duration_ms == pytest.approx(facts.duration_ms / 2, rel=0.01)
