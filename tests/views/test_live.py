"""What is told of what happens: ids, losses, the newest alone where it counts, permits, and who does not keep up."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from mediaserver.accounts.permits import Viewer
from mediaserver.core.errors import Unavailable
from mediaserver.core.events import EventBus
from mediaserver.core.units import UserId
from mediaserver.views.live import Live
from mediaserver.views.ring import KINDS, Ring, Told
from mediaserver.views.stream import MOST_WAITING, Message, Stream
from tests.clock import FakeClock
from tests.http.test_slow_streams import Calm

ANNA = Viewer(UserId(1), "Anna", is_admin=False, max_rank=99, grant="a", is_session=True)
ADMIN = replace(ANNA, user_id=UserId(2), is_admin=True)


def numbers(found: list[Told] | None) -> list[int] | None:
    return None if found is None else [told.number for told in found]


def test_what_is_kept_is_told_again_and_a_gap_is_never_passed_over() -> None:
    ring = Ring(kept=3)
    for n in range(5):
        ring.put("library", n)
    assert numbers(ring.since(ring.id(5))) == []
    assert numbers(ring.since(ring.id(3))) == [4, 5]
    assert numbers(ring.since(ring.id(2))) == [3, 4, 5]
    assert ring.since(ring.id(1)) is None
    assert ring.since(ring.id(6)) is None  # never told
    assert ring.since(Ring().id(5)) is None  # of before a restart
    for odd in ("", "5", f"{ring.epoch}-", f"{ring.epoch}-05", f"{ring.epoch}--1", f"{ring.epoch}-5 ", "x" * 9999):
        assert ring.since(odd) is None, odd
    ring.lose()
    assert ring.since(ring.id(5)) is None
    assert numbers(ring.since(ring.id(6))) == []


def test_where_the_latest_wins_the_others_take_no_room_and_are_no_gap() -> None:
    ring = Ring(kept=3)
    ring.put("library", "first")
    for n in range(1000):
        ring.put("scan", n)
    told = ring.since(ring.id(0))
    assert told is not None
    assert [one.data for one in told] == ["first", 999]
    assert numbers(ring.since(ring.id(500))) == [1001]


class Listening:
    """A stream whose permit a test may change."""

    def __init__(self, viewer: Viewer = ANNA, kinds: tuple[str, ...] = KINDS, after: str | None = None) -> None:
        self.now: Viewer | None = viewer
        self.is_away = False
        self.asked = 0
        self.clock = FakeClock()
        self.ring = Ring()
        self.stream = Stream(viewer, self.again, self.ring, self.clock, after=after, kinds=kinds)

    async def again(self) -> Viewer | None:
        self.asked += 1
        if self.is_away:
            raise Unavailable("the database is away")
        return self.now

    async def heard(self) -> list[Message]:
        async with asyncio.timeout(30):
            return await self.stream.next()

    async def begun(self) -> Listening:
        assert [one.kind for one in await self.heard()] == ["ready"]
        return self


async def test_who_does_not_keep_up_is_told_to_load_anew_and_takes_no_memory() -> None:
    one = await Listening().begun()
    for n in range(10_000):
        one.stream.offer(one.ring.put("library", n, public=n))
        assert len(one.stream) <= MOST_WAITING
    heard = await one.heard()
    assert heard[0] == Message("reset", heard[0].id)
    at = int(heard[0].id.rpartition("-")[2])
    assert 10_000 - MOST_WAITING <= at <= 10_000
    rest = heard[1:]
    while rest[-1].data < 9999:
        rest += await one.heard()
    assert [int(message.id.rpartition("-")[2]) for message in rest] == list(range(at + 1, 10_001))


async def test_progress_never_crowds_out_what_must_not_be_lost() -> None:
    one = await Listening().begun()
    one.stream.offer(one.ring.put("library", "kept", public="kept"))
    for n in range(10_000):
        one.stream.offer(one.ring.put("scan", n, public=n))
    assert [(message.kind, message.data) for message in await one.heard()] == [("library", "kept"), ("scan", 9999)]


async def test_everybody_hears_what_is_for_him_and_of_the_kinds_he_asked_for() -> None:
    ring = Ring()
    events = [
        ring.put("scan", "with folders", public="without"),
        ring.put("device", "hers", owner=ANNA.user_id),
        ring.put("device", "somebody's", owner=UserId(9)),
        ring.put("library", "all", public="all"),
    ]
    for viewer, kinds, expected in (
        (ANNA, KINDS, ["without", "hers", "all"]),
        (ADMIN, KINDS, ["with folders", "hers", "somebody's", "all"]),
        (ANNA, ("library",), ["all"]),
    ):
        one = await Listening(viewer, kinds).begun()
        for told in events:
            one.stream.offer(told)
        assert [message.data for message in await one.heard()] == expected


async def test_a_permit_is_asked_for_before_more_is_told_and_a_new_one_holds() -> None:
    one = await Listening(ADMIN).begun()
    one.stream.offer(one.ring.put("scan", "all of it", public="less"))
    assert (await one.heard())[0].data == "all of it"
    assert one.asked == 0
    one.now = replace(ADMIN, is_admin=False)
    one.stream.doubt()
    one.stream.offer(one.ring.put("scan", "all of it", public="less"))
    assert (await one.heard())[0].data == "less"
    one.clock.advance(seconds=2)
    one.is_away = True  # the database: what was allowed goes on
    one.stream.offer(one.ring.put("scan", "all of it", public="less"))
    assert (await one.heard())[0].data == "less"
    one.is_away, one.now = False, None
    one.clock.advance(seconds=2)
    one.stream.offer(one.ring.put("scan", "all of it", public="less"))
    assert await one.heard() == [Message("end", data="revoked")]
    assert one.asked == 3


async def test_a_beat_asks_for_the_permit_and_comes_alone() -> None:
    one = await Listening().begun()
    one.stream.beat()
    assert await one.heard() == [Message("beat")]
    one.stream.beat()
    one.stream.offer(one.ring.put("library", 1, public=1))
    assert [message.kind for message in await one.heard()] == ["library"]
    assert one.asked == 2
    one.now = None
    one.stream.beat()
    assert await one.heard() == [Message("end", data="revoked")]


async def test_what_has_ended_tells_nothing_more_and_says_so_to_who_is_sending() -> None:
    one = await Listening().begun()
    told: list[str] = []
    one.stream.on_end = lambda: told.append("hurry")
    one.stream.offer(one.ring.put("library", 1, public=1))
    one.stream.end("stopping")
    one.stream.end("gone")
    one.stream.offer(one.ring.put("library", 2, public=2))
    assert told == ["hurry"]
    assert await one.heard() == [Message("end", data="stopping")]


@pytest.mark.parametrize("after", ["unknown", None])
async def test_a_stream_begins_with_where_it_stands(after: str | None) -> None:
    one = Listening(after=after)
    (first,) = await one.heard()
    assert first == Message("ready" if after is None else "reset", one.ring.id(0))


async def test_warnings_of_the_whole_house_are_told_when_they_change() -> None:
    warned: list[str] = []
    live = Live(Calm(), EventBus(), FakeClock(), beat_s=0.01)
    live.warnings = lambda: warned

    async def again() -> Viewer:
        return ANNA

    with live.listening(ANNA, again, kinds=["health"]) as stream:
        async with asyncio.timeout(30):
            assert [one.kind for one in await stream.next()] == ["ready"]
            warned.append("Music begins later than before.")
            messages: list[Message] = []
            while not any(one.kind == "health" for one in messages):
                messages = await stream.next()
    assert [one.told.data.warnings for one in messages if one.told] == [("Music begins later than before.",)]
    live.close()
