"""Addresses, ports and multicast."""

from __future__ import annotations

import socket

from mediaserver.checkup import network
from mediaserver.discovery.interfaces import LanAddress


def test_a_port_that_another_has_is_told_with_the_command_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        found = network.port("127.0.0.1", number, is_ours=False)
        assert found.state == "bad"
        assert f"sport = :{number}" in found.remedy
        assert network.port("127.0.0.1", number, is_ours=True).state == "ok"
    assert network.port("127.0.0.1", number, is_ours=False).state == "ok"
    assert network.port("127.0.0.1", 0, is_ours=False).state == "ok"


def test_a_port_of_all_addresses_is_looked_at_on_both_kinds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert network.port("::", taken.getsockname()[1], is_ours=False).state == "bad"


def test_a_machine_in_no_network_is_told_but_where_that_is_wanted() -> None:
    assert network.judged_addresses([], "::").state == "warning"
    assert network.judged_addresses([], "127.0.0.1").state == "ok"
    one = LanAddress("192.168.1.7", "eth0", 2)
    assert network.judged_addresses([one], "::").told == "192.168.1.7"


def test_what_is_sent_from_an_address_that_is_not_here_does_not_come_back() -> None:
    assert not network.comes_back("192.0.2.254")


def test_discovery_without_multicast_is_a_warning_with_a_remedy() -> None:
    found = network.judged_discovery("unavailable", "multicast is not to be had: a firewall may keep it")
    assert (found.state, bool(found.remedy)) == ("warning", True)
    assert found.told.startswith("Multicast is not to be had")
    assert network.judged_discovery("announced", "announced as Music").state == "ok"
    assert network.multicast(is_wanted=False).state == "ok"
