"""Tags made plain, also hostile ones."""

from __future__ import annotations

import time

import pytest

from mediaserver.media.facts import clean, names


def test_nothing_in_a_name_turns_what_follows_around() -> None:
    assert clean("\u202eevil\u2066 name\u2069\u202c") == "evil name"
    assert clean("שלום \u200fעולם") == "שלום \u200fעולם", "marks for one letter belong to the writing"


def test_a_tag_of_a_megabyte_of_accents_takes_no_time() -> None:
    began_s = time.process_time()
    assert len(clean("x" + "\u0301\u0316" * 500_000)) <= 500
    assert time.process_time() - began_s < 1.0


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("One\nTwo\r\nThree\x00\x1b[31m\u2028Four", "One Two Three [31m Four"),
        ("  wide   gaps ", "wide gaps"),
        ("x" * 10_000, "x" * 500),
        ("👩\u200d👧", "👩\u200d👧"),
        ("\u202eturned", "turned"),
    ],
)
def test_a_name_is_one_line_of_bounded_length_and_otherwise_as_it_was_written(value: str, name: str) -> None:
    assert names([value]) == (name,)


def test_names_that_nobody_can_see_are_none() -> None:
    assert names(["", " \t", "\u200b\u200d\ufeff", "\u202e \u2069", "seen", "seen"]) == ("seen",)
