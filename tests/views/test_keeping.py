"""Who wants what kept ready, in which order, and what administrators are told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from mediaserver import floors
from mediaserver.accounts.permits import Viewer
from mediaserver.core.errors import Conflict, NotFound, Unauthenticated
from mediaserver.core.units import AlbumId, TrackId
from mediaserver.listening.pins import Pins
from mediaserver.streaming.ready import Status
from mediaserver.views.keeping import Keeping, found
from tests import audio
from tests.clock import FakeClock
from tests.scanned import scanned


@dataclass(frozen=True, slots=True)
class Stage:
    keeping: Keeping
    pins: Pins
    clock: FakeClock
    anna: Viewer
    bela: Viewer
    tracks: dict[str, TrackId]
    album: AlbumId
    music: Path
    rooms: floors.Rooms


@pytest_asyncio.fixture
async def stage(tmp_path: Path, database_url: str) -> AsyncIterator[Stage]:
    music = tmp_path / "music"
    music.mkdir()
    for n in range(3):
        audio.write(music / f"{n}.flac", seconds=0.5, seed=n)
    async with scanned(music, tmp_path / "data", database_url) as rooms:
        clock = FakeClock()
        pins = Pins(rooms.database, clock, most_of_one=3)

        async def viewer(name: str) -> Viewer:
            user = await rooms.accounts.users.add(name, "correct horse", is_admin=False)
            return Viewer(user.id, name, False, 99, "grant", False)

        rows = await rooms.database.all("SELECT id, path, album_id FROM tracks")
        tracks = {row["path"]: TrackId(row["id"]) for row in rows}
        people = (await viewer("Anna"), await viewer("Bela"))
        album = AlbumId(rows[0]["album_id"])
        yield Stage(Keeping(pins, rooms.catalog), pins, clock, *people, tracks, album, music, rooms)


async def test_the_newest_wishes_of_all_come_first_and_each_file_once(stage: Stage) -> None:
    keeping, tracks = stage.keeping, stage.tracks
    calls: list[str] = []
    stage.pins.on_change = lambda: calls.append("change")
    assert await keeping.files() == []
    for person, name in ((stage.anna, "1.flac"), (stage.bela, "0.flac"), (stage.bela, "1.flac")):
        stage.clock.advance(seconds=1)
        await keeping.keep(person, track_id=tracks[name])
    assert await keeping.files() == [str(stage.music / name) for name in ("1.flac", "0.flac")]
    stage.clock.advance(seconds=1)
    await keeping.keep(stage.anna, album_id=stage.album)
    album = await stage.rooms.catalog.tracks.paths_of_album(stage.album)
    assert (await keeping.files())[: len(album)] == album
    assert len(await keeping.files()) == len({*album, str(stage.music / "0.flac"), str(stage.music / "1.flac")})
    await keeping.let_go(stage.anna, album_id=stage.album)
    await keeping.let_go(stage.anna, album_id=stage.album)
    assert len(calls) == 5
    assert [one.track_id for one in await keeping.all(stage.bela)] == [tracks["1.flac"], tracks["0.flac"]]


async def test_there_is_an_end_to_what_one_person_may_keep(stage: Stage) -> None:
    for name in stage.tracks:
        await stage.keeping.keep(stage.anna, track_id=stage.tracks[name])
    with pytest.raises(Conflict, match="3 albums and tracks kept ready already"):
        await stage.keeping.keep(stage.anna, album_id=stage.album)
    await stage.keeping.keep(stage.anna, track_id=stage.tracks["0.flac"])  # it is kept already
    await stage.keeping.keep(stage.bela, album_id=stage.album)
    await stage.keeping.let_go(stage.anna, track_id=stage.tracks["0.flac"])
    await stage.keeping.keep(stage.anna, album_id=stage.album)


async def test_what_goes_takes_its_pins_along(stage: Stage) -> None:
    await stage.keeping.keep(stage.anna, track_id=stage.tracks["0.flac"])
    await stage.keeping.keep(stage.bela, track_id=stage.tracks["0.flac"])
    await stage.rooms.accounts.users.remove(stage.bela.user_id)
    assert [one.user_id for one in await stage.pins.all()] == [stage.anna.user_id]
    with pytest.raises(Unauthenticated):
        await stage.keeping.keep(stage.bela, track_id=stage.tracks["0.flac"])
    with pytest.raises(NotFound):
        await stage.keeping.keep(stage.anna, track_id=TrackId(999_999))
    async with stage.rooms.database.write() as tx:
        await tx.run("DELETE FROM tracks WHERE id = :id", {"id": stage.tracks["0.flac"]})
    assert await stage.pins.all() == []


@pytest.mark.parametrize(
    ("status", "is_on", "state", "words"),
    [
        (Status(4, 4), True, "ok", "4 of 4 tracks that are to be ready are"),
        (Status(4, 1), True, "ok", "the others are made at 01:00-06:00"),
        (Status(4, 1), False, "ok", "nothing is made ahead"),
        (Status(4, 2, failed=2), True, "warning", "2 cannot be made"),
        (Status(4, 1, failed=1, left_out=2, share_bytes=900_000_000), True, "warning", "2 have no room in 900 MB"),
    ],
)
def test_administrators_are_told_how_it_stands(status: Status, is_on: bool, state: str, words: str) -> None:
    (one,) = found(status, ["01:00-06:00"], is_on=is_on)
    assert one.state == state
    assert words in one.told
    assert bool(one.remedy) == (state != "ok")


def test_where_nobody_wants_anything_nothing_is_told() -> None:
    assert found(Status(), [], is_on=True) == []
