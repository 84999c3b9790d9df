"""What brought a worker down: refused for a while, and never done by several workers at once."""

from __future__ import annotations

import asyncio

import pytest

from mediaserver.core.errors import Damaged
from mediaserver.streaming.suspects import REFUSED_S, SUSPECT_S, Suspects
from tests.clock import FakeClock


async def most_at_once(suspects: Suspects, digest: str) -> int:
    now = most = 0

    async def make() -> None:
        nonlocal now, most
        async with suspects.turn(digest):
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    await asyncio.gather(*(make() for _ in range(3)))
    return most


async def test_parts_of_a_suspect_are_made_one_at_a_time_for_a_while() -> None:
    clock = FakeClock()
    suspects = Suspects(clock.monotonic_s)
    assert await most_at_once(suspects, "one") == 3
    suspects.note("one", "one/5")
    assert await most_at_once(suspects, "one") == 1
    assert await most_at_once(suspects, "other") == 3
    clock.advance(seconds=SUSPECT_S + 1)
    assert await most_at_once(suspects, "one") == 3


async def test_a_part_is_refused_for_a_while_and_its_neighbours_are_not() -> None:
    clock = FakeClock()
    suspects = Suspects(clock.monotonic_s)
    suspects.note("one", "one/5")
    suspects.must_not_have_failed("one/6")
    with pytest.raises(Damaged):
        suspects.must_not_have_failed("one/5")
    clock.advance(seconds=REFUSED_S + 1)
    suspects.must_not_have_failed("one/5")


async def test_many_suspects_take_no_more_room() -> None:
    suspects = Suspects(FakeClock().monotonic_s)
    for n in range(3000):
        suspects.note(str(n), f"{n}/1")
    assert await most_at_once(suspects, "0") == 3
    assert await most_at_once(suspects, "2999") == 1
