"""Found from another machine: by `mediaserver discover`, by avahi, under changing addresses, until the end."""

from __future__ import annotations

import json
import re
import signal
import sys
import time
from collections.abc import Iterator

import pytest

from mediaserver import __version__
from tests.discovery.neighbourhood import (
    PORT,
    Neighbourhood,
    Server,
    eventually,
    mediaserver,
    needs_avahi,
    needs_namespaces,
    neighbourhood,
)

pytestmark = needs_namespaces
PI, LAPTOP = "10.99.0.1", "10.99.0.2"


@pytest.fixture(scope="module")
def lan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbourhood]:
    """A Pi and a laptop."""
    with neighbourhood(tmp_path_factory.mktemp("lan"), pi=PI, laptop=LAPTOP) as made:
        yield made


@pytest.fixture(scope="module")
def server(lan: Neighbourhood) -> Server:
    """On the Pi, announced; all tests here share it."""
    started = lan.serve("pi", MEDIASERVER_SERVER__NAME="Müller’s Music No. 1")
    started.says(r"In this network also at http://muller-s-music-no-1\.local:4747\n")
    return started


@pytest.fixture(scope="module")
def avahi(lan: Neighbourhood) -> dict[str, str]:
    """On the laptop."""
    return lan.avahi("laptop", "laptop")


def test_it_is_found_with_all_that_it_tells(lan: Neighbourhood, server: Server) -> None:
    found = lan.discover("laptop")
    identity = json.loads((lan.folder / "pi" / "identity.json").read_bytes())
    assert found == [
        {
            "name": "Müller’s Music No 1",
            "url": f"http://{PI}:{PORT}/",
            "host": "muller-s-music-no-1.local",
            "addresses": [PI],
            "port": PORT,
            "path": "/",
            "version": __version__,
            "tls": False,
            "id": identity["id"],
        }
    ]
    ended = lan.on("laptop", *mediaserver("discover", "--timeout", "1.5"))
    assert ended.returncode == 0, ended.stderr
    head, row = ended.stdout.splitlines()
    assert head.split() == ["NAME", "ADDRESS", "HOST", "VERSION", "TLS", "ID"]
    assert row.startswith(f"Müller’s Music No 1  http://{PI}:{PORT}/  ")
    assert row.endswith(f"  {identity['id']}")
    assert head.index("ADDRESS") == row.index("http")


def test_it_is_found_on_its_own_machine_as_well(lan: Neighbourhood, server: Server) -> None:
    assert [one["addresses"] for one in lan.discover("pi", timeout_s=3)] == [[PI]]


@needs_avahi
def test_avahi_sees_both_services_the_txt_records_and_the_name(
    lan: Neighbourhood, server: Server, avahi: dict[str, str]
) -> None:
    for kind in ("_mediaserver._tcp", "_http._tcp"):
        ended = lan.on("laptop", "avahi-browse", "-rtpk", kind, **avahi)
        row = next(line for line in ended.stdout.splitlines() if line.startswith("="))
        _, interface, protocol, name, seen, domain, host, ip, port, txt = row.split(";", 9)
        assert (interface, protocol, seen, domain) == ("lan0", "IPv4", kind, "local")
        raw = re.sub(rb"\\(\d{3})", lambda match: bytes([int(match.group(1))]), name.encode())
        assert raw.decode() == "Müller’s Music No 1"
        assert (host, ip, port) == ("muller-s-music-no-1.local", PI, str(PORT))
        told = dict(item.split("=", 1) for item in re.findall(r'"([^"]*)"', txt))
        assert re.fullmatch("[0-9a-f]{16}", told.pop("id"))
        assert told == {"version": __version__, "path": "/", "tls": "0"}
    ended = lan.on("laptop", "avahi-resolve", "-n", "muller-s-music-no-1.local", **avahi)
    assert ended.stdout == f"muller-s-music-no-1.local\t{PI}\n", ended.stderr


@pytest.mark.parametrize(
    ("host", "status"), [("muller-s-music-no-1.local", 200), ("MULLER-S-MUSIC-NO-1.local.", 200), ("other.local", 421)]
)
def test_it_answers_to_the_name_that_it_announces(lan: Neighbourhood, server: Server, host: str, status: int) -> None:
    ask = (
        "import http.client as h, sys; c = h.HTTPConnection(*sys.argv[1:3]);"
        "c.request('GET', '/sign-in', headers={'Host': sys.argv[3]}); print(c.getresponse().status)"
    )
    ended = lan.on("laptop", sys.executable, "-c", ask, PI, str(PORT), f"{host}:{PORT}")
    assert ended.stdout == f"{status}\n", ended.stderr


def test_tls_and_the_base_path_are_told_and_the_certificate_bears_the_name(lan: Neighbourhood, server: Server) -> None:
    settings = {"TLS": "own", "BASE_PATH": "/music", "NAME": "Attic"}
    attic = lan.serve("laptop", **{f"MEDIASERVER_SERVER__{name}": value for name, value in settings.items()})
    attic.says(rf"In this network also at https://attic\.local:{PORT}/music\n")
    try:
        # The answer to the first question may go to the server here; the second, a second later, is for all.
        seen = eventually(
            lambda: {one["name"]: one for one in lan.discover("pi", timeout_s=3)}, lambda found: "Attic" in found
        )
        found = seen["Attic"]
        assert (found["url"], found["path"], found["tls"]) == (f"https://{LAPTOP}:{PORT}/music/", "/music/", True)
        address = f"{LAPTOP}:{PORT}/music"
        authority = lan.folder / "authority.crt"
        assert lan.on("pi", "curl", "-sf", "-o", authority, f"http://{address}/trust/authority.crt").returncode == 0
        at = ["--resolve", f"attic.local:{PORT}:{LAPTOP}", f"https://attic.local:{PORT}/music/healthz"]
        ask = ["curl", "-s", "--cacert", authority, *at]
        eventually(lambda: lan.on("pi", *ask).stdout, lambda told: '"status"' in told)
    finally:
        attic.process.terminate()
        attic.process.wait(60)


WATCH = """
import asyncio
from mediaserver.discovery.interfaces import AddressWatch, lan_addresses
async def main():
    watch = AddressWatch(lambda: print(*[one.ip for one in lan_addresses()], flush=True))
    print("watching", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def test_the_system_tells_of_changes_nobody_has_to_look(lan: Neighbourhood) -> None:
    told = lan.folder / "told"
    with told.open("wb") as file:
        lan.start("laptop", sys.executable, "-c", WATCH, output=file)
    eventually(told.read_text, lambda text: text == "watching\n")
    lan.ip("laptop", "addr", "add", "10.99.0.4/24", "dev", "lan0")
    eventually(told.read_text, lambda text: text.endswith(f"\n{LAPTOP} 10.99.0.4\n"), limit_s=20)
    lan.ip("laptop", "link", "set", "lan0", "down")
    eventually(told.read_text, lambda text: text.endswith("\n\n"), limit_s=20)
    lan.ip("laptop", "link", "set", "lan0", "up")
    lan.ip("laptop", "addr", "del", "10.99.0.4/24", "dev", "lan0")
    eventually(told.read_text, lambda text: text.endswith(f"\n{LAPTOP}\n"), limit_s=20)


def test_addresses_that_come_and_go_are_seen_by_others(lan: Neighbourhood, server: Server) -> None:
    lan.ip("pi", "addr", "add", "10.99.0.77/24", "dev", "lan0")
    eventually(
        lambda: lan.discover("laptop"), lambda found: [one["addresses"] for one in found] == [[PI, "10.99.0.77"]]
    )
    lan.ip("pi", "addr", "del", "10.99.0.77/24", "dev", "lan0")
    found = eventually(lambda: lan.discover("laptop"), lambda found: [one["addresses"] for one in found] == [[PI]])
    assert found[0]["name"] == "Müller’s Music No 1"


@needs_avahi
def test_it_withdraws_at_its_end(lan: Neighbourhood, server: Server, avahi: dict[str, str]) -> None:
    seen = lan.folder / "seen"
    with seen.open("wb") as file:
        lan.start("laptop", "avahi-browse", "-p", "_mediaserver._tcp", output=file, **avahi)
    eventually(seen.read_text, lambda text: text.count("+;") == 1)
    began = time.monotonic()
    server.end(signal.SIGTERM)
    assert server.process.returncode == 0
    eventually(seen.read_text, lambda text: text.count("-;") == 1, limit_s=30)
    assert time.monotonic() - began < 60  # records live for 120 s and longer where nobody withdraws them
    ended = lan.on("laptop", *mediaserver("discover", "--timeout", "1"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "mediaserver: no server answered in this network within 1 s\n"


def test_where_there_is_no_network_discover_says_so(lan: Neighbourhood) -> None:
    lan.machine("alone", None, switch=None)
    ended = lan.on("alone", *mediaserver("discover"))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "mediaserver: multicast is not to be had: this machine is in no network that has it\n"


def test_of_several_addresses_only_the_one_at_which_it_answers_is_announced(lan: Neighbourhood) -> None:
    lan.ip("laptop", "addr", "add", "10.99.0.3/24", "dev", "lan0")
    started = lan.serve("laptop", "--host", LAPTOP)
    started.says(r"In this network also at http://music\.local:4747\n")
    assert [one["addresses"] for one in lan.discover("pi")] == [[LAPTOP]]
    started.end()


def test_it_ends_quickly_also_while_it_looks_for_a_name(lan: Neighbourhood) -> None:
    moments = ("Music is at", "announced as")
    for moment, started in [(one, lan.serve("pi", "--port", "0", data=one)) for one in moments]:
        started.says(moment)
        began = time.monotonic()
        started.end()
        assert time.monotonic() - began < 20
        assert started.process.returncode == 0, started.said
        assert "Traceback" not in started.said
