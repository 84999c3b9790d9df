from __future__ import annotations

import pytest

from mediaserver.core.text import folded, identity_key, search_words, sort_key


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("The Beatles", "beatles"),
        ("The  The", "the"),
        ("A", "a"),
        ("Björk", "bjork"),
        ("Łódź Øre", "lodz ore"),
        ("ＡＢＣ", "abc"),
        ("", ""),
        ("İstanbul", "istanbul"),
    ],
)
def test_sort_keys_leave_out_articles_accents_and_case(text: str, key: str) -> None:
    assert sort_key(text) == key


def test_two_spellings_of_one_name_have_one_identity_and_accents_count() -> None:
    assert identity_key("Sigur  RÓS ") == identity_key("sigur ro\u0301s")
    assert identity_key("Bjork") != identity_key("Björk")


def test_words_of_scripts_without_spaces_stand_alone() -> None:
    assert search_words("夜の海 Live!") == ["夜", "の", "海", "live"]
    assert search_words("AC/DC - Back_in Black (1980)") == ["ac", "dc", "back", "in", "black", "1980"]


def test_folding_twice_changes_nothing() -> None:
    for text in ("Straße", "ﬁancé", "ΣΊΣΥΦΟΣ", "मुंबई", "ǅ"):
        assert folded(folded(text)) == folded(text)
