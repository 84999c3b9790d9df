"""Scans at times of the day, through summer time, sleeps and clocks that are set."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mediaserver.library import schedule
from mediaserver.library.schedule import Schedule
from tests.clock import FakeClock

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=BERLIN, fold=fold).timestamp() * 1000)


def local(ms: int | None) -> str:
    assert ms is not None
    return datetime.fromtimestamp(ms / 1000, BERLIN).strftime("%Y-%m-%d %H:%M%z")


def runs(one: Schedule, since: str, hours: float, *, step_s: int = 60) -> list[str]:
    """When it is due, asked every `step_s` from `since` on."""
    start_ms = at(since)
    moments = range(start_ms, start_ms + int(hours * 3_600_000), step_s * 1000)
    return [local(ms) for ms in moments if one.is_due(ms)]


def test_it_is_due_at_each_of_its_times_every_day() -> None:
    one = Schedule(["15:00", "03:30"], BERLIN, at("2026-07-01 12:00"))
    assert local(one.next_ms) == "2026-07-01 15:00+0200"
    assert runs(one, "2026-07-01 12:00", 30) == [
        "2026-07-01 15:00+0200",
        "2026-07-02 03:30+0200",
        "2026-07-02 15:00+0200",
    ]


def test_an_hour_that_the_clocks_leap_over_comes_once() -> None:
    one = Schedule(["02:30"], BERLIN, at("2026-03-28 12:00"))
    assert runs(one, "2026-03-28 12:00", 40) == ["2026-03-29 03:30+0200", "2026-03-30 02:30+0200"]


def test_an_hour_that_the_clocks_show_twice_comes_once() -> None:
    one = Schedule(["02:30"], BERLIN, at("2026-10-24 12:00"))
    assert runs(one, "2026-10-24 12:00", 40) == ["2026-10-25 02:30+0200", "2026-10-26 02:30+0100"]


def test_times_missed_in_a_sleep_come_once_at_its_end() -> None:
    one = Schedule(["03:30", "04:30"], BERLIN, at("2026-07-01 22:00"))
    assert not one.is_due(at("2026-07-01 23:00"))
    assert one.is_due(at("2026-07-05 09:00"))
    assert not one.is_due(at("2026-07-05 09:01"))
    assert local(one.next_ms) == "2026-07-06 03:30+0200"


def test_a_clock_that_is_set_back_makes_nothing_wait_for_days() -> None:
    one = Schedule(["03:30"], BERLIN, at("2026-07-10 12:00"))
    assert not one.is_due(at("2026-07-01 12:00"))
    assert local(one.next_ms) == "2026-07-02 03:30+0200"


def test_no_times_are_never_due() -> None:
    one = Schedule([], BERLIN, at("2026-07-01 12:00"))
    assert one.next_ms is None
    assert not one.is_due(at("2027-07-01 12:00"))


@pytest.mark.parametrize(("now", "wait_s"), [("2026-07-01 12:00", 60.0), ("2026-07-02 03:29:30", 30.0)])
def test_it_looks_at_the_clock_every_minute(now: str, wait_s: float) -> None:
    one = Schedule(["03:30"], BERLIN, at("2026-07-01 11:00"))
    assert one.wait_s(at(now)) == wait_s


async def test_the_job_ends_at_once_without_times_and_scans_with_them() -> None:
    clock = FakeClock(at("2026-07-01 12:00"))
    scans: list[int] = []
    await schedule.run(Schedule([], BERLIN, clock.now_ms()), clock, lambda: scans.append(1))
    assert scans == []

    class Enough(Exception):
        pass

    def start() -> None:
        scans.append(1)
        raise Enough

    one = Schedule(["12:01"], BERLIN, clock.now_ms())
    clock.advance(seconds=90)
    with pytest.raises(Enough):
        await schedule.run(one, clock, start)
    assert scans == [1]


def test_the_zone_of_this_machine_knows_its_summer_time() -> None:
    zone = schedule.local_zone()
    for month in (1, 7):
        there = datetime(2026, month, 1, 12, tzinfo=zone)
        assert there.utcoffset() == datetime(2026, month, 1, 12).astimezone().utcoffset()
