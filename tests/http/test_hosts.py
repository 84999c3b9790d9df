"""Names under which the server answers, proxies that may tell others, and addresses of both families."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import aiohttp
import pytest

from mediaserver.core.errors import Unavailable
from mediaserver.core.machine import own_addresses, own_names
from mediaserver.http.base.hosts import Hosts
from mediaserver.http.base.listening import open_sockets, raise_open_files_limit
from tests.server import PASSWORD, Running, running

LABEL = socket.gethostname().partition(".")[0]
has_ipv6 = socket.has_ipv6 and Path("/proc/net/if_inet6").exists()


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("127.0.0.1:4747", True),
        ("192.168.1.5", True),
        ("203.0.113.9:80", True),
        ("[::1]:4747", True),
        ("[fd00::5]", True),
        ("[fe80::1%eth0]:4747", True),
        ("[fe80::1%25eth0]", True),
        ("localhost:4747", True),
        ("music.localhost", True),
        ("LocalHost.", True),
        (LABEL, True),
        (f"{LABEL}.local:4747", True),
        (f"{LABEL.upper()}.fritz.box", True),
        ("music.example.org", True),
        ("Music.Example.Org.:443", True),
        ("house.local", True),
        ("evil.example", False),
        (f"{LABEL}.evil.example", False),
        ("sub.music.example.org", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("other.local", False),
        ("2130706433", False),
        ("0x7f.1", False),
        ("", False),
        ("[::1", False),
        ("music.example.org:port", False),
        ("evil.example@music.example.org", False),
        ("music.example.org/x", False),
        ("music.example.org,evil.example", False),
    ],
)
def test_names_of_the_house_and_all_addresses_are_known(host: str, is_known: bool) -> None:
    hosts = Hosts([*own_names(), "Music.example.org"])
    hosts.announced = lambda: ["House.local"]
    assert hosts.knows(host) is is_known


async def ask(house: Running, path: str, **headers: str) -> tuple[int, str, aiohttp.typedefs.LooseHeaders]:
    async with house.client.get(house.base + path, headers=headers, allow_redirects=False) as answer:
        return answer.status, await answer.text(), answer.headers


async def test_a_strangers_name_reaches_nothing_and_is_told_what_to_set(house: Running) -> None:
    token = await house.sign_up()
    for path in ("/", "/api/v1/me", "/healthz", "/sign-in", "/static/x/js/main.js", "/nowhere", "/e/a/b/c/d"):
        status, body, _ = await ask(house, path, Host="rebound.example", Authorization=f"Bearer {token}")
        assert status == 421, path
        assert 'server.names = ["rebound.example"]' in json.loads(body)["detail"]
    status, body, headers = await ask(house, "/", Host="rebound.example", Accept="text/html,*/*")
    assert status == 421
    assert "names = [&quot;rebound.example&quot;]" in body
    assert "script" not in headers["Content-Security-Policy"]  # type: ignore[index, call-overload]
    for odd in ("<script>odd", "odd b", "oddé"):
        status, body, _ = await ask(house, "/", Host=odd, Accept="text/html")
        assert status == 400
        assert "odd" not in body, "nothing of it is repeated"


async def test_without_a_host_only_the_oldest_clients_are_answered(house: Running) -> None:
    import asyncio

    for version, status in (("1.0", b"200"), ("1.1", b"400")):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
        writer.write(f"GET /healthz HTTP/{version}\r\n\r\n".encode())
        assert (await reader.readline()).split()[1] == status
        writer.close()


async def test_a_forwarded_host_counts_behind_a_trusted_proxy_alone(seeded_library: Path, tmp_path: Path) -> None:
    names = {"names": ["music.example.org"]}
    for trusted, answered in (((), 403), (("127.0.0.0/8",), 200)):
        server = {"host": "127.0.0.1", "port": 0, "trusted_proxies": trusted, **names}
        async with running(seeded_library, tmp_path / f"data{answered}", server=server) as house:
            await house.sign_up()
            headers = {"Origin": "https://music.example.org", "X-Forwarded-Host": "music.example.org"}
            body = {"name": "Admin", "password": PASSWORD}
            async with house.client.post(f"{house.base}/api/v1/session", json=body, headers=headers) as answer:
                assert answer.status == answered, await answer.text()
            status, _, _ = await ask(house, "/healthz", **{"X-Forwarded-Host": "evil.example"})
            assert status == (421 if trusted else 200)


@pytest.mark.skipif(not has_ipv6, reason="left out: this machine has no IPv6")
async def test_by_default_it_answers_on_both_families_at_one_port(seeded_library: Path, tmp_path: Path) -> None:
    async with running(seeded_library, tmp_path / "data", server={"host": "::", "port": 0}) as house:
        token = await house.sign_up()
        for at in (f"http://127.0.0.1:{house.server.port}", f"http://[::1]:{house.server.port}"):
            async with house.client.get(f"{at}/healthz") as answer:
                assert answer.status == 200
            headers = {"Origin": at}
            body = {"name": "Admin", "password": PASSWORD}
            async with house.client.post(f"{at}/api/v1/session", json=body, headers=headers) as answer:
                assert answer.status == 200
        sessions = await house.json("/api/v1/sessions", token)
        assert {one["address"] for one in sessions["items"]} == {"127.0.0.1", "::1"}


@pytest.mark.skipif(not has_ipv6, reason="left out: this machine has no IPv6")
def test_localhost_means_both_loopbacks_at_one_port() -> None:
    opened = open_sockets("localhost", 0)
    try:
        assert len({one.getsockname()[1] for one in opened}) == 1
        assert {one.getsockname()[0] for one in opened} <= {"127.0.0.1", "::1"}
        with pytest.raises(Unavailable, match="address already in use; --port chooses another"):
            open_sockets("127.0.0.1", _listening(opened))
    finally:
        for one in opened:
            one.close()


def _listening(opened: list[socket.socket]) -> int:
    """Only a socket that listens keeps others from its port."""
    for one in opened:
        one.listen()
    port: int = opened[0].getsockname()[1]
    return port


def test_the_addresses_of_this_machine_begin_with_loopback() -> None:
    assert own_addresses()[:2] == ["127.0.0.1", "::1"]
    assert not any("%" in one for one in own_addresses())


def test_as_many_files_as_the_system_allows_may_be_open() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (512, before[1]))
        assert raise_open_files_limit() == min(8192, before[1])
        assert raise_open_files_limit() == min(8192, before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
