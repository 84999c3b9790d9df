"""What a scan keeps of what it read: every bad file told once, pictures found again, moves counted as moves."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from mutagen.id3 import ID3

from mediaserver.core.errors import Invalid
from tests.library.music import ids, opened, problems, scan, song


async def test_every_one_of_many_bad_files_is_told_at_each_scan(tmp_path: Path, database_url: str) -> None:
    folder = tmp_path / "music"
    song(folder / "good.flac", "Good")
    for n in range(1100):
        (folder / f"{n}.mp3").touch()
    async with opened([folder], tmp_path / "d", database_url) as rooms:
        for _ in range(3):
            await scan(rooms)
            assert await rooms.library.report.count() == 1100


async def test_a_file_that_was_spoilt_is_missing_and_read_once_until_it_is_whole_again(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    path = "Mixed/Summer/1.opus"
    whole = (music / path).read_bytes()
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        before = (await ids(rooms))[path]
        (music / path).write_bytes(os.urandom(5000))
        spoilt = await scan(rooms)
        assert (spoilt.files_read, spoilt.missing) == (1, 1)
        assert path in await problems(rooms)
        assert path not in await ids(rooms)
        assert (await scan(rooms)).files_read == 0
        (music / path).write_bytes(whole)
        await scan(rooms)
        assert (await ids(rooms))[path] == before
        assert path not in await problems(rooms)


async def test_a_moved_file_is_not_told_as_missing(music: Path, tmp_path: Path, database_url: str) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        (music / "Mixed/Summer").rename(music / "Mixed/Winter")
        moved = await scan(rooms)
        assert (moved.added, moved.changed, moved.missing) == (0, 2, 0)


@pytest.mark.parametrize("how", ["gone", "another cover"])
async def test_a_cover_in_several_files_is_found_though_the_first_of_them_has_it_no_more(
    music: Path, tmp_path: Path, database_url: str, how: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        digest = (await rooms.database.one("SELECT digest FROM pictures WHERE path LIKE '%.mp3'") or {})["digest"]
        file = Path((await rooms.catalog.pictures.file(digest)).path)
        if how == "gone":
            file.unlink()
        else:
            tags = ID3(file)
            tags.delall("APIC")
            tags.save()
        await scan(rooms)
        again = await rooms.catalog.pictures.file(digest)
        assert Path(again.path) != file
        assert Path(again.path).exists()


async def test_no_file_is_scanned_into_two_libraries(music: Path, tmp_path: Path, database_url: str) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
    for folder in (music / "Björk", music.parent):
        with pytest.raises(Invalid, match="overlaps"):
            async with opened([folder], tmp_path / "d", database_url):
                pass


async def test_a_folder_that_is_away_is_served_where_it_had_music_and_else_refused(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
    music.rename(tmp_path / "away")
    async with opened([music], tmp_path / "d", database_url) as rooms:
        status = await scan(rooms)
        assert "cannot be listed" in status.message
        assert len(await ids(rooms)) == 10
    with pytest.raises(Invalid, match="there is no folder"):
        async with opened([tmp_path / "never"], tmp_path / "d", database_url):
            pass


async def test_asking_many_times_while_a_scan_runs_scans_once_more(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        scanner = rooms.library.scanner
        scanner.start()
        while scanner.walks == 0:
            await asyncio.sleep(0)
        for _ in range(3):
            scanner.start()
        await scanner.wait()
        assert scanner.walks == 2
