"""Work at the workers goes round by who asks, and what nobody waits for is never begun."""

from __future__ import annotations

import asyncio

import pytest

from mediaserver.streaming.ladder import AAC_RUNGS
from mediaserver.streaming.turns import Asker, Gate, Turns, Unwanted
from tests.streaming.desk import LADDER, Desk


def taken(turns: Turns) -> list[str]:
    return list(iter(turns.take, None))


def test_one_is_taken_from_each_line_in_turn() -> None:
    turns = Turns()
    for n in range(4):
        turns.add("greedy", f"g{n}")
    turns.add("other", "o0")
    turns.add("third", "t0")
    turns.add("other", "o1")
    assert taken(turns) == ["g0", "o0", "t0", "g1", "o1", "g2", "g3"]
    assert turns.take() is None


def test_what_two_ask_for_is_taken_once_by_whoever_is_first() -> None:
    turns = Turns()
    for key in ("a", "b", "shared"):
        turns.add("greedy", key)
    turns.add("other", "shared")
    assert taken(turns) == ["a", "shared", "b"]


def test_what_is_removed_is_in_no_line() -> None:
    turns = Turns()
    turns.add("one", "a")
    turns.add("two", "a")
    turns.add("two", "b")
    turns.remove("a")
    assert taken(turns) == ["b"]


async def test_what_nobody_waits_for_any_more_is_not_begun() -> None:
    gate = Gate(1)
    begun: list[str] = []

    async def work(key: str) -> None:
        await gate.enter(key)
        begun.append(key)

    there = True
    askers = {"first": Asker("a", lambda: True), "left": Asker("a", lambda: True), "gone": Asker("a", lambda: there)}
    for key, asker in askers.items():
        gate.ask(key, asker)
    tasks = {key: asyncio.create_task(work(key)) for key in askers}
    await tasks["first"]
    gate.leave("left", askers["left"])
    there = False
    gate.exit()
    for key in ("left", "gone"):
        with pytest.raises(Unwanted):
            await tasks[key]
    assert begun == ["first"]
    last = Asker("b", lambda: True)
    gate.ask("last", last)
    await work("last")
    assert begun == ["first", "last"], "the place is free again"


async def test_work_that_is_ended_while_it_waits_gives_its_turn_to_the_next() -> None:
    gate = Gate(1)
    for key in ("a", "b", "c"):
        gate.ask(key, Asker("one", lambda: True))
    await gate.enter("a")
    waiting = [asyncio.create_task(gate.enter(key)) for key in ("b", "c")]
    await asyncio.sleep(0)
    gate.exit()
    waiting[0].cancel()  # in the moment in which it is called
    async with asyncio.timeout(30):
        await waiting[1]
    assert waiting[0].cancelled()


async def test_work_that_was_ended_just_before_its_turn_takes_no_place() -> None:
    gate = Gate(1)
    for key in ("a", "b", "c"):
        gate.ask(key, Asker("one", lambda: True))
    await gate.enter("a")
    waiting = [asyncio.create_task(gate.enter(key)) for key in ("b", "c")]
    await asyncio.sleep(0)
    waiting[0].cancel()  # its task has not gone on when the place becomes free
    gate.exit()
    async with asyncio.timeout(30):
        await waiting[1]
    assert (await asyncio.gather(waiting[0], return_exceptions=True))[0].__class__ is asyncio.CancelledError


async def test_one_listener_who_asks_for_forty_segments_does_not_keep_another_waiting(desk: Desk) -> None:
    """One worker. The other's segment comes after at most two that were begun before it."""
    sound = await desk.sound(seconds=60.0)
    recipes = [str(LADDER.recipe(rung)) for rung in AAC_RUNGS]
    await desk.segments.ladder()
    wanted = [(recipe, n) for n in range(14) for recipe in recipes][:41]
    *burst, (recipe, last) = wanted
    greedy = [
        asyncio.create_task(desk.segments.get(sound.digest, recipe, f"{n}.m4s", cap=99, who="greedy"))
        for recipe, n in burst
    ]
    while len(desk.segments._making) + desk.segments.encodes < 40:
        await asyncio.sleep(0.001)
    before = desk.segments.encodes
    await desk.segments.get(sound.digest, recipe, f"{last}.m4s", cap=99, who="other")
    assert desk.segments.encodes - before <= 3, "one that was under way, at most one more of theirs, and its own"
    before = desk.segments.encodes
    for task in greedy:
        task.cancel()
    await asyncio.gather(*greedy, return_exceptions=True)
    await desk.settled()
    assert desk.segments.encodes - before <= 2, "what nobody waited for any more was made all the same"
