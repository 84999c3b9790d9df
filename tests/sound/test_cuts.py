"""The sounds of tracks that a cue sheet cuts out of a file: of their own, and made of what is known of the file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from mediaserver import sound
from mediaserver.core.errors import Damaged, Gone, NotFound
from mediaserver.core.events import EventBus
from mediaserver.core.folders import Folders
from mediaserver.core.shelf import Shelf
from mediaserver.core.workers import Workers
from mediaserver.media import cuts
from mediaserver.media.cuts import Cut
from mediaserver.media.decode import read_range
from mediaserver.sound.index import Sound, SoundFile, Sounds
from mediaserver.sound.jobs import index_library
from mediaserver.sound.loudness import Meter
from mediaserver.storage.database import Database
from tests import audio
from tests.clock import FakeClock
from tests.loudness import music

EDGES = (0, 40_001, 90_000)


@pytest.fixture
def sounds(database: Database, workers: Workers, clock: FakeClock, tmp_path: Path) -> Sounds:
    return anew(database, workers, clock, tmp_path)


def anew(database: Database, workers: Workers, clock: FakeClock, shelf: Path) -> Sounds:
    return sound.build(database, workers, clock, shelf=Shelf(shelf, limit_bytes=10**9), folders=Folders())


def places(path: Path, edges: Sequence[int] = EDGES) -> list[str]:
    stops = [*edges[1:], None]
    return [
        cuts.place(cuts.track_path(str(path), n), Cut(start, stop, 44_100))
        for n, (start, stop) in enumerate(zip(edges, stops, strict=True), 1)
    ]


def heard(found: Sound) -> np.ndarray:  # type: ignore[type-arg]
    return read_range(found.path, found.index, 0, found.index.length_samples)


def spoil(path: Path) -> None:
    """Another file that looks the same: who reads it now fails."""
    status = path.stat()
    path.write_bytes(bytes(status.st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


async def count(database: Database, table: str) -> int:
    row = await database.one(f"SELECT COUNT(*) AS n FROM {table}")
    return int(row["n"]) if row else 0


@pytest.mark.parametrize("kind", ["flac", "wma"])
async def test_the_tracks_of_a_file_are_its_sound_in_parts(
    kind: str, sounds: Sounds, database: Database, workers: Workers, clock: FakeClock, tmp_path: Path
) -> None:
    path = audio.write(tmp_path / f"a.{kind}", seconds=3)
    whole = await sounds.of_file(str(path))
    found = await asyncio.gather(*map(sounds.of_file, places(path)))
    assert np.array_equal(np.concatenate([heard(one) for one in found], axis=1), heard(whole))
    assert len({one.digest for one in (whole, *found)}) == 4
    assert {(one.file, one.path) for one in found} == {(str(path), whole.path)}
    assert len(list(tmp_path.glob("sides/*"))) == (kind == "wma")
    assert sum(one.index.source_bytes for one in found) == pytest.approx(whole.index.source_bytes, rel=0.1)
    again = anew(database, workers, clock, tmp_path)
    for one in found:
        assert np.array_equal(heard(await again.by_digest(one.digest)), heard(one))
    if kind == "wma":
        Path(whole.path).unlink()
        assert np.array_equal(
            heard(await again.by_digest(found[1].digest)), heard(await again.of_file(places(path)[1]))
        )
    known = await again.lookup.known(places(path)[1])
    assert known is not None and (known[0], known[1].length_samples) == (found[1].digest, 49_999)
    audio.write(path, seconds=3, seed=2)
    for one in found:
        with pytest.raises(Gone):
            await again.by_digest(one.digest)


async def test_a_file_is_read_once_for_all_its_tracks_and_a_new_sheet_reads_nothing(
    sounds: Sounds, database: Database, tmp_path: Path
) -> None:
    path = audio.write(tmp_path / "a.flac", seconds=3)
    first, second, third = places(path)
    await sounds.index(first)
    spoil(path)
    await sounds.index(second)
    made = await sounds.of_file(third)
    assert made.index.length_samples == 3 * 44_100 - EDGES[2]
    moved = await sounds.of_file(places(path, (0, 50_000))[1])
    assert moved.index.length_samples == 3 * 44_100 - 50_000
    assert await count(database, "sound_files") == 5
    async with database.write() as tx:
        await tx.run(
            "UPDATE sound_files SET packet_index = :old WHERE path = :path", {"old": b"PX1", "path": str(path)}
        )
    with pytest.raises(Damaged, match="no sound in it"):  # it is read again, where nothing else is known of it
        await sounds.index(places(path, (0, 60_000))[1])
    wma = audio.write(tmp_path / "b.wma", seconds=3)
    await sounds.index(places(wma)[0])
    spoil(wma)
    await sounds.index(places(wma)[1])
    assert not list(tmp_path.glob("sides/*")), "the background makes none"


async def test_what_begins_beyond_the_end_or_is_no_sound_is_refused_for_itself(sounds: Sounds, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "a.flac")
    inside, beyond = places(path, (0, 44_100))
    for _ in range(2):
        with pytest.raises(Damaged, match="beyond the end"):
            await sounds.of_file(beyond)
        with pytest.raises(Damaged, match="beyond the end"):
            await sounds.index(beyond)
    assert (await sounds.of_file(inside)).index.length_samples == 44_100
    status = path.stat()
    look = (status.st_size, status.st_mtime_ns)
    asked = [SoundFile.at(place, *look) for place in (inside, beyond, places(path, (0, 5))[0])]
    assert await sounds.unindexed(asked) == asked[2:]
    with pytest.raises(NotFound):
        await sounds.of_file(places(tmp_path / "none.flac")[0])
    bad = tmp_path / "bad.flac"
    bad.write_bytes(b"no music " * 1000)
    for place in places(bad):
        with pytest.raises(Damaged):
            await sounds.index(place)


@pytest.mark.parametrize("kind", ["flac", "wma"])
async def test_each_track_is_as_loud_as_it_is(
    kind: str, sounds: Sounds, database: Database, workers: Workers, clock: FakeClock, tmp_path: Path
) -> None:
    """And the file, which nobody hears as one, is not measured."""
    loud = music(1, 4, dbfs=-15.0)
    soft = loud[:, ::-1] / 10
    path = audio.write(tmp_path / f"a.{kind}", wave=np.concatenate([loud, soft], axis=1))
    both = places(path, (0, loud.shape[1]))
    for place in both:
        await sounds.index(place)
    meter = Meter(database, workers, clock, Folders())
    assert (await meter.counts()).total == 2
    for _, digest in await meter.unmeasured((2**62, ""), 10):
        await meter.measure(digest, share=1.0)
    counts = await meter.counts()
    assert (counts.total, counts.measured, counts.failed) == (2, 2, 0)
    levels = await meter.of_files(both)
    first, second = (levels[place].integrated_lufs or 0.0 for place in both)
    assert first - second == pytest.approx(20.0, abs=1.0)
    alone = audio.write(tmp_path / "alone.flac", wave=soft)
    await sounds.index(str(alone))
    (_, digest), *_ = await meter.unmeasured((2**62, ""), 10)
    await meter.measure(digest, share=1.0)
    by_itself = (await meter.of_files([str(alone)]))[str(alone)].integrated_lufs or 0.0
    assert second == pytest.approx(by_itself, abs=0.5 if kind == "wma" else 0.05)  # WMA is heard later
    together = await meter.together(both)
    assert together is not None and together.integrated_lufs == pytest.approx(first, abs=0.5)


async def test_what_the_library_does_not_know_any_more_is_forgotten_and_the_file_last(
    sounds: Sounds, database: Database, workers: Workers, clock: FakeClock, tmp_path: Path
) -> None:
    path = audio.write(tmp_path / "a.flac", seconds=3)
    kept, gone, _ = places(path)
    digests = {place: (await sounds.of_file(place)).digest for place in (kept, gone)}

    async def known(paths: Sequence[str]) -> set[str]:
        return {kept} & set(paths)

    assert await sounds.forget_strangers(known) == 1
    assert set(await sounds.lookup.digests([kept, gone, str(path)])) == {kept, str(path)}
    again = anew(database, workers, clock, tmp_path)
    assert (await again.by_digest(digests[kept])).looked.place == kept
    with pytest.raises(Gone):
        await again.by_digest(digests[gone])

    async def nothing(paths: Sequence[str]) -> set[str]:
        return set()

    assert [await sounds.forget_strangers(nothing) for _ in range(3)] == [1, 1, 0]
    assert await count(database, "sound_files") == await count(database, "sounds") == 0


async def test_the_background_indexes_tracks_and_tells_of_each_by_its_path(sounds: Sounds, tmp_path: Path) -> None:
    path = audio.write(tmp_path / "a.flac", seconds=2)
    status = path.stat()
    told: dict[str, str] = {}
    wanted = [*places(path, (0, 40_000, 88_200))]
    done = asyncio.Event()

    async def files() -> AsyncIterator[tuple[str, int, int]]:
        for place in wanted:
            yield place, status.st_size, status.st_mtime_ns

    async def known(paths: Sequence[str]) -> set[str]:
        done.set()
        return set(paths)

    async def tell(file: SoundFile, reason: str) -> None:
        told[file.track_path] = reason

    running = asyncio.create_task(index_library(sounds, EventBus(), files, known, tell))
    async with asyncio.timeout(30):
        await done.wait()
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    beyond = "the cue sheet has this track begin beyond the end of the sound"
    assert told == {f"{path}/01": "", f"{path}/02": "", f"{path}/03": beyond}
