"""Shared work: one making for all askers, which outlives the one who leaves and ends with its owner."""

from __future__ import annotations

import asyncio

import pytest

from mediaserver.core.errors import NotFound, Unavailable
from mediaserver.core.sharing import Shared


async def test_askers_share_one_making_and_one_who_leaves_does_not_end_it() -> None:
    shared, made, gate = Shared[int]("number"), 0, asyncio.Event()

    async def make() -> int:
        nonlocal made
        made += 1
        await gate.wait()
        return 7

    askers = [asyncio.create_task(shared.get("a", make)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    askers[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await askers[0]
    gate.set()
    assert await asyncio.gather(*askers[1:]) == [7] * 4
    assert made == 1
    await asyncio.sleep(0)
    assert len(shared) == 0
    assert await shared.get("a", make) == 7
    assert made == 2


async def test_a_failure_is_every_askers_answer_and_is_not_kept() -> None:
    shared = Shared[int]("number")

    async def fail() -> int:
        raise NotFound("nothing")

    answers = await asyncio.gather(*(shared.get("a", fail) for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [NotFound] * 3
    await asyncio.sleep(0)
    assert len(shared) == 0


async def test_who_comes_in_the_moment_in_which_it_ends_has_it_made_anew() -> None:
    shared, made = Shared[int]("number"), 0

    async def make() -> int:
        nonlocal made
        made += 1
        return made

    task = shared.begin("a", make)
    answers: list[int] = []

    async def come() -> None:
        while not task.done():
            await asyncio.sleep(0)
        answers.append(await shared.get("a", make))

    # One of them runs after the task has ended and before the house is told so.
    await asyncio.gather(*(come() for _ in range(3)))
    assert set(answers) == {2}


async def test_closing_answers_who_waits_and_lets_nothing_begin() -> None:
    shared, ended = Shared[int]("number"), False

    async def make() -> int:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            ended = True
        return 0

    asker = asyncio.create_task(shared.get("a", make))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await shared.close()
    with pytest.raises(Unavailable):
        await asker
    assert ended
    with pytest.raises(Unavailable):
        await shared.get("a", make)
    assert not asker.cancelled()
