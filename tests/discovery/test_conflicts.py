"""Names that two want: each server ends up with one of its own, and no other program loses its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.discovery.neighbourhood import (
    eventually,
    needs_avahi,
    needs_namespaces,
    neighbourhood,
)

pytestmark = needs_namespaces


def called(found: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return sorted((one["name"], one["host"]) for one in found)


BOTH = [("Music", "music.local"), ("Music (2)", "music-2.local")]


def test_two_servers_of_one_name_share_a_house_and_keep_their_names(tmp_path: Path) -> None:
    with neighbourhood(tmp_path, a="10.99.0.1", b="10.99.0.2", c="10.99.0.3") as lan:
        both = {name: lan.serve(name) for name in "ab"}  # at the same moment, as after a power cut
        for server in both.values():
            server.says("In this network also at")
        found = eventually(lambda: lan.discover("c"), lambda found: called(found) == BOTH)
        second = next(one for one in found if one["name"] == "Music (2)")
        other, number = ("a", "10.99.0.1") if second["addresses"] == ["10.99.0.1"] else ("b", "10.99.0.2")
        assert second["addresses"] == [number]

        for server in both.values():
            server.end()
        again = lan.serve(other)  # the other is away now: the name is kept all the same
        again.says(r"In this network also at http://music-2\.local:4747")
        assert [(one["name"], one["id"]) for one in lan.discover("c")] == [("Music (2)", second["id"])]


@pytest.mark.long
def test_where_two_networks_are_joined_one_of_two_servers_moves_on(tmp_path: Path) -> None:
    with neighbourhood(tmp_path, a="10.99.0.1") as lan:
        lan.switch("upstairs")
        lan.machine("b", "10.99.0.2", "upstairs")
        servers = [lan.serve(name) for name in "ab"]
        for server in servers:
            server.says(r"In this network also at http://music\.local:4747")
        ids = {name: json.loads((tmp_path / name / "identity.json").read_bytes())["id"] for name in "ab"}
        lan.join("switch", "upstairs")
        lan.machine("c", "10.99.0.3")
        found = eventually(lambda: lan.discover("c"), lambda found: called(found) == BOTH)
        assert {one["name"]: one["id"] for one in found} == dict(
            zip(["Music", "Music (2)"], sorted(ids.values()), strict=True)
        )


@needs_avahi
def test_beside_the_machines_own_avahi_each_keeps_its_name(tmp_path: Path) -> None:
    with neighbourhood(tmp_path, pi="10.99.0.1", laptop="10.99.0.2") as lan:
        lan.avahi("pi", "music")  # the name that the server would like
        other = lan.avahi("laptop", "laptop")
        server = lan.serve("pi")
        server.says(r"In this network also at http://music-2\.local:4747")
        for name in ("music.local", "music-2.local"):
            ended = lan.on("laptop", "avahi-resolve", "-4", "-n", name, **other)
            assert ended.stdout == f"{name}\t10.99.0.1\n", ended.stderr
        assert [one["host"] for one in lan.discover("pi", timeout_s=3)] == ["music-2.local"]
        server.end()
        ended = lan.on("laptop", "avahi-resolve", "-4", "-n", "music.local", **other)
        assert ended.stdout == "music.local\t10.99.0.1\n", ended.stderr
        log = (tmp_path / "avahi-pi" / "log").read_text(encoding="utf-8")
        assert "Server startup complete. Host name is music.local." in log
        assert "conflict" not in log.lower()
