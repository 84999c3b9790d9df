"""Where a phone finds the server, and the picture of it."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import pytest
import segno

from mediaserver.cli.addresses import qr_code, reachable


@pytest.mark.parametrize(
    ("host", "port", "address"),
    [
        ("192.168.1.5", 4747, "http://192.168.1.5:4747"),
        ("music.house.example", 80, "http://music.house.example"),
        ("fd00::5", 4747, "http://[fd00::5]:4747"),
    ],
)
def test_one_address_is_told_as_it_is(host: str, port: int, address: str) -> None:
    assert reachable(host, port) == [address]


def test_tls_and_the_base_path_stand_in_the_address() -> None:
    assert reachable("fd00::5", 443, has_tls=True, base_path="/music") == ["https://[fd00::5]/music"]
    assert reachable("192.168.1.5", 80, has_tls=True) == ["https://192.168.1.5:80"]
    assert reachable("192.168.1.5", 443) == ["http://192.168.1.5:443"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_all_interfaces_are_told_by_addresses_that_others_reach_and_localhost_last(host: str) -> None:
    *others, last = reachable(host, 4747)
    assert last == "http://localhost:4747"
    for address in others:
        name = urlsplit(address).hostname
        assert name is not None
        if not name.endswith(".local"):
            ip = ipaddress.ip_address(name)
            assert ip.version == 4 or host == "::"
            assert not ip.is_loopback
            assert not ip.is_link_local


@pytest.mark.parametrize("coloured", [True, False])
def test_the_picture_is_the_code_cell_by_cell(coloured: bool) -> None:
    text = "http://192.168.1.5:4747/setup?link=abc"
    drawn = qr_code(text, coloured=coloured)
    inked = {" ": (False, False), "▀": (True, False), "▄": (False, True), "█": (True, True)}
    rows: list[list[bool]] = []
    for line in drawn.replace("\x1b[30;107m", "").replace("\x1b[0m", "").splitlines():
        pairs = [inked[character] for character in line]
        rows += [[upper is coloured for upper, _ in pairs], [lower is coloured for _, lower in pairs]]
    expected = [[bool(cell) for cell in row] for row in segno.make_qr(text, error="l").matrix_iter(border=2)]
    assert rows[: len(expected)] == expected
    assert not any(any(row) for row in rows[len(expected) :])
