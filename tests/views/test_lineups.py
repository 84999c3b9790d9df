"""Albums and queues as one sound: what is prepared in time, what is refused, what a full disk does not keep from."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import pytest
import pytest_asyncio

from mediaserver import accounts, floors, sound, streaming
from mediaserver.accounts.permits import Viewer
from mediaserver.core.clock import SystemClock
from mediaserver.core.errors import Invalid, NotFound, Unavailable
from mediaserver.core.settings import Loudness
from mediaserver.core.units import TrackId
from mediaserver.sound.index import Sounds
from mediaserver.sound.measuring import Measuring
from mediaserver.views.levels import Levels
from mediaserver.views.lineups import MOST_HOURS, MOST_TRACKS, PATIENCE_S, Lineups
from tests import audio
from tests.scanned import scanned


@dataclass(frozen=True, slots=True)
class Stage:
    rooms: floors.Rooms
    sounds: Sounds
    out: streaming.Streaming
    measuring: Measuring
    addresses: accounts.addresses.Addresses
    viewer: Viewer
    music: Path
    ids: list[TrackId]

    def lineups(self, patience_s: float = PATIENCE_S) -> Lineups:
        catalog = self.rooms.catalog
        levels = Levels(self.measuring, catalog.tracks, catalog.albums, Loudness())
        return Lineups(catalog, self.sounds, self.out, self.addresses, levels, patience_s=patience_s)


@pytest_asyncio.fixture
async def stage(tmp_path: Path, database_url: str) -> AsyncIterator[Stage]:
    music = tmp_path / "music"
    music.mkdir()
    for n in range(3):
        audio.write(music / f"{n}.flac", seconds=0.5, seed=n)
    async with scanned(music, tmp_path / "data", database_url) as rooms:
        people = await accounts.build(rooms.database, rooms.events, SystemClock())
        caches = streaming.caches(tmp_path / "cache", 10_000_000)
        sounds = sound.build(rooms.database, rooms.workers, SystemClock(), shelf=caches[0], folders=rooms.folders)
        out = streaming.build(rooms.workers, rooms.database, SystemClock(), sounds, *caches)
        user = await people.users.add("Anna", "correct horse", is_admin=True)
        _, secret = await people.tokens.create(user.id, "phone")
        viewer = await people.tokens.viewer(secret)
        assert viewer is not None
        ids = [TrackId(row["id"]) for row in await rooms.database.all("SELECT id FROM tracks ORDER BY path")]
        measuring = sound.build_measuring(
            *(rooms.database, rooms.workers, rooms.events, SystemClock(), sounds), Loudness(), UTC
        )
        yield Stage(rooms, sounds, out, measuring, people.addresses, viewer, music, ids)
        await out.close()
        await sounds.close()


async def test_what_takes_longer_than_one_waits_is_prepared_all_the_same(stage: Stage) -> None:
    with pytest.raises(Unavailable, match="being prepared"):
        await stage.lineups(0.0).queue(stage.viewer, stage.ids, crossfade_ms=0)
    async with asyncio.timeout(60):
        while True:  # as a player that asks again
            try:
                found = await stage.lineups(0.5).queue(stage.viewer, stage.ids, crossfade_ms=0)
                break
            except Unavailable:
                continue
    assert [one.start_ms for one in found.tracks] == [0, 500, 1000]


async def test_what_is_too_much_is_refused_before_anything_is_read(stage: Stage) -> None:
    lineups = stage.lineups()
    for ids in ([], stage.ids[:1] * (MOST_TRACKS + 1)):
        with pytest.raises(Invalid):
            await lineups.queue(stage.viewer, ids, crossfade_ms=0)
    with pytest.raises(NotFound, match="987654"):
        await lineups.queue(stage.viewer, [stage.ids[0], TrackId(987_654)], crossfade_ms=0)
    album_id = (await stage.rooms.catalog.tracks.get(stage.ids[0])).album_id
    async with stage.rooms.database.write() as tx:
        await tx.run("UPDATE tracks SET duration_ms = :ms", {"ms": MOST_HOURS * 3_600_000 // 3 + 1})
    for asked in (
        lineups.queue(stage.viewer, stage.ids, crossfade_ms=0),
        lineups.album(stage.viewer, album_id, crossfade_ms=0),
    ):
        with pytest.raises(Invalid, match="longer than"):
            await asked
    assert not await stage.rooms.database.all("SELECT path FROM sound_files")


async def test_what_lasts_longer_than_its_files_say_is_refused_by_what_they_hold(stage: Stage) -> None:
    path = audio.write(stage.music / "long.wav", layout="mono", rate_hz=8000)
    head = bytearray(path.read_bytes()[:200])
    at, sound_bytes = head.index(b"data"), 2 * 8000 * 3600 * (MOST_HOURS + 1) // MOST_TRACKS
    head[at + 4 : at + 8] = sound_bytes.to_bytes(4, "little")
    with path.open("r+b") as file:
        file.write(head)
        file.truncate(at + 8 + sound_bytes)
    stage.rooms.library.scanner.start()
    await stage.rooms.library.scanner.wait()
    async with stage.rooms.database.write() as tx:
        await tx.run("UPDATE tracks SET duration_ms = 1000")
        row = await tx.one("SELECT id FROM tracks WHERE path LIKE '%long.wav'")
    assert row is not None
    with pytest.raises(Invalid, match="longer than"):
        await stage.lineups().queue(stage.viewer, [TrackId(row["id"])] * MOST_TRACKS, crossfade_ms=0)


async def test_a_file_that_is_missing_is_left_out_and_a_folder_that_is_away_is_told_of(stage: Stage) -> None:
    (stage.music / "1.flac").unlink()
    found = await stage.lineups().queue(stage.viewer, stage.ids, crossfade_ms=0)
    assert [one.id for one in found.tracks] == [stage.ids[0], stage.ids[2]]
    assert [one.id for one in found.left_out] == [stage.ids[1]]
    for path in stage.music.iterdir():
        path.unlink()
    with pytest.raises(Unavailable):  # as if it were not mounted: nothing is said of the files
        await stage.lineups().queue(stage.viewer, stage.ids, crossfade_ms=0)
