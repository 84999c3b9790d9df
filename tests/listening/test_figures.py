"""Plays in figures: percentiles by rank, shares, and what weighs how much."""

from __future__ import annotations

from typing import Any

import pytest

from mediaserver.listening.figures import Play, figures, grouped, percentile


def play(**fields: Any) -> Play:
    told = {
        "started_at_ms": 0,
        "first_sound_ms": 100,
        "is_followed": False,
        "played_ms": 60_000,
        "stalls": 0,
        "stalled_ms": 0,
        "switches": 0,
        "bitrate_bps": None,
        "player": "Page",
        "network": "unknown",
        "is_failed": False,
        **fields,
    }
    return Play(**told)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([], 0.5, None),
        ([7], 0.95, 7),
        ([1, 2], 0.5, 1),
        ([3, 1, 2], 0.5, 2),
        (list(range(1, 101)), 0.95, 95),
        (list(range(1, 21)), 0.95, 19),
        (list(range(1, 20)), 0.95, 19),
    ],
)
def test_a_percentile_is_one_of_the_values(values: list[int], share: float, expected: int | None) -> None:
    assert percentile(values, share) == expected


def test_nothing_played_gives_figures_of_nothing() -> None:
    none = figures([])
    assert (none.plays, none.stalled_share, none.stalled_s_per_h) == (0, 0.0, 0.0)
    assert (none.first_sound_median_ms, none.first_sound_p95_ms, none.gap_p95_ms, none.bitrate_bps) == (None,) * 4


def test_first_sounds_are_those_of_plays_that_somebody_began_and_gaps_those_of_the_others() -> None:
    found = figures(
        [
            play(first_sound_ms=200),
            play(first_sound_ms=900),
            play(first_sound_ms=None),
            *(play(first_sound_ms=0, is_followed=True) for _ in range(19)),
            play(first_sound_ms=5000, is_followed=True),
        ]
    )
    assert (found.first_sound_median_ms, found.first_sound_p95_ms, found.gap_p95_ms) == (200, 900, 0)
    assert found.plays == 23


def test_stalls_are_told_for_an_hour_of_sound_and_bit_rates_by_how_long_they_were_heard() -> None:
    found = figures(
        [
            play(played_ms=1_800_000, stalls=2, stalled_ms=6000, bitrate_bps=300_000, switches=3),
            play(played_ms=600_000, bitrate_bps=100_000),
            play(played_ms=1_200_000, bitrate_bps=None),
            play(played_ms=0, first_sound_ms=None, is_failed=True, bitrate_bps=9),
        ]
    )
    assert (found.stalls, found.stalled, found.stalled_share, found.stalled_s_per_h) == (2, 1, 0.25, 6.0)
    assert (found.bitrate_bps, found.switches, found.failed, found.listened_ms) == (250_000, 3, 1, 3_600_000)


def test_groups_come_with_those_of_most_plays_first() -> None:
    plays = [play(network=name) for name in ("wifi", "cellular", "wifi")]
    assert [(name, one.plays) for name, one in grouped(plays, lambda one: one.network).items()] == [
        ("wifi", 2),
        ("cellular", 1),
    ]
