"""What is said when the server answers."""

from __future__ import annotations

import pytest

from mediaserver.cli.announcement import announcement

HOUSE = ["http://192.168.1.5:4747", "http://localhost:4747"]


def said(addresses: list[str], link: str | None, *, is_for_journal: bool = False) -> list[str]:
    return announcement("Music", addresses, link, is_for_journal=is_for_journal, drawn=lambda of: [f"<{of}>"])


def pictures(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("<")]


def test_one_picture_is_drawn_of_the_link_as_long_as_nobody_can_sign_in() -> None:
    lines = said(HOUSE, "secret")
    assert pictures(lines) == ["<http://192.168.1.5:4747/setup?link=secret>"]
    assert "  http://192.168.1.5:4747/setup?link=secret" in lines


def test_one_picture_is_drawn_of_the_address_afterwards() -> None:
    assert pictures(said(HOUSE, None)) == ["<http://192.168.1.5:4747>"]


@pytest.mark.parametrize("link", [None, "secret"])
def test_no_picture_is_drawn_where_no_phone_comes(link: str | None) -> None:
    lines = said(["http://127.0.0.1:4747"], link)
    assert pictures(lines) == []
    assert "Only this machine reaches it there: --host :: lets phones in." in lines


def test_what_devices_have_to_trust_is_pictured_before_the_link() -> None:
    def drawn(address: str) -> list[str]:
        return [f"<{address}>"]

    house, mark = ["https://192.168.1.5:4747"], ":".join(["AB"] * 32)
    first = announcement("Music", house, "secret", fingerprint=mark, is_for_journal=False, drawn=drawn)
    assert pictures(first) == ["<http://192.168.1.5:4747/trust>", "<https://192.168.1.5:4747/setup?link=secret>"]
    later = announcement("Music", house, None, fingerprint=mark, is_for_journal=False, drawn=drawn)
    assert pictures(later) == ["<http://192.168.1.5:4747/trust>"]
    assert (
        "".join(line.strip() for line in later if line.startswith("  AB")) == mark.replace(":", "", 0)[:47] + mark[48:]
    )


def test_the_journal_gets_neither_link_nor_picture() -> None:
    lines = said(HOUSE, "secret", is_for_journal=True)
    assert pictures(lines) == []
    assert not any("secret" in line for line in lines)
