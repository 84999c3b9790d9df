"""Scans of real folders: what is taken, what is told, and that nothing is lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mediaserver.library.reader import ToRead, read_packed
from mediaserver.library.walk import walk
from tests import audio, seeded
from tests.library.music import ids, opened, problems, scan, song


async def test_a_scan_takes_everything_and_the_next_reads_nothing(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        first = await scan(rooms)
        assert (first.state, first.files_seen, first.added, first.problems) == ("idle", 10, 10, 0)
        second = await scan(rooms)
        assert (second.files_seen, second.files_read, second.added, second.changed) == (10, 0, 0, 0)
        albums = (await rooms.catalog.albums.page(limit=10)).items
        shown = {
            a.title: (a.artist_credit, a.track_count, a.year, a.is_compilation, a.picture is not None) for a in albums
        }
        assert shown == {
            "Homogenic": ("Björk", 3, 1997, False, True),
            "Long Way": ("The Quiet", 3, 2004, False, True),
            "星": ("夜の海", 2, 2011, False, True),
            "Summer": ("Various Artists", 2, 2020, True, False),
        }


async def test_every_scanned_format_gives_its_facts(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for kind in audio.FORMATS:
        audio.write(music / f"one.{kind}")
    expected = {
        "flac": ("flac", "flac", 16, True),
        "mp3": ("mp3", "mp3", None, False),
        "m4a": ("mp4", "aac", None, False),
        "alac.m4a": ("mp4", "alac", 16, True),
        "ogg": ("ogg", "vorbis", None, False),
        "opus": ("ogg", "opus", None, False),
        "wav": ("wav", "pcm", 16, True),
        "aiff": ("aiff", "pcm", 16, True),
        "wv": ("wavpack", "wavpack", 16, True),
        "wma": ("asf", "wma", None, False),
        "tta": ("tta", "tta", 16, True),
        "aac": ("aac", "aac", None, False),
        "flac.mka": ("matroska", "flac", 16, True),
        "pcm.mka": ("matroska", "pcm", 24, True),
        "aac.mkv": ("matroska", "aac", None, False),
        "ac3.mka": ("matroska", "ac3", None, False),
        "opus.webm": ("matroska", "opus", None, False),
        "vorbis.webm": ("matroska", "vorbis", None, False),
    }
    async with opened([music], tmp_path / "d", database_url) as rooms:
        status = await scan(rooms)
        assert status.added == len(audio.FORMATS), await problems(rooms)
        for track in (await rooms.catalog.tracks.page(limit=50)).items:
            file = await rooms.catalog.tracks.file(track.id)
            kind = Path(file.path).name.split(".", 1)[1]
            assert (track.container, track.codec, track.bit_depth, track.is_lossless) == expected[kind], kind
            assert abs(track.duration_ms - 1000) < 120, kind
            assert track.rate_hz == audio.FORMATS[kind][3], kind
            assert track.channels == 2 or kind == "tta", kind  # mutagen does not tell a TTA file's channels


async def test_bad_files_become_problems_and_stop_nothing(music: Path, tmp_path: Path, database_url: str) -> None:
    bad = music / "Bad"
    bad.mkdir()
    (bad / "empty.mp3").touch()
    (bad / "text.flac").write_text("this is no music, " * 100)
    whole = audio.write(bad / "whole.flac", seconds=4).read_bytes()
    (bad / "cut.flac").write_bytes(whole[: len(whole) // 3])
    (bad / "whole.flac").unlink()
    shutil.copy(music / seeded.TRACKS[3].path, bad / "really-mp3.ogg")
    (bad / "loop").symlink_to(music)
    (bad / "nowhere.mp3").symlink_to(bad / "gone.mp3")
    os.mkfifo(bad / "pipe.mp3")
    os.close(os.open(os.fsencode(bad) + b"/caf\xe9.mp3", os.O_CREAT))
    async with opened([music], tmp_path / "d", database_url) as rooms:
        status = await scan(rooms)
        assert status.added == 10 + 2  # the cut one and the misnamed one are music all the same
        expected = {
            "Bad/empty.mp3": "empty",
            "Bad/text.flac": "damaged",
            "Bad/cut.flac": "truncated",
            "Bad/really-mp3.ogg": "wrong-extension",
            "Bad/loop": "symlink-loop",
            "Bad/nowhere.mp3": "unreadable",
            "Bad/pipe.mp3": "not-a-file",
            "Bad/caf\\xe9.mp3": "name-not-utf8",
        }
        assert await problems(rooms) == expected
        again = await scan(rooms)
        assert again.files_read == 0
        assert await problems(rooms) == expected
        (bad / "text.flac").write_bytes(whole)
        (bad / "empty.mp3").unlink()
        mended = await scan(rooms)
        assert mended.added == 1
        left = await problems(rooms)
        assert set(expected) - set(left) == {"Bad/text.flac", "Bad/empty.mp3"}


async def test_what_may_not_be_read_is_told(seeded_library: Path) -> None:
    """Root may read everything: where the tests run as root, the folder is looked at by somebody else."""
    with tempfile.TemporaryDirectory(prefix="mediaserver-test-") as name:
        own = Path(name)
        own.chmod(0o755)
        music = Path(shutil.copytree(seeded_library, own / "music"))
        music.chmod(0o755)
        (music / seeded.TRACKS[0].path).chmod(0)
        folder = music / "The Quiet"
        folder.chmod(0)
        script = (
            "import os, sys; from mediaserver.library.walk import walk; from mediaserver.library.reader import *\n"
            "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
            "w = walk(sys.argv[1]); print([(p.path, p.reason) for p in w.problems], w.unseen)\n"
            f"s = os.stat(sys.argv[1] + '/' + {seeded.TRACKS[0].path!r})\n"
            f"wanted = [ToRead({seeded.TRACKS[0].path!r}, s.st_size, s.st_mtime_ns, '')]\n"
            "print([p.reason for p in read_files(sys.argv[1], wanted).problems])"
        )
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", script, str(music), stdout=asyncio.subprocess.PIPE
            )
            out, _ = await process.communicate()
        finally:
            folder.chmod(0o755)
    assert out.decode().splitlines() == ["[('The Quiet', 'unreadable')] ['The Quiet']", "['unreadable']"]


async def test_an_empty_or_vanished_root_loses_nothing(music: Path, tmp_path: Path, database_url: str) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        before = await ids(rooms)
        away = music.rename(tmp_path / "unplugged")
        gone = await scan(rooms)
        assert "cannot be listed" in gone.message
        assert gone.missing == 0
        music.mkdir()
        empty = await scan(rooms)
        assert "empty" in empty.message
        assert empty.last is not None
        assert empty.last.outcome == "failed"
        assert await ids(rooms) == before
        music.rmdir()
        away.rename(music)
        back = await scan(rooms)
        assert (back.message, back.files_read) == ("", 0)
        assert await ids(rooms) == before


async def test_a_missing_file_is_marked_and_comes_back_as_itself(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        before = await ids(rooms)
        moved = (music / "Mixed").rename(tmp_path / "aside")
        status = await scan(rooms)
        assert status.missing == 2
        assert len(await ids(rooms)) == 8
        assert [a.title for a in (await rooms.catalog.albums.page(limit=9)).items] == ["Homogenic", "Long Way", "星"]
        assert (await rooms.catalog.find.tracks("two", limit=5)).items == ()
        kept = await rooms.catalog.tracks.get(before["Mixed/Summer/2.opus"])  # type: ignore[arg-type]
        assert kept.is_missing
        moved.rename(music / "Mixed")
        status = await scan(rooms)
        assert status.files_read == 0
        assert await ids(rooms) == before
        assert len((await rooms.catalog.find.tracks("two", limit=5)).items) == 1


async def test_a_moved_and_a_retagged_file_keep_their_ids(music: Path, tmp_path: Path, database_url: str) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        before = await ids(rooms)
        (music / "Elsewhere").mkdir()
        moves = {one.path: f"Elsewhere/{n}{Path(one.path).suffix}" for n, one in enumerate(seeded.TRACKS)}
        for n, (old, new) in enumerate(moves.items()):
            (music / old).rename(music / new)
            seeded.tag(music / new, seeded.Tagged(new, f"New {n}", "Somebody", "Else", "Somebody", track=n))
        status = await scan(rooms)
        assert (status.added, status.changed, status.missing) == (0, 10, 0)
        after = await ids(rooms)
        assert after == {moves[path]: track for path, track in before.items()}
        assert [a.title for a in (await rooms.catalog.albums.page(limit=9)).items] == ["Else"]


async def test_a_file_that_moves_to_a_root_that_is_looked_at_sooner_keeps_its_row(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    sooner = tmp_path / "sooner"
    song(sooner / "one.mp3", "One")
    async with opened([sooner, music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        before = await ids(rooms)
        (music / "Mixed/Summer").rename(sooner / "Summer")
        ended = await scan(rooms)
        assert await ids(rooms) == {path.replace("Mixed/Summer", "Summer"): track for path, track in before.items()}
        assert ended.last is not None
        assert (ended.last.added, ended.last.missing) == (0, 0)


async def test_what_lies_on_a_disk_that_is_away_has_not_moved(music: Path, tmp_path: Path, database_url: str) -> None:
    sooner = tmp_path / "sooner"
    song(sooner / "one.mp3", "One")
    async with opened([sooner, music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        before = await ids(rooms)
        shutil.copytree(music / "Mixed/Summer", sooner / "Summer")
        music.rename(tmp_path / "away")
        music.mkdir()
        await scan(rooms)
        now = await ids(rooms)
        assert now.items() >= before.items()
        assert len(now) > len(before)


async def test_two_copies_of_one_file_stay_two_tracks(music: Path, tmp_path: Path, database_url: str) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        before = await ids(rooms)
        one = seeded.TRACKS[0].path
        shutil.copy(music / one, music / "copy.flac")
        await scan(rooms)
        after = await ids(rooms)
        assert after[one] == before[one]
        assert after["copy.flac"] not in before.values()


async def test_a_new_a_changed_and_a_removed_cover_are_noticed(music: Path, tmp_path: Path, database_url: str) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        await scan(rooms)

        async def picture() -> str | None:
            return next(a.picture for a in (await rooms.catalog.albums.page(limit=9)).items if a.title == "Homogenic")

        first, cover = await picture(), music / "Björk/Homogenic/cover.jpg"
        cover.write_bytes(seeded.cover(3))
        assert (await scan(rooms)).files_read == 3
        second = await picture()
        assert second not in (None, first)
        cover.unlink()
        await scan(rooms)
        assert await picture() is None
        assert (await scan(rooms)).files_read == 0


def crashing(root: str, batch: list[ToRead]) -> bytes:
    if any("killer" in one.path for one in batch):
        os._exit(11)
    return read_packed(root, batch)


async def test_a_file_that_kills_its_reader_stands_alone_in_the_report(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    """The culprit is found by halving the batch; every other file of it is read."""
    shutil.copy(music / seeded.TRACKS[0].path, music / "killer.flac")
    async with opened([music], tmp_path / "d", database_url) as rooms:
        rooms.library.scanner.reading.read_batch = crashing
        status = await scan(rooms)
        assert status.added == 10
        assert await problems(rooms) == {"killer.flac": "crashed"}


async def test_starting_again_before_it_looked_is_the_same_scan_and_never_looks_idle(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        scanner = rooms.library.scanner
        for _ in range(5):
            scanner.start()
            assert scanner.status().state == "scanning"
        await scanner.wait()
        row = await rooms.database.one("SELECT COUNT(*) AS n FROM scans")
        assert row is not None
        assert row["n"] == 1


async def test_stopping_in_the_middle_is_safe_and_the_next_scan_goes_on(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with opened([music], tmp_path / "d", database_url) as rooms:
        rooms.library.scanner.start()
        async with asyncio.timeout(60):
            while rooms.library.scanner.status().phase != "reading":
                await asyncio.sleep(0)
    async with opened([music], tmp_path / "d", database_url) as rooms:
        assert len(await ids(rooms)) < 10, "too late to see anything"
        status = await scan(rooms)
        assert len(await ids(rooms)) == 10
        assert status.message == ""


def test_a_folder_that_cannot_be_listed_is_not_taken_for_empty(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / ".nomedia").touch()
    (tmp_path / "a" / "x.mp3").write_bytes(b"1")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "x.mp3").write_bytes(b"1")
    (tmp_path / "b" / ".hidden.mp3").write_bytes(b"1")
    assert list(walk(str(tmp_path)).files) == ["b/x.mp3"]
    with pytest.raises(FileNotFoundError):
        walk(str(tmp_path / "nothing"))


async def test_the_event_loop_stays_free_while_scanning(music: Path, tmp_path: Path, database_url: str) -> None:
    for n in range(60):
        shutil.copytree(music / "Björk", music / f"More {n}")
    worst = 0.0

    async def watch(stop: Callable[[], bool]) -> None:
        nonlocal worst
        while not stop():
            before = time.monotonic()
            await asyncio.sleep(0.005)
            worst = max(worst, time.monotonic() - before - 0.005)

    async with opened([music], tmp_path / "d", database_url) as rooms:
        rooms.library.scanner.start()
        await watch(lambda: rooms.library.scanner.status().state == "idle")
        assert len(await ids(rooms)) == 190
    assert worst < 0.5  # a bound against blocking for whole batches; the machine itself may be busy
