"""Where multicast is not to be had, the server says so once, and plays."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.discovery.neighbourhood import (
    Neighbourhood,
    Server,
    eventually,
    needs_namespaces,
    neighbourhood,
)

pytestmark = needs_namespaces

ASK = "import json, urllib.request as r; print(json.load(r.urlopen('http://127.0.0.1:4747/healthz'))['status'])"
KEEP_PORT = """
import socket, time
kept = socket.socket(type=socket.SOCK_DGRAM)
kept.bind(("", 5353))
print("kept", flush=True)
time.sleep(600)
"""
CHAIN = "add chain inet wall in { type filter hook input priority 0; }"
LOST = "mediaserver.discovery.mdns: multicast is not to be had: "


def answers(lan: Neighbourhood, name: str) -> bool:
    return lan.on(name, sys.executable, "-c", ASK).stdout == "ok\n"


def said_once(server: Server, what: str) -> bool:
    return len(re.findall(re.escape(LOST), server.said)) == 1 and LOST + what in server.said


def test_without_a_network_it_answers_and_is_announced_when_one_comes(tmp_path: Path) -> None:
    with neighbourhood(tmp_path, other="10.99.0.2") as lan:
        lan.machine("pi", None)
        lan.ip("pi", "link", "set", "lan0", "down")
        server = lan.serve("pi")
        server.says(LOST)
        assert answers(lan, "pi")
        assert said_once(server, "this machine is in no network that has it")
        lan.ip("pi", "link", "set", "lan0", "multicast", "off", "up")
        lan.ip("pi", "addr", "add", "10.99.0.1/24", "dev", "lan0")
        assert lan.discover("other") == []
        assert said_once(server, "this machine is in no network that has it")
        lan.ip("pi", "link", "set", "lan0", "multicast", "on")
        server.says("announced as Music at http://music.local:4747")
        eventually(lambda: lan.discover("other"), lambda found: [one["addresses"] for one in found] == [["10.99.0.1"]])
        server.end()
        assert server.process.returncode == 0


def test_where_another_keeps_the_port_it_says_so_and_answers(tmp_path: Path) -> None:
    with neighbourhood(tmp_path, pi="10.99.0.1") as lan:
        kept = tmp_path / "kept"
        with kept.open("wb") as file:
            lan.start("pi", sys.executable, "-c", KEEP_PORT, output=file)
        eventually(kept.read_text, lambda text: "kept" in text)
        server = lan.serve("pi")
        server.says(LOST)
        assert said_once(server, "another program keeps UDP port 5353 for itself")
        assert answers(lan, "pi")
        ended = lan.on("pi", sys.executable, "-m", "mediaserver", "discover")
        assert ended.returncode == 1
        assert ended.stderr.startswith("mediaserver: multicast is not to be had: another program keeps UDP port 5353")
        assert ended.stderr.count("\n") == 1
        server.end()
        assert server.process.returncode == 0


@pytest.mark.skipif(shutil.which("nft") is None, reason="left out: a firewall needs nftables")
def test_a_firewall_that_keeps_what_comes_in_is_told(tmp_path: Path) -> None:
    with neighbourhood(tmp_path, pi="10.99.0.1") as lan:
        lan.on("pi", "nft", "add table inet wall; " + CHAIN, check=True)
        lan.on("pi", "nft", "add rule inet wall in udp dport 5353 drop", check=True)
        server = lan.serve("pi")
        server.says(LOST)
        assert said_once(server, "what this machine sends to UDP port 5353 does not come back to it")
        assert answers(lan, "pi")
        server.end()
        assert server.process.returncode == 0
