"""When listening has become worse, and when it only looks so: a table of houses."""

from __future__ import annotations

from typing import Any

import pytest

from mediaserver.listening.figures import Play
from mediaserver.listening.worse import BEFORE_MS, HOUR_MS, LEAST_BEFORE, LEAST_PLAYS, Worse, judge, wilson_low
from tests.listening.test_figures import play

NOW_MS = 1_800_000_000_000
STALLED = {"stalls": 1, "stalled_ms": 2000}
FAILED = {"first_sound_ms": None, "is_failed": True, "played_ms": 0}


def spread(number: int, from_h: float, to_h: float, **fields: Any) -> list[Play]:
    """So many plays, evenly between two times: hours before now."""
    step_h = (from_h - to_h) / max(1, number)
    return [play(started_at_ms=NOW_MS - round((from_h - n * step_h) * HOUR_MS), **fields) for n in range(number)]


def lately(number: int, **fields: Any) -> list[Play]:
    return spread(number, 2.9, 0.1, **fields)


def before(number: int, **fields: Any) -> list[Play]:
    return spread(number, 600, 100, **fields)


WELL = before(400)
CASES: dict[str, tuple[list[Play], list[str]]] = {
    "nothing was ever played": ([], []),
    "all is well": ([*WELL, *lately(100)], []),
    "a quarter stops, which never did": ([*WELL, *lately(30), *lately(10, **STALLED)], ["stops"]),
    "all stops": ([*WELL, *lately(40, **STALLED)], ["stops"]),
    "a few of many stop: under the floor": ([*WELL, *lately(96), *lately(4, **STALLED)], []),
    "two of twenty stop: chance": ([*WELL, *lately(18), *lately(2, **STALLED)], []),
    "too few plays to say anything": ([*WELL, *lately(LEAST_PLAYS - 1, **STALLED)], []),
    "a new house: nothing to compare with": ([*before(LEAST_BEFORE - 1), *lately(40, **STALLED)], []),
    "a quarter stops, as ever": ([*before(300), *before(100, **STALLED), *lately(30), *lately(10, **STALLED)], []),
    "half stops, where an eighth did": (
        [*before(350), *before(50, **STALLED), *lately(50), *lately(50, **STALLED)],
        ["stops"],
    ),
    "it was worse hours ago and is well again": ([*WELL, *spread(40, 20, 4, **STALLED), *lately(20)], []),
    "a day with few plays is judged as a whole": (
        [*WELL, *spread(20, 23, 4, **STALLED), *lately(LEAST_PLAYS - 1)],
        ["stops"],
    ),
    "three days where one has too few": ([*WELL, *spread(20, 70, 25, **STALLED), *lately(5)], ["stops"]),
    "what is older than four weeks is no measure": (
        [*spread(400, 2 * BEFORE_MS / HOUR_MS, BEFORE_MS / HOUR_MS + 3), *lately(40, **STALLED)],
        [],
    ),
    "starts are slow that were quick": ([*WELL, *lately(30), *lately(10, first_sound_ms=4000)], ["starts"]),
    "one start in twenty is slow": ([*WELL, *lately(38), *lately(2, first_sound_ms=9000)], []),
    "starts take ten times as long and are quick still": ([*WELL, *lately(40, first_sound_ms=1000)], []),
    "starts are slow as ever": ([*before(400, first_sound_ms=5000), *lately(40, first_sound_ms=6000)], []),
    "starts are far slower than slow": (
        [*before(400, first_sound_ms=5000), *lately(40, first_sound_ms=11_000)],
        ["starts"],
    ),
    "gaps between tracks are no starts": ([*WELL, *lately(40, first_sound_ms=9000, is_followed=True)], []),
    "plays fail": ([*WELL, *lately(30), *lately(10, **FAILED)], ["fails"]),
    "everything at once": (
        [*WELL, *lately(20, **FAILED), *lately(40, **STALLED, first_sound_ms=8000)],
        ["stops", "fails", "starts"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_house_is_judged_by_what_it_was(name: str) -> None:
    plays, expected = CASES[name]
    assert [one.what for one in judge(plays, NOW_MS)] == expected


def test_what_stands_does_not_come_and_go() -> None:
    """Where four of a hundred stopped, nineteen of a hundred end an alarm that would begin at a quarter."""
    usual = [*before(360), *before(40, **STALLED)]
    rising = [*usual, *lately(74), *lately(26, **STALLED)]
    assert judge(rising, NOW_MS) == []
    assert [one.what for one in judge(rising, NOW_MS, {"stops"})] == ["stops"]
    assert judge([*usual, *lately(85), *lately(15, **STALLED)], NOW_MS, {"stops"}) == []


def test_it_is_told_how_many_of_what_and_where_most_of_them_are() -> None:
    plays = [
        *WELL,
        *lately(60, player="Page", network="wifi"),
        *lately(20, player="Radio", network="cellular", **STALLED),
        *lately(4, player="Page", network="cellular", **STALLED),
    ]
    (one,) = judge(plays, NOW_MS)
    assert one == Worse("stops", 3, 24, 84, 0.0, player="Radio", network="cellular")


def test_a_house_with_one_player_is_told_nothing_of_it() -> None:
    (one,) = judge([*WELL, *lately(30), *lately(10, **STALLED)], NOW_MS)
    assert (one.player, one.network) == ("", "")


@pytest.mark.parametrize(("bad", "number"), [(1, 20), (4, 20), (10, 40), (30, 1000), (399, 400)])
def test_what_a_share_surely_exceeds_is_the_least_from_which_chance_would_lead_so_far(bad: int, number: int) -> None:
    low, share = wilson_low(bad, number), bad / number
    assert 0 < low < share
    assert share - low == pytest.approx(1.645 * (low * (1 - low) / number) ** 0.5)


def test_no_bad_play_surely_exceeds_nothing() -> None:
    assert wilson_low(0, 0) == wilson_low(0, 20) == 0.0
