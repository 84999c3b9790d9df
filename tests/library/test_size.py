"""A folder of 100,000 files: scanned at once, flat in memory, and hardly looked at the second time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests import audio
from tests.library.music import opened, scan

FILES, PER_ALBUM = 100_000, 20
MOST_RESIDENT_MB = 300


def id3(**frames: str) -> bytes:
    """An ID3v2.3 tag with text frames (id3.org, 3.3 and 4.2)."""
    body = b""
    for name, text in frames.items():
        raw = b"\0" + text.encode("latin-1")
        body += name.encode() + len(raw).to_bytes(4, "big") + b"\0\0" + raw
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\0\0" + size + body


def make(root: Path, files: int = FILES) -> None:
    plain = audio.write(root.parent / "plain.mp3", seconds=0.3, options={"id3v2_version": "0"}).read_bytes()
    for n in range(files):
        album, track = divmod(n, PER_ALBUM)
        folder = root / f"Artist {album // 5}" / f"Album {album}"
        if not track:
            folder.mkdir(parents=True)
        artist = f"Artist {album // 5}"
        tag = id3(TIT2=f"Track {n}", TPE1=artist, TPE2=artist, TALB=f"Album {album}", TRCK=str(track + 1), TCON="Rock")
        (folder / f"{track + 1:02d}.mp3").write_bytes(tag + plain + n.to_bytes(4, "big"))


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.long
async def test_a_hundred_thousand_files(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    make(music)
    before = resident_mb()
    async with opened([music], tmp_path / "data", database_url) as rooms:
        start = time.perf_counter()
        first = await scan(rooms)
        first_s = time.perf_counter() - start
        assert (first.added, first.problems) == (FILES, 0)
        start = time.perf_counter()
        second = await scan(rooms)
        second_s = time.perf_counter() - start
        assert (second.files_seen, second.files_read) == (FILES, 0)
        (music / "Artist 7" / "Album 35" / "01.mp3").unlink()
        assert (await scan(rooms)).missing == 1
    told = f"first {first_s:.1f} s ({FILES / first_s:,.0f} files/s), again {second_s:.2f} s"
    print(f"\n{told}, {resident_mb():.0f} MB resident")
    assert resident_mb() - before < MOST_RESIDENT_MB
