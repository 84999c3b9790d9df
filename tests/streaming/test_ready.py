"""What is to be ready stays in the cache and is made when it may; what has no room gives way, the oldest first."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC
from typing import Any

import pytest

from mediaserver.core.events import EventBus
from mediaserver.core.settings import Streaming as Chosen
from mediaserver.sound.hours import Hours
from mediaserver.sound.index import SIDES
from mediaserver.streaming import caches
from mediaserver.streaming.cache import Cache
from mediaserver.streaming.ladder import Recipe
from mediaserver.streaming.ready import LOOK_S, Ready, Status, chosen, protected
from mediaserver.streaming.segments import cache_key
from tests.clock import FakeClock
from tests.streaming.desk import LOW, Desk
from tests.streaming.test_ladder import lossy, sound

NIGHT_MS = 1_800_000_000_000 // 86_400_000 * 86_400_000 + 2 * 3_600_000  # two in the morning, UTC


class Stand:
    """A desk whose wishes are the files of a list, at a time of the day that is set."""

    def __init__(self, desk: Desk, *, hour: int = 2, cache: Cache | None = None, **settings: Any) -> None:
        self.desk = desk
        self.files: list[str] = []
        self.clock = FakeClock(NIGHT_MS + (hour - 2) * 3_600_000)
        self.cache = cache or desk.cache
        self.cache.opened.set()

        async def wanted() -> Sequence[str]:
            return self.files

        told = Chosen(**{"ready_quality": "low", **settings})
        self.ready = Ready(
            *(desk.segments, desk.sounds, self.cache, desk.workers, self.clock, wanted),
            Hours(told.ready_hours, UTC),
            told,
        )

    async def want(self, name: str, *, seconds: float = 9.0) -> str:
        """A file that is wanted from now on, before all others; its digest."""
        sound = await self.desk.sound(name, seconds=seconds, seed=len(self.files) + 1)
        self.files.insert(0, sound.file)
        return sound.digest

    def there(self) -> dict[str, int]:
        return {
            str(path.relative_to(self.desk.kept)): path.stat().st_mtime_ns for path in self.desk.kept.rglob("*.m4s")
        }


def counts(status: Status) -> tuple[int, int, int, int]:
    return status.wanted, status.ready, status.failed, status.left_out


async def test_what_is_wanted_is_made_in_its_hours_and_once(desk: Desk) -> None:
    stand = Stand(desk)
    digest = await stand.want("a.flac")
    await stand.want("b.wma")
    assert await stand.ready.look() == LOOK_S
    assert counts(stand.ready.status) == (2, 2, 0, 0)
    made = stand.there()
    assert len(made) == 6
    assert await desk.body(await desk.sounds.by_digest(digest), LOW, "1.m4s")
    assert desk.segments.hits == 1
    await desk.settled()
    sides = list((desk.folder / "cache" / SIDES).glob("*"))
    assert sides
    for path in sides:
        path.unlink()
    assert await stand.ready.look() == LOOK_S
    assert stand.there() == made, "nothing is written when all is there, and no side file made"
    assert not list((desk.folder / "cache" / SIDES).glob("*"))
    assert desk.segments.encodes == 0, "the workers of listeners had nothing to do with it"
    lost = desk.kept / next(iter(made))
    lost.unlink()
    assert await desk.cache.read(f"segments/{lost.relative_to(desk.kept)}") is None
    await stand.ready.look()
    assert set(stand.there()) == set(made)


async def test_outside_its_hours_nothing_is_made_and_it_is_told_how_it_stands(desk: Desk) -> None:
    stand = Stand(desk, hour=12)
    await stand.want("a.flac")
    assert await stand.ready.look() == 60.0
    assert counts(stand.ready.status) == (1, 0, 0, 0)
    assert stand.there() == {}
    (desk.folder / "a.flac").rename(desk.folder / "away.flac")
    assert await stand.ready.look() == 60.0
    assert counts(stand.ready.status) == (1, 0, 0, 0), "no disk is asked every minute"
    stand.ready.change()
    await stand.ready.look()
    assert counts(stand.ready.status) == (1, 0, 1, 0)
    (desk.folder / "away.flac").rename(desk.folder / "a.flac")
    stand.clock.advance(seconds=14 * 3600)
    await stand.ready.look()
    assert counts(stand.ready.status) == (1, 1, 0, 0)
    off = Stand(desk, ready_quality="off")
    off.files = [*stand.files, str(desk.folder / "b.flac")]
    assert await off.ready.look() is None
    nothing = Stand(desk)
    assert await nothing.ready.look() is None


class HourClock(FakeClock):
    """An hour passes whenever it is looked at."""

    def now_ms(self) -> int:
        self.advance(seconds=3600)
        return super().now_ms()


async def test_it_ends_with_its_hours_and_goes_on_the_next_night(desk: Desk) -> None:
    stand = Stand(desk, ready_hours=("02:00-06:00",))
    await stand.want("a.flac", seconds=17.0)
    stand.ready._clock = HourClock(NIGHT_MS)
    assert await stand.ready.look() == 900.0  # then it is day, and nothing is done
    first = stand.there()
    assert 0 < len(first) < 5
    assert counts(stand.ready.status) == (1, 0, 0, 0)
    stand.ready._clock = stand.clock
    await stand.ready.look()
    assert counts(stand.ready.status) == (1, 1, 0, 0)
    assert len(stand.there()) == 5
    assert stand.there().items() >= first.items(), "what was there was not made again"


async def test_what_cannot_be_made_is_told_and_the_others_are_made(desk: Desk) -> None:
    stand = Stand(desk)
    await stand.want("a.flac")
    (desk.folder / "broken.flac").write_bytes(b"no music")
    stand.files = [str(desk.folder / "broken.flac"), str(desk.folder / "gone.flac"), *stand.files]
    assert await stand.ready.look() == LOOK_S
    assert counts(stand.ready.status) == (3, 1, 2, 0)


async def test_what_was_wanted_first_has_no_room_where_the_share_is_full(desk: Desk) -> None:
    cache = caches(desk.folder / "cache", 1_300_000)[0]  # 100 kB of it are not for pictures, in percent of ten
    stand = Stand(desk, cache=cache, ready_share=20)
    stand.ready._cache = desk.segments._cache = cache
    digests = [await stand.want(f"{n}.flac", seconds=9.0) for n in range(4)]
    await stand.ready.look()
    wanted, ready, failed, left_out = counts(stand.ready.status)
    assert (wanted, failed, ready + left_out) == (4, 0, 4)
    assert 0 < ready < 4
    of_ready = {one.split("/")[1] for one in stand.there()}
    assert of_ready == set(digests[-ready:])
    made = stand.there()
    await stand.ready.look()
    assert stand.there() == made, "and it is not made again and again"


async def test_its_segments_stay_while_others_go(desk: Desk) -> None:
    cache = caches(desk.folder / "cache", 1_000_000)[0]
    stand = Stand(desk, cache=cache)
    desk.segments._cache = cache
    digest = await stand.want("a.flac")
    await stand.ready.look()
    kept = set(stand.there())
    sound = await desk.sounds.by_digest(digest)
    older = f"aac.10.{'0' * 12}"  # of an encoder that there is no more
    await cache.write(cache_key(digest, Recipe("aac", 10, "0" * 12), "0.m4s"), bytes(1000))
    await cache.write("segments/odd", bytes(1000))
    for n in range(30):
        await cache.write(f"segments/zz/{'z' * 22}/{older}/{n}.m4s", bytes(100_000))
    assert kept <= set(stand.there())
    assert not cache.has(cache_key(digest, Recipe("aac", 10, "0" * 12), "0.m4s"))
    assert not cache.has("segments/odd")
    assert cache.size_bytes <= cache.limit_bytes
    for n in range(3):
        assert await desk.body(sound, LOW, f"{n}.m4s")
    stand.files = []
    await stand.ready.learn()
    for n in range(30, 60):
        await cache.write(f"segments/zz/{'z' * 22}/{older}/{n}.m4s", bytes(100_000))
    assert not kept & set(stand.there())


async def test_after_a_restart_it_stays_from_the_beginning(desk: Desk) -> None:
    stand = Stand(desk)
    await stand.want("a.flac")
    await stand.ready.look()
    kept = set(stand.there())
    for n in range(30):
        await desk.cache.write(f"segments/zz/{'z' * 22}/x/{n}.m4s", bytes(100_000))
    again = caches(desk.folder / "cache", 1_000_000)[0]
    another = Stand(desk, cache=again, hour=12)
    another.files = stand.files
    await another.ready.learn()
    await again.open()
    assert again.size_bytes <= again.limit_bytes
    assert kept <= set(stand.there())


async def test_the_job_sleeps_until_something_is_wanted(desk: Desk) -> None:
    stand = Stand(desk)
    events = EventBus()
    job = asyncio.create_task(stand.ready.run(events))
    await stand.want("a.flac")
    stand.ready.change()
    for _ in range(2000):
        if stand.ready.status.ready:
            break
        await asyncio.sleep(0.01)
    assert counts(stand.ready.status) == (1, 1, 0, 0)
    job.cancel()
    await asyncio.gather(job, return_exceptions=True)
    await events.close()


def test_the_newest_wishes_have_the_share_and_the_rest_has_none() -> None:
    files = {f"segments/aa/{name}/r/{n}.m4s": 100 for name in ("a", "b", "c", "d") for n in range(3)}
    assert protected(files, ["a", "b", "c"], 900) == {"a", "b", "c"}
    assert protected(files, ["a", "b", "c"], 899) == {"a", "b"}
    assert protected(files, ["c", "a", "b"], 599) == {"c"}
    assert protected(files, ["x", "c"], 300) == {"x", "c"}
    assert protected(files, ["a"], 299) == set()
    assert protected({}, ["a"], 0) == {"a"}


@pytest.mark.parametrize(
    ("index", "family", "quality", "rung"),
    [
        (sound(), "aac", "low", ("aac", 10)),
        (sound(), "aac", "normal", ("aac", 20)),
        (sound(), "opus", "high", ("opus", 35)),
        (sound(), "aac", "lossless", ("flac", 70)),
        (sound(rate_hz=96_000, bit_depth=24), "aac", "lossless", ("flac", 80)),
        (lossy("mp3", 128_000), "aac", "lossless", ("aac", 20)),
        (lossy("mp3", 128_000), "aac", "high", ("aac", 20)),
        (lossy("aac", 256_000), "aac", "high", ("aac", 28)),
        (lossy("opus", 48_000), "opus", "low", ("opus", 13)),
    ],
)
def test_the_setting_chooses_what_is_made(index: Any, family: str, quality: str, rung: tuple[str, int]) -> None:
    found = chosen(index, family, quality)
    assert (found.family, found.rank) == rung
