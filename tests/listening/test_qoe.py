"""Reports of plays as they are kept: once each, of people that there are, for a season, and not without bounds."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mediaserver.accounts import build as build_accounts
from mediaserver.core.errors import Invalid, NotFound, TooManyAttempts, Unavailable
from mediaserver.core.events import EventBus
from mediaserver.core.units import TrackId, UserId
from mediaserver.listening import build
from mediaserver.listening.allowance import Allowance
from mediaserver.listening.figures import Play
from mediaserver.listening.qoe import KEPT_MS, Qoe, Report
from mediaserver.listening.watch import Watch
from mediaserver.storage.database import Database
from mediaserver.storage.timed import Timed
from tests.clock import FakeClock


def report(id: str, clock: FakeClock, **fields: Any) -> Report:
    told: dict[str, Any] = {
        "id": id,
        "track_id": TrackId(1),
        "started_at_ms": clock.now_ms(),
        "first_sound_ms": 200,
        "is_followed": False,
        "played_ms": 60_000,
        "stalls": 0,
        "stalled_ms": 0,
        "switches": 0,
        "buffered_ms": 20_000,
        "bitrate_bps": 128_000,
        "line_bps": None,
        "family": "aac",
        "player": "Page",
        "network": "unknown",
        "error": "",
        **fields,
    }
    return Report(**told)


async def somebody(database: Database, clock: FakeClock, name: str = "Anna") -> UserId:
    events = EventBus()
    people = await build_accounts(database, events, clock)
    try:
        return (await people.users.add(name, "correct horse", is_admin=False)).id
    finally:
        await events.close()


async def test_a_report_that_comes_again_is_counted_once(database: Database, clock: FakeClock) -> None:
    qoe, anna, ben = Qoe(database, clock), await somebody(database, clock), await somebody(database, clock, "Ben")
    calls: list[str] = []
    qoe.on_new = lambda: calls.append("new")
    one = report("first-of-all", clock, stalls=2, stalled_ms=1500)
    assert await qoe.add(anna, "grant", [one, one, report("another-one", clock, error="line", played_ms=0)]) == 2
    assert await qoe.add(anna, "grant", [one]) == 0
    assert await qoe.add(ben, "grant", [one]) == 1, "ids are each person's own"
    assert len(await qoe.plays(0)) == 3
    counts = qoe.counts
    assert (counts.plays, counts.stalls, counts.stalled_ms, dict(counts.failed)) == (3, 4, 3000, {"line": 1})
    assert calls == ["new", "new"]
    (bad,) = [bad for bad in await qoe.bad(0, slow_ms=3000, limit=9) if bad.user_id == ben]
    assert (bad.report, bad.grant) == (one, "grant")


async def test_two_deliveries_at_once_count_once(database: Database, clock: FakeClock) -> None:
    qoe, anna = Qoe(database, clock), await somebody(database, clock)
    batch = [report(f"report-{n:03}", clock) for n in range(20)]
    taken = await asyncio.gather(*(qoe.add(anna, "grant", order) for order in (batch, batch, batch)))
    assert sum(taken) == 20
    assert len(await qoe.plays(0)) == 20


async def test_a_clock_that_is_wrong_makes_no_plays_of_the_future_and_none_of_long_ago(
    database: Database, clock: FakeClock
) -> None:
    qoe, anna = Qoe(database, clock), await somebody(database, clock)
    ahead = report("from-tomorrow", clock, started_at_ms=clock.now_ms() + 86_400_000)
    behind = report("of-last-year", clock, started_at_ms=clock.now_ms() - KEPT_MS)
    assert await qoe.add(anna, "grant", [ahead, behind]) == 1
    assert [one.started_at_ms for one in await qoe.plays(0)] == [clock.now_ms()]


async def test_what_is_too_old_or_too_much_goes(database: Database, clock: FakeClock) -> None:
    qoe, anna = Qoe(database, clock, most=30), await somebody(database, clock)
    await qoe.add(anna, "grant", [report(f"old-report-{n}", clock) for n in range(10)])
    clock.advance(seconds=KEPT_MS / 1000)
    await qoe.add(anna, "grant", [report("new-report", clock)])
    assert len(await qoe.plays(0)) == 1
    for n in range(80):
        await qoe.add(anna, "grant", [report(f"more-{n:05}", clock)])
    await qoe.sweep()
    kept = await qoe.plays(0)
    assert 1 <= len(kept) <= 30
    assert await qoe.add(anna, "grant", [report("more-00079", clock)]) == 0, "the newest are kept"


async def test_who_is_removed_takes_the_reports_along(database: Database, clock: FakeClock) -> None:
    events = EventBus()
    people = await build_accounts(database, events, clock)
    qoe, anna, ben = Qoe(database, clock), await somebody(database, clock), await somebody(database, clock, "Ben")
    for one in (anna, ben):
        await qoe.add(one, "grant", [report("report-one", clock, stalls=1)])
    await people.users.remove(anna)
    await events.close()
    assert [one.user_id for one in await qoe.bad(0, slow_ms=3000, limit=9)] == [ben]
    with pytest.raises(NotFound):
        await qoe.add(anna, "grant", [report("report-two", clock)])


@pytest.mark.parametrize("name", ["", "x" * 65, "two\nlines", "turned \u202e round", " spaces ", "\x00"])
async def test_a_player_has_a_name_that_can_be_shown(database: Database, clock: FakeClock, name: str) -> None:
    with pytest.raises(Invalid) as caught:
        await Qoe(database, clock).add(UserId(1), "grant", [report("report-one", clock, player=name)])
    assert caught.value.field == "player"


async def test_it_is_told_that_it_has_become_worse_and_once_it_is_well_again(
    database: Database, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", logger="mediaserver.listening.watch")
    room, anna = build(database, clock), await somebody(database, clock)
    start_ms = clock.now_ms()
    usual = [report(f"usual-{n:04}", clock, started_at_ms=start_ms - 86_400_000 * 7 + n) for n in range(100)]
    await room.qoe.add(anna, "grant", usual)
    assert await room.watch.look() == ()
    stops = [report(f"stops-{n:04}", clock, stalls=1, started_at_ms=start_ms) for n in range(40)]
    await room.qoe.add(anna, "grant", stops)
    assert [one.what for one in await room.watch.look()] == ["stops"]
    assert room.watch.plays == 140
    clock.advance(seconds=3 * 3600)
    well = [report(f"well-again-{n:04}", clock) for n in range(40)]
    await room.qoe.add(anna, "grant", well)
    assert await room.watch.look() == ()
    assert [line.message for line in caplog.records] == [
        "listening has become worse: stops, 40 of 40 plays in 3 h",
        "listening is as well again as it was: stops",
    ]


async def test_the_database_is_asked_only_after_something_came_or_long_after(
    database: Database, clock: FakeClock
) -> None:
    timed = Timed(database)
    room = build(timed, clock)
    for _ in range(5):
        await room.watch.look()
    assert timed.reads.count == 1
    clock.advance(seconds=601)
    await room.watch.look()
    assert timed.reads.count == 2


async def test_while_nothing_is_played_the_watch_sleeps_and_a_report_wakes_it(
    database: Database, clock: FakeClock
) -> None:
    timed, anna = Timed(database), await somebody(database, clock)
    room = build(timed, clock)
    task = asyncio.create_task(room.watch.run(gather_s=0))
    try:
        async with asyncio.timeout(30):
            while timed.reads.count < 1:  # the look at the start
                await asyncio.sleep(0)
        for _ in range(1000):
            await asyncio.sleep(0)
        assert timed.reads.count == 1, "asleep"
        await room.qoe.add(anna, "grant", [report("report-one", clock)])
        async with asyncio.timeout(30):
            while room.watch.plays != 1:
                await asyncio.sleep(0.01)
    finally:
        task.cancel()


class Away(Qoe):
    """Its database does not answer at first."""

    failures = 2

    async def plays(self, since_ms: int) -> list[Play]:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the database is away")
        return await super().plays(since_ms)


async def test_a_database_that_is_away_for_a_while_ends_no_watch(database: Database, clock: FakeClock) -> None:
    qoe, anna = Away(database, clock), await somebody(database, clock)
    await qoe.add(anna, "grant", [report("report-one", clock)])
    watch = Watch(qoe, clock)
    task = asyncio.create_task(watch.run(gather_s=0))
    try:
        async with asyncio.timeout(30):
            while watch.plays != 1:
                assert not task.done()
                await asyncio.sleep(0.01)
    finally:
        task.cancel()


def test_a_person_reports_much_at_once_and_little_for_long(clock: FakeClock) -> None:
    allowance, anna, ben = Allowance(clock, at_once=10, every_s=5), UserId(1), UserId(2)
    allowance.take(anna, 8)
    with pytest.raises(TooManyAttempts) as caught:
        allowance.take(anna, 4)
    assert caught.value.retry_after_s == 10
    allowance.take(ben, 10)
    clock.advance(seconds=10)
    allowance.take(anna, 4)
    clock.advance(seconds=86_400)
    allowance.take(anna, 10)
    with pytest.raises(TooManyAttempts):
        allowance.take(anna, 1)
