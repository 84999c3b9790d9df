"""What has become worse in words, with what mends it; and for everybody without names."""

from __future__ import annotations

import pytest

from mediaserver.checkup.listening import judged, told, warnings
from mediaserver.listening.worse import What, Worse


@pytest.mark.parametrize(
    ("plays", "expected"),
    [
        (0, "no player has reported how it went"),
        (1, "as well as before, by one play that was reported"),
        (2480, "as well as before, by 2,480 plays that were reported"),
    ],
)
def test_where_nothing_is_worse_it_is_told_by_how_much_that_is_known(plays: int, expected: str) -> None:
    (one,) = judged([], plays)
    assert (one.state, one.told, one.remedy) == ("ok", expected, "")


@pytest.mark.parametrize(
    ("worse", "words", "mends"),
    [
        (Worse("stops", 24, 9, 40, 0.004), "9 of 40 plays of the last 24 hours stopped in the middle (22%)", "workers"),
        (Worse("starts", 3, 30, 60, 0.0, limit_ms=2600), "took more than 2.6 s to begin (50%)", "workers"),
        (Worse("fails", 72, 20, 20, 0.02), "failed (100%); in the four weeks before, 2.0%", "scan report"),
        (Worse("stops", 3, 9, 20, 0.0, network="wifi"), "before, none; most of them over Wi-Fi", "Wi-Fi"),
        (Worse("stops", 3, 9, 20, 0.0, network="cellular"), "most of them over mobile networks", "lower quality"),
        (Worse("fails", 3, 9, 20, 0.0, player="Radio", network="unknown"), "most of them with Radio", "with Radio"),
    ],
)
def test_it_is_told_what_where_and_what_mends_it(worse: Worse, words: str, mends: str) -> None:
    (one,) = judged([worse], 999)
    assert words in one.told
    assert mends in one.remedy
    assert (one.state, one.is_command) == ("warning", False)


def test_everybody_is_told_without_names_and_figures() -> None:
    kinds: tuple[What, ...] = ("stops", "starts", "fails")
    found = [Worse(what, 3, 9, 20, 0.0, player="Radio", network="wifi") for what in kinds]
    assert all("Radio" in told(one) for one in found)
    public = " ".join(warnings(found))
    assert "Radio" not in public
    assert not any(letter.isdigit() for letter in public)
    assert len(warnings(found)) == 3
