"""Tags made plain, also hostile ones."""

from __future__ import annotations

import time

from mediaserver.media.facts import clean


def test_nothing_in_a_name_turns_what_follows_around() -> None:
    assert clean("\u202eevil\u2066 name\u2069\u202c") == "evil name"
    assert clean("שלום \u200fעולם") == "שלום \u200fעולם", "marks for one letter belong to the writing"


def test_a_tag_of_a_megabyte_of_accents_takes_no_time() -> None:
    began_s = time.process_time()
    assert len(clean("x" + "\u0301\u0316" * 500_000)) <= 500
    assert time.process_time() - began_s < 1.0
