"""Hours of the day in which the machine may be busy."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from mediaserver.sound.hours import Hours

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("spans", "open_at", "closed_at"),
    [
        (["01:00-06:00"], ["01:00", "05:59"], ["00:59", "06:00", "13:00"]),
        (["22:00-06:00"], ["22:00", "23:59", "00:00", "05:59"], ["06:00", "21:59"]),
        (["01:00-02:00", "13:00-14:00"], ["01:30", "13:30"], ["02:00", "12:59"]),
        ([], ["00:00", "12:00"], []),
    ],
)
def test_they_are_as_the_clock_on_the_wall_has_them(spans: list[str], open_at: list[str], closed_at: list[str]) -> None:
    hours = Hours(spans, BERLIN)
    for day in ("2026-01-10", "2026-07-10"):
        for times, are_now in ((open_at, True), (closed_at, False)):
            for one in times:
                now_ms = int(datetime.fromisoformat(f"{day} {one}").replace(tzinfo=BERLIN).timestamp() * 1000)
                assert hours.are_now(now_ms) is are_now, (day, one)
                assert (hours.wait_s(now_ms) == 0) is are_now
