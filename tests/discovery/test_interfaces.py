"""Which addresses are announced."""

from __future__ import annotations

import pytest

from mediaserver.discovery.interfaces import LanAddress, served
from mediaserver.discovery.mdns import Announced, Announcer

ETH, WLAN = LanAddress("192.168.1.5", "eth0", 2), LanAddress("192.168.2.5", "wlan0", 3)
SIX, DIRECT = LanAddress("fd00::5", "eth0", 2), LanAddress("169.254.3.4", "eth1", 4)
ALL = [ETH, WLAN, SIX, DIRECT]


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        (["0.0.0.0"], [ETH, WLAN]),
        (["::"], [SIX]),
        (["0.0.0.0", "::"], [ETH, WLAN, SIX]),
        (["192.168.2.5"], [WLAN]),
        (["127.0.0.1"], []),
        (["::1"], []),
        (["169.254.3.4"], [DIRECT]),
        (["10.0.0.1", "fd00::5"], [SIX]),
    ],
)
def test_addresses_are_announced_where_a_socket_listens(bound: list[str], expected: list[LanAddress]) -> None:
    assert served(ALL, bound) == expected


def test_link_local_addresses_serve_where_there_is_nothing_else() -> None:
    assert served([DIRECT], ["0.0.0.0"]) == [DIRECT]


@pytest.mark.parametrize(
    ("bound", "is_enabled", "detail"),
    [
        (("127.0.0.1",), True, "nothing is announced, for only this machine reaches the server (server.host)"),
        (("127.0.0.1", "::1"), True, "nothing is announced, for only this machine reaches the server (server.host)"),
        (("0.0.0.0",), False, "switched off by discovery.enabled"),
    ],
)
async def test_what_is_not_to_be_announced_costs_nothing(
    tmp_path: pytest.TempPathFactory, bound: tuple[str, ...], is_enabled: bool, detail: str
) -> None:
    announcer = Announcer(Announced("Music", "1", bound, 4747), tmp_path, is_enabled=is_enabled)
    await announcer.run()
    announcer.leave()
    assert (announcer.status().state, announcer.status().detail) == ("off", detail)
    assert announcer.host_names == ()


@pytest.mark.parametrize(
    ("port", "path", "has_tls", "address"),
    [
        (4747, "/", False, "http://music.local:4747"),
        (80, "/", False, "http://music.local"),
        (443, "/music/", True, "https://music.local/music"),
        (80, "/", True, "https://music.local:80"),
    ],
)
def test_the_address_is_what_a_person_types(port: int, path: str, has_tls: bool, address: str) -> None:
    assert Announced("Music", "1", ("0.0.0.0",), port, path, has_tls).address("music.local") == address
