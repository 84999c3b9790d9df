"""What a scan keeps of what it read: every bad file told once, pictures found again, moves counted as moves."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest
from mutagen.id3 import ID3

from mediaserver.core.errors import Invalid
from mediaserver.library.reader import VERSION
from tests.library.music import Rooms, ids, opened, problems, scan, song


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


async def read_by_an_older_one(rooms: Rooms, paths: str) -> None:
    """As if the reader before this one had found something else in these files."""
    async with rooms.database.write() as tx:
        await tx.run(
            "UPDATE tracks SET title = 'old', duration_ms = 1, reader_version = :version WHERE path LIKE :paths",
            {"version": VERSION - 1, "paths": paths},
        )


async def facts(rooms: Rooms) -> dict[str, tuple[str, int, int, int]]:
    rows = await rooms.database.all("SELECT path, id, title, duration_ms, added_at_ms FROM tracks")
    return {row["path"]: (row["title"], row["duration_ms"], row["id"], row["added_at_ms"]) for row in rows}


async def test_what_an_older_reader_read_is_read_again_once_and_stays_what_it_was(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        before = await facts(rooms)
        await read_by_an_older_one(rooms, "%.mp3")
        again = await scan(rooms)
        assert (again.files_read, again.added, again.changed, again.missing) == (3, 0, 3, 0)
        assert await facts(rooms) == before
        assert (await scan(rooms)).files_read == 0


async def test_reading_all_again_goes_on_where_it_was_broken_off(
    tmp_path: Path, database_url: str, seeded_library: Path
) -> None:
    """Every row says by which reader it was read, so that what is stored is not read twice."""
    folder = tmp_path / "music"
    for n in range(200):
        copy = folder / f"{n:03d}.mp3"
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(seeded_library / "The Quiet/Long Way/CD 1/1 Setting Out.mp3", copy)
    async with opened([folder], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        await read_by_an_older_one(rooms, "%")
        scanner = rooms.library.scanner
        scanner.start()
        while not scanner.status().files_read:
            await asyncio.sleep(0)
        scanner.cancel()
        broken_off = (await scanner.wait()).files_read
        rest = await scan(rooms)
        assert rest.files_read == 200 - broken_off
        assert (await scan(rooms)).files_read == 0
        assert all(title != "old" for title, *_ in (await facts(rooms)).values())


async def test_what_is_said_of_a_sound_stays_until_its_file_changes(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    path = "Björk/Homogenic/01 Hunter.flac"
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        status = (music / path).stat()

        async def told(reason: str) -> dict[str, str]:
            report = rooms.library.report
            await report.heard(str(music / path), status.st_size, status.st_mtime_ns, reason)
            return await problems(rooms)

        assert await told("nothing in it can be decoded") == {path: "unplayable"}
        assert await told("") == {}
        await told("nothing in it can be decoded")
        (music / "Björk/Homogenic/cover.jpg").unlink()  # so that what lies beside it is read again
        assert (await scan(rooms)).files_read == 3
        assert await problems(rooms) == {path: "unplayable"}
        song(music / path, "Mended")
        assert (await scan(rooms)).files_read == 1
        assert await problems(rooms) == {}
