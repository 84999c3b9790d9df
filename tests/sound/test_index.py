"""Which sound is in which file, through changes, losses and many askers."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mediaserver import sound
from mediaserver.core.errors import Damaged, Gone, NotFound
from mediaserver.core.events import EventBus, LibraryChanged
from mediaserver.core.workers import Workers
from mediaserver.media.decode import read_range
from mediaserver.sound.index import Sounds
from mediaserver.sound.jobs import index_library
from mediaserver.storage.database import Database
from tests import audio
from tests.clock import FakeClock


@pytest.fixture
def sounds(database: Database, workers: Workers, clock: FakeClock, tmp_path: Path) -> Sounds:
    return sound.build(database, workers, clock, side_dir=tmp_path / "sides")


async def rows(database: Database, table: str) -> int:
    row = await database.one(f"SELECT COUNT(*) AS n FROM {table}")
    return int(row["n"]) if row else 0


async def test_a_sound_is_found_by_its_file_and_by_its_digest_also_after_a_restart(
    sounds: Sounds, database: Database, workers: Workers, clock: FakeClock, tmp_path: Path
) -> None:
    path = audio.write(tmp_path / "a.flac")
    made = await sounds.of_file(str(path))
    assert (made.path, made.index.length_samples) == (str(path), 44_100)
    again = sound.build(database, workers, clock, side_dir=tmp_path / "sides")
    for found in (
        await sounds.by_digest(made.digest),
        await again.by_digest(made.digest),
        await again.of_file(str(path)),
    ):
        assert (found.digest, found.path, found.packed) == (made.digest, made.path, made.packed)


async def test_many_askers_of_one_file_share_one_making(sounds: Sounds, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "a.mp3")
    found = await asyncio.gather(*(sounds.of_file(str(path)) for _ in range(20)))
    assert len({id(one) for one in found}) == 1


async def test_a_changed_file_has_a_new_digest_and_the_old_one_is_gone(sounds: Sounds, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "a.flac")
    old = await sounds.of_file(str(path))
    audio.write(path, seed=2)
    with pytest.raises(Gone):
        await sounds.by_digest(old.digest)
    new = await sounds.of_file(str(path))
    assert new.digest != old.digest
    with pytest.raises(Gone):
        await sounds.by_digest(old.digest)
    with pytest.raises(NotFound):
        await sounds.by_digest("N" * 22)


async def test_any_file_of_a_sound_may_serve_it(sounds: Sounds, tmp_path: Path) -> None:
    first, second = audio.write(tmp_path / "a.flac"), audio.write(tmp_path / "b.flac")
    one, two = await sounds.of_file(str(first)), await sounds.of_file(str(second))
    assert one.digest == two.digest
    first.unlink()
    assert (await sounds.by_digest(one.digest)).path == str(second)
    second.unlink()
    with pytest.raises(Gone):
        await sounds.by_digest(one.digest)
    with pytest.raises(NotFound):
        await sounds.of_file(str(first))


async def test_a_lost_side_file_is_made_again(sounds: Sounds, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "a.wma")
    made = await sounds.of_file(str(path))
    assert Path(made.path).parent == tmp_path / "sides"
    before = read_range(made.path, made.index, 0, 1000)
    Path(made.path).unlink()
    found = await sounds.by_digest(made.digest)
    assert found.digest == made.digest
    assert (read_range(found.path, found.index, 0, 1000) == before).all()


async def test_what_is_no_audio_is_damaged_and_leaves_nothing(
    sounds: Sounds, database: Database, tmp_path: Path
) -> None:
    path = tmp_path / "a.flac"
    path.write_text("no music, only words. " * 300)
    with pytest.raises(Damaged):
        await sounds.of_file(str(path))
    assert await rows(database, "sounds") == 0


async def test_the_whole_library_is_indexed_after_a_scan_bad_files_apart(
    sounds: Sounds, database: Database, tmp_path: Path
) -> None:
    paths = [audio.write(tmp_path / f"{n}.flac", seed=n) for n in range(4)]
    (tmp_path / "bad.flac").write_bytes(b"nothing")
    bus = EventBus()

    async def files():  # type: ignore[no-untyped-def]
        for path in [tmp_path / "bad.flac", *paths]:
            stat = path.stat()
            yield str(path), stat.st_size, stat.st_mtime_ns

    job = asyncio.create_task(index_library(sounds, bus, files))
    async with asyncio.timeout(10):
        while await rows(database, "sounds") < 4:
            await asyncio.sleep(0.02)
        audio.write(paths[0], seed=77)
        bus.publish(LibraryChanged(0, 1, 0))
        while await rows(database, "retired_sounds") < 1:
            await asyncio.sleep(0.02)
    job.cancel()
    await bus.close()
    assert await rows(database, "sounds") == 4
