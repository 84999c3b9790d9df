"""How large what has to be made whole is: made once for all who ask, for as long as any of them is there."""

from __future__ import annotations

import asyncio

import pytest

from mediaserver.sound.index import Sound
from mediaserver.streaming.cache import Cache
from mediaserver.streaming.ladder import RANK_FLAC, Rung
from mediaserver.streaming.sizes import Sizes
from mediaserver.streaming.turns import Asker, Unwanted
from tests.streaming.desk import LADDER, Desk

FLAC = LADDER.recipe(Rung("flac", RANK_FLAC, 0, 0, 0))


class Slow(Cache):
    """Holds nothing, and takes what it is given when it is let."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk.folder / "slow", limit_bytes=1_000_000)
        self.is_given, self.takes = asyncio.Event(), asyncio.Event()

    async def read(self, key: str) -> bytes | None:
        return None

    async def write(self, key: str, body: bytes) -> None:
        self.is_given.set()
        await self.takes.wait()


async def of(sizes: Sizes, sound: Sound, asker: Asker) -> list[int]:
    found = await sizes.of(sound.digest, FLAC, LADDER.rendition(sound.index, FLAC), asker, patience_s=60)
    assert found is not None
    return list(found)


async def test_who_asks_while_they_are_kept_has_them_and_nobody_is_remembered(desk: Desk) -> None:
    sound, cache = await desk.sound("x.wav", seconds=9.0), Slow(desk)
    sizes = Sizes(desk.segments, cache, lanes=1)
    first = asyncio.create_task(of(sizes, sound, Asker("a", lambda: True)))
    await cache.is_given.wait()
    second = asyncio.create_task(of(sizes, sound, Asker("b", lambda: True)))
    while len(sizes._askers[next(iter(sizes._askers))]) < 2:
        await asyncio.sleep(0)
    cache.takes.set()
    assert await first == await second
    assert not sizes._askers
    await sizes.close()


async def test_who_comes_in_the_moment_in_which_they_are_given_up_has_them(desk: Desk) -> None:
    sound, cache = await desk.sound("x.wav", seconds=9.0), Slow(desk)
    cache.takes.set()
    sizes, later = Sizes(desk.segments, cache, lanes=1), []

    def has_left() -> bool:
        if not later:
            later.append(asyncio.create_task(of(sizes, sound, Asker("b", lambda: True))))
        return False

    with pytest.raises(Unwanted):
        await of(sizes, sound, Asker("a", has_left))
    assert len(await later[0]) == 3
    assert not sizes._askers
    await sizes.close()
