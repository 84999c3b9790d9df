"""Cue sheets in real folders: what becomes of an album that lies in one file."""

from __future__ import annotations

import os
import random
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from mediaserver.catalog.shapes import Track
from mediaserver.library.reader import ToRead, read_files
from mediaserver.library.walk import glance, walk
from tests import audio, cue, seeded
from tests.library.music import Rooms, ids, opened, problems, scan, until, watched

PIECES = [f"A/album.flac/{n:02d}" for n in (1, 2, 3)]


async def tracks(rooms: Rooms) -> list[Track]:
    found = (await rooms.catalog.tracks.page(limit=100)).items
    return sorted(found, key=lambda one: (one.album_title, one.track_no))


async def settled(rooms: Rooms) -> None:
    """Nothing is left to be read, or to be brought back or given up."""
    before = await ids(rooms)
    again = await scan(rooms)
    assert (again.files_read, again.added, again.changed, again.missing) == (0, 0, 0, 0)
    assert await ids(rooms) == before


@pytest.mark.parametrize("kind", ["flac", "wav", "mp3", "m4a", "opus", "wv"])
async def test_an_album_in_one_file_is_an_album_of_its_tracks(kind: str, tmp_path: Path, database_url: str) -> None:
    path = cue.album(tmp_path / "music/A", f"album.{kind}")
    async with opened([tmp_path / "music"], tmp_path / "d", database_url) as rooms:
        status = await scan(rooms)
        assert (status.files_seen, status.added, status.problems) == (1, 3, 0)
        found = await tracks(rooms)
        assert [(one.track_no, one.title, one.artist_credit, one.year) for one in found] == [
            (n, title, "Gruppe", 1974) for n, title in enumerate(cue.TITLES, 1)
        ]
        assert {(one.genres, one.container) for one in found} == {(("Krautrock",), found[0].container)}
        starts_ms = [round(start * 1000 / 75) for start in (*cue.STARTS, cue.SECONDS * 75)]
        for one, start, stop in zip(found, starts_ms, starts_ms[1:], strict=False):
            assert abs(one.duration_ms - (stop - start)) <= (60 if kind in ("mp3", "m4a", "opus") else 1)
        (album,) = (await rooms.catalog.albums.page(limit=10)).items
        assert (album.title, album.artist_credit, album.track_count) == ("Grün", "Gruppe", 3)
        files = [(await rooms.catalog.tracks.file(one.id)).path for one in found]
        rate_hz = found[0].rate_hz
        cuts = [start * rate_hz // 75 for start in cue.STARTS]
        assert files == [
            f"{path}/01@{cuts[0]}-{cuts[1]}@{rate_hz}",
            f"{path}/02@{cuts[1]}-{cuts[2]}@{rate_hz}",
            f"{path}/03@{cuts[2]}-@{rate_hz}",
        ]
        assert await rooms.catalog.tracks.known_paths([*files, f"{path}/03@5-@{rate_hz}", f"{path}/04"]) == set(files)
        await settled(rooms)


@pytest.mark.parametrize("kind", ["flac", "ogg", "opus", "mp3", "m4a", "wv", "wma", "wav"])
def test_a_sheet_in_the_tags_of_any_format_is_read_whole(kind: str, tmp_path: Path) -> None:
    path = audio.write(tmp_path / f"a.{kind}", seconds=cue.SECONDS)
    cue.embed(path, "REM of what is long\r\n" * 500 + cue.text("CDImage.wav"))
    status = path.stat()
    found = read_files(str(tmp_path), [ToRead(path.name, status.st_size, status.st_mtime_ns, "")])
    assert [(one.path, one.facts.title) for one in found.files] == [
        (f"a.{kind}/{n:02d}", title) for n, title in enumerate(cue.TITLES, 1)
    ]
    assert {(one.facts.album, one.facts.album_artists) for one in found.files} == {("Grün", ("Gruppe",))}


async def test_a_sheet_beside_the_file_goes_before_one_in_its_tags_and_that_before_flacs_own(
    tmp_path: Path, database_url: str
) -> None:
    path = cue.album(tmp_path / "music/A", titles=("a", "b", "c"))
    async with opened([tmp_path / "music"], tmp_path / "d", database_url) as rooms:
        cue.embed_block(path, [0, 50_001])
        cue.embed(path, cue.text("CDImage.wav", (0, 75), ("x", "y"), album="Embedded"))
        await scan(rooms)
        assert [(one.album_title, one.title) for one in await tracks(rooms)] == [("Grün", t) for t in "abc"]
        path.with_suffix(".cue").unlink()
        await scan(rooms)
        assert [(one.album_title, one.title) for one in await tracks(rooms)] == [("Embedded", t) for t in "xy"]
        cue.embed(path, "")
        await scan(rooms)
        found = await tracks(rooms)
        assert [(one.album_title, one.title) for one in found] == [("Of the tags", f"Track 0{n}") for n in (1, 2)]
        assert (await rooms.catalog.tracks.file(found[1].id)).path.endswith("/02@50001-@44100")
        await settled(rooms)


async def test_ids_stay_through_all_that_becomes_of_a_file_and_its_sheet(tmp_path: Path, database_url: str) -> None:
    path = cue.album(tmp_path / "music/A")
    sheet = path.with_suffix(".cue")
    kept = sheet.read_text("utf-8")
    sheet.unlink()
    async with opened([tmp_path / "music"], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        whole = await ids(rooms)
        assert list(whole) == ["A/album.flac"]

        sheet.write_text(kept, "utf-8")
        assert (await scan(rooms)).added == 3
        pieces = await ids(rooms)
        assert sorted(pieces) == PIECES
        await settled(rooms)

        sheet.write_text(cue.text("album.flac", (0, 101, 187), ("Auf", "Anders", "Aus")), "utf-8")
        assert (await scan(rooms)).changed == 3
        assert await ids(rooms) == pieces
        assert [one.title for one in await tracks(rooms)] == ["Auf", "Anders", "Aus"]

        sheet.write_text(cue.text("album.flac", (0, 101), ("Auf", "Anders")), "utf-8")
        await scan(rooms)
        assert await ids(rooms) == {path: pieces[path] for path in PIECES[:2]}
        await settled(rooms)

        sheet.unlink()
        await scan(rooms)
        assert await ids(rooms) == whole
        await settled(rooms)

        sheet.write_text(kept, "utf-8")
        await scan(rooms)
        assert await ids(rooms) == pieces
        audio.write(path, seconds=cue.SECONDS + 1, seed=9)
        await scan(rooms)
        assert await ids(rooms) == pieces
        await settled(rooms)

        path.parent.rename(tmp_path / "music/B")
        moved = await scan(rooms)
        assert (moved.added, moved.missing) == (0, 0)
        assert await ids(rooms) == {one.replace("A/", "B/"): track for one, track in pieces.items()}
        await settled(rooms)

        shutil.copytree(tmp_path / "music/B", tmp_path / "music/C")
        assert (await scan(rooms)).added == 3, "a copy is no move"
        shutil.rmtree(tmp_path / "music/C")
        await scan(rooms)
        away = tmp_path / "away.flac"
        (tmp_path / "music/B/album.flac").rename(away)
        song = audio.write(tmp_path / "music/B/other.flac", seed=4)
        assert (await scan(rooms)).missing == 3
        assert list(await ids(rooms)) == ["B/other.flac"]
        away.rename(tmp_path / "music/B/album.flac")
        song.unlink()
        await scan(rooms)
        assert sorted((await ids(rooms)).values()) == sorted(pieces.values())
        await settled(rooms)


async def test_what_an_older_reader_took_as_one_track_is_cut_and_stays_so(tmp_path: Path, database_url: str) -> None:
    path = cue.album(tmp_path / "music/A")
    path.with_suffix(".cue").unlink()
    async with opened([tmp_path / "music"], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        cue.embed(path, cue.text("x.wav"))
        status = path.stat()
        async with rooms.database.write() as tx:
            look = {"size": status.st_size, "mtime": status.st_mtime_ns}
            await tx.run("UPDATE tracks SET reader_version = 3, size_bytes = :size, mtime_ns = :mtime", look)
        await scan(rooms)
        assert sorted(await ids(rooms)) == PIECES
        await settled(rooms)


@pytest.mark.parametrize(
    ("sheet", "detail"),
    [
        (b"\0\1\2\3", "not text"),
        (b"TRACK 01 AUDIO", "a track without a file"),
        (cue.text("album.flac", (0, 100, 90)).encode(), "track 3 begins no later than track 2"),
        (cue.text("album.flac", (0, 100, 75 * 60)).encode(), "track 3 begins beyond the end of the file"),
        (b"x" * ((1 << 20) + 1), "larger"),
    ],
)
async def test_a_bad_sheet_is_told_and_the_file_stays_one_track(
    sheet: bytes, detail: str, tmp_path: Path, database_url: str
) -> None:
    path = cue.album(tmp_path / "music/A")
    good = path.with_suffix(".cue").read_bytes()
    path.with_suffix(".cue").write_bytes(sheet)
    async with opened([tmp_path / "music"], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        for _ in range(2):
            (told,) = await rooms.library.report.problems(limit=10)
            assert (told.path, told.reason) == ("A/album.cue", "bad-sheet") and detail in told.detail
            assert list(await ids(rooms)) == ["A/album.flac"]
            await settled(rooms)
        path.with_suffix(".cue").write_bytes(good)
        await scan(rooms)
        assert await problems(rooms) == {}
        assert sorted(await ids(rooms)) == PIECES


async def test_a_bad_sheet_in_the_tags_is_told_of_the_file(tmp_path: Path, database_url: str) -> None:
    path = cue.album(tmp_path / "music/A")
    path.with_suffix(".cue").unlink()
    cue.embed(path, cue.text("a.wav", (0, 0, 0)))
    async with opened([tmp_path / "music"], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        assert await problems(rooms) == {"A/album.flac": "bad-sheet"}
        assert list(await ids(rooms)) == ["A/album.flac"]
        await settled(rooms)
        path.unlink()
        audio.write(path.with_name("other.flac"))
        await scan(rooms)
        assert await problems(rooms) == {}


async def test_a_sheet_over_a_file_for_each_track_adds_nothing(tmp_path: Path, database_url: str) -> None:
    folder = tmp_path / "music/A"
    folder.mkdir(parents=True)
    for n in (1, 2):
        seeded.tag(audio.write(folder / f"{n}.flac", seed=n), seeded.Tagged(f"{n}.flac", f"Own {n}", "X", "Y", "X"))
    sheet = "".join(
        f'FILE "{n}.wav" WAVE\n TRACK {n:02d} AUDIO\n  TITLE "Not {n}"\n  INDEX 01 00:00:00\n' for n in (1, 2)
    )
    (folder / "a.cue").write_text(sheet)
    (folder / "b.cue").write_text(cue.text("../elsewhere.flac"))
    async with opened([tmp_path / "music"], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        assert sorted(await ids(rooms)) == ["A/1.flac", "A/2.flac"]
        assert sorted(one.title for one in await tracks(rooms)) == ["Own 1", "Own 2"]
        assert await problems(rooms) == {}
        await settled(rooms)


async def test_the_cover_in_a_file_is_that_of_its_tracks(tmp_path: Path, database_url: str) -> None:
    path = cue.album(tmp_path / "music/A")
    seeded.tag(path, seeded.Tagged("album.flac", "t", "x", "y", "x", has_cover=True))
    async with opened([tmp_path / "music"], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        found = await tracks(rooms)
        (digest,) = {one.picture for one in found}
        assert digest is not None
        await rooms.catalog.writer.prune()
        picture = await rooms.catalog.pictures.file(digest)
        assert (picture.path, picture.is_embedded) == (str(path), True)


async def test_a_file_that_breaks_takes_its_tracks_away_until_it_is_whole(tmp_path: Path, database_url: str) -> None:
    path = cue.album(tmp_path / "music/A")
    audio.write(tmp_path / "music/A/other.flac")
    whole = path.read_bytes()
    async with opened([tmp_path / "music"], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        before = await ids(rooms)
        path.write_bytes(b"no music" * 100)
        await scan(rooms)
        assert list(await ids(rooms)) == ["A/other.flac"]
        assert (await problems(rooms))["A/album.flac"] in ("not-audio", "damaged")
        await settled(rooms)
        path.write_bytes(whole)
        await scan(rooms)
        assert await ids(rooms) == before
        assert await problems(rooms) == {}


async def test_a_sheet_that_a_disk_does_not_give_leaves_what_is_beside_it_as_it_was(
    tmp_path: Path, database_url: str
) -> None:
    path = cue.album(tmp_path / "music/A")
    sheet = path.with_suffix(".cue")
    kept = sheet.read_bytes()
    async with opened([tmp_path / "music"], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        before = await ids(rooms)
        sheet.unlink()
        sheet.symlink_to("/proc/self/mem")  # which gives an error of input and output
        for _ in range(2):
            assert (await scan(rooms)).files_read == 1, "each scan tries again"
            assert await ids(rooms) == before
            assert await problems(rooms) == {"A/album.cue": "unreadable"}
        sheet.unlink()
        sheet.write_bytes(kept)
        await scan(rooms)
        assert await ids(rooms) == before
        assert await problems(rooms) == {}
        await settled(rooms)


async def test_a_new_cover_is_that_of_all_tracks_of_the_file_beside_it(tmp_path: Path, database_url: str) -> None:
    path = cue.album(tmp_path / "music/A")
    async with opened([tmp_path / "music"], tmp_path / "d", database_url) as rooms:
        await scan(rooms)
        before = await ids(rooms)
        for n in (1, 2):
            Image.new("RGB", (8, 8), (n, 0, 0)).save(path.with_name("cover.png"))
            os.utime(path.with_name("cover.png"), (n, n))
            await scan(rooms)
            pictures = [one.picture for one in await tracks(rooms)]
            assert len(set(pictures)) == 1 and pictures[0] is not None
            assert (await rooms.catalog.pictures.file(pictures[0])).path == str(path.with_name("cover.png"))
            assert await ids(rooms) == before
            await settled(rooms)


def test_whatever_lies_beside_or_in_a_file_it_is_taken_as_one_track_or_in_whole_parts(tmp_path: Path) -> None:
    path = cue.album(tmp_path)
    good, chance, cut = cue.text("album.flac").encode(), random.Random(3), 0
    others = (b"", b"9", b"\0", b'"', b"\xff", b":", b"\n", b"../", b"0" * 99)
    for n in range(300):
        data = bytearray(good)
        for _ in range(chance.randrange(6)):
            at = chance.randrange(len(data))
            data[at : at + chance.randrange(4)] = chance.choice(others)
        sheet = path.with_name(f"{chance.choice(['album', 'x', 'album.flac'])}.cue")
        sheet.write_bytes(data)
        walked = walk(str(tmp_path))
        if n % 10 == 0:
            cue.embed(path, data.decode("utf-8", "replace").replace("\0", ""))
            walked = walk(str(tmp_path))
        found = read_files(str(tmp_path), [ToRead("album.flac", *walked.files["album.flac"], "", walked.sheets[""])])
        assert found.files and not found.unsettled and {one.reason for one in found.problems} <= {"bad-sheet"}
        spans = [(one.cut.start, one.cut.stop) for one in found.files if one.cut is not None]
        assert len(spans) in (0, len(found.files)) and len({one.path for one in found.files}) == len(found.files)
        if spans:
            cut += 1
            assert spans[0][0] == 0 and spans[-1][1] is None
            assert all(one[1] == other[0] and one[0] < other[0] for one, other in pairwise(spans))
        assert all(one.facts.title and one.facts.duration_ms > 0 for one in found.files)
        sheet.unlink()
    assert 50 < cut < 300


def test_who_polls_sees_that_a_sheet_changed(tmp_path: Path) -> None:
    sheet = cue.album(tmp_path / "A").with_suffix(".CUE")
    seen = [glance(str(tmp_path), lambda: False)[0]]
    for change in (lambda: sheet.write_text("x"), lambda: os.utime(sheet, (1, 1)), sheet.unlink):
        change()
        seen.append(glance(str(tmp_path), lambda: False)[0])
    assert len(set(seen)) == 3, "each change is seen"
    assert seen[0] == seen[3]


async def test_a_watched_folder_follows_its_sheets(tmp_path: Path, database_url: str) -> None:
    path = cue.album(tmp_path / "music/A")
    sheet = path.with_suffix(".cue")
    kept = sheet.read_text("utf-8")
    sheet.unlink()
    cue.album(tmp_path / "music", "top.flac", seed=8, album="Top")
    tops = [f"top.flac/{n:02d}" for n in (1, 2, 3)]
    async with watched([tmp_path / "music"], tmp_path / "d", database_url) as (rooms, _):
        whole = await ids(rooms)

        async def are(paths: list[str]) -> bool:
            return sorted(await ids(rooms)) == [*paths, *tops]

        draft = path.with_name(".draft")
        draft.write_text(kept, "utf-8")
        os.replace(draft, sheet)  # noqa: PTH105
        await until(lambda: are(PIECES), "three tracks")
        pieces = await ids(rooms)
        audio.write(tmp_path / "music/new.flac")
        await until(lambda: are([*PIECES, "new.flac"]), "a neighbour of the folder changes nothing in it")
        audio.write(tmp_path / "music/A/new.flac", seed=3)
        await until(lambda: are([*PIECES, "A/new.flac", "new.flac"]), "nor does one of the file")
        assert {one: track for one, track in (await ids(rooms)).items() if one in pieces} == pieces
        sheet.unlink()
        await until(lambda: are(["A/album.flac", "A/new.flac", "new.flac"]), "one track again")
        assert (await ids(rooms))["A/album.flac"] == whole["A/album.flac"]
