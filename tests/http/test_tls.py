"""TLS at the server's one port: its own authority, given certificates, and what is said without TLS there."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
import ssl
import subprocess
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from mediaserver.http.base.connections import LIMITS
from mediaserver.http.pages.trust import device_of
from tests.cli.command import Command
from tests.nginx import OPERATING
from tests.server import PASSWORD, Running, bearer, running
from tests.tls.test_given import made

LIMIT_S = 60.0


@pytest_asyncio.fixture
async def house(seeded_library: Path, tmp_path: Path, database_url: str) -> AsyncIterator[Running]:
    """With an authority of its own; `base` is https, and the client trusts nobody else."""
    server = {"host": "127.0.0.1", "port": 0, "tls": "own"}
    async with running(seeded_library, tmp_path / "data", database_url, server=server) as up:
        assert up.server.certificates is not None
        assert up.server.certificates.root is not None
        context = ssl.create_default_context(cadata=up.server.certificates.root.pem.decode())
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as client:
            yield Running(up.server, f"https://127.0.0.1:{up.server.port}", client, up.data_dir)


def plain(house: Running) -> str:
    return house.base.replace("https:", "http:")


async def test_names_and_addresses_are_trusted_and_cookies_are_secure(house: Running) -> None:
    token = await house.sign_up()
    for at in (house.base, f"https://localhost:{house.server.port}"):
        async with house.client.get(f"{at}/api/v1/me", headers=bearer(token)) as answer:
            assert answer.status == 200
            assert "Strict-Transport-Security" not in answer.headers
            assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    body = {"name": "Admin", "password": PASSWORD}
    async with house.client.post(f"{house.base}/api/v1/session", json=body, headers={"Origin": house.base}) as answer:
        assert answer.cookies["mediaserver_session"]["secure"]


async def test_without_tls_it_leads_to_https_and_takes_nothing(house: Running) -> None:
    token = await house.sign_up()
    for path in ("/", "/albums?sort=added", "/api/v1/albums", "/nowhere", "/e/a/b/c/d"):
        async with house.client.get(plain(house) + path, headers=bearer(token), allow_redirects=False) as answer:
            assert answer.status == 307
            assert answer.headers["Location"] == house.base + path
            assert answer.headers["Cache-Control"] == "no-store"
    for method, path in (("POST", "/api/v1/session"), ("DELETE", "/api/v1/session"), ("POST", "/api/v1/setup")):
        async with house.client.request(method, plain(house) + path, json={}) as answer:
            assert answer.status == 403
            assert "https alone" in (await answer.json(content_type=None))["detail"]
    for path in ("/healthz", "/readyz", "/favicon.ico"):
        async with house.client.get(plain(house) + path) as answer:
            assert answer.status == 200
    headers = {"Host": "evil.example"}
    async with house.client.get(plain(house), headers=headers, allow_redirects=False) as answer:
        assert answer.status == 421, "no redirect to a stranger's name"


async def test_it_tells_how_to_trust_it_before_anybody_does(house: Running) -> None:
    assert house.server.certificates is not None
    root = house.server.certificates.root
    assert root is not None
    async with house.client.get(f"{plain(house)}/trust", headers={"User-Agent": "x Android x"}) as answer:
        text = await answer.text()
    shown = "".join(re.findall(r"<span>([0-9A-F ]{23})</span>", text)).replace(" ", "")
    assert shown == root.fingerprint.replace(":", "")
    assert re.findall(r"<details open><summary>([^<]*)", text) == ["Android"]
    for path in re.findall(r'(?:href|src)="(/(?:static|trust)[^"]*)"', text):
        async with house.client.get(plain(house) + path) as answer:
            assert answer.status == 200, path
    async with house.client.get(f"{plain(house)}/trust/authority.crt") as answer:
        assert answer.content_type == "application/x-x509-ca-cert"
        assert await answer.read() == root.pem
    async with house.client.get(f"{plain(house)}/trust/authority.pem") as answer:
        assert answer.status == 404


async def test_without_an_authority_there_is_nothing_to_trust(seeded_library: Path, tmp_path: Path) -> None:
    async with running(seeded_library, tmp_path / "data") as up:
        for path in ("/trust", "/trust/authority.crt"):
            async with up.client.get(up.base + path) as answer:
                assert answer.status == 404
                assert "server.tls" in (await answer.json(content_type=None))["detail"]


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Safari/604.1", "ios"),
        ("Mozilla/5.0 (Linux; Android 14; Pixel 8) Chrome/120 Mobile", "android"),
        ("Mozilla/5.0 (Android 14; Mobile; rv:130.0) Gecko/130.0 Firefox/130.0", "android"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0", "firefox"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120", "windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Safari/605", "macos"),
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/120", "linux"),
        ("curl/8", ""),
        ("", ""),
    ],
)
def test_each_device_sees_its_own_steps(agent: str, device: str) -> None:
    assert device_of(agent) == device


@pytest.mark.parametrize(("newest", "is_let_in"), [("TLSv1_1", False), ("TLSv1_2", True), ("TLSv1_3", True)])
async def test_only_tls_of_today_is_spoken(house: Running, newest: str, is_let_in: bool) -> None:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion[newest]
    context.set_ciphers("ALL:@SECLEVEL=0")
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", house.server.port, ssl=context)
    except (ssl.SSLError, ConnectionError):
        assert not is_let_in
        return
    assert is_let_in
    assert ("ECDHE" in writer.get_extra_info("cipher")[0]) is (newest == "TLSv1_2")
    writer.close()


async def test_what_only_begins_like_tls_is_let_go_and_not_logged(
    house: Running, caplog: pytest.LogCaptureFixture
) -> None:
    for garbage in (b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x16" * 4000):
        reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
        writer.write(garbage)
        writer.write_eof()
        async with asyncio.timeout(LIMIT_S):
            while await reader.read(1000):
                pass
        writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
    writer.close()
    async with house.client.get(f"{house.base}/healthz") as answer:
        assert answer.status == 200
    assert [one for one in caplog.records if one.levelname in ("WARNING", "ERROR")] == []


async def test_a_crowd_that_says_nothing_is_bounded_and_stops_nobody(house: Running) -> None:
    port = house.server.port
    crowd = []
    for n in range(LIMITS.most_waiting + 50):
        crowd.append(await asyncio.open_connection("127.0.0.1", port))
        if n % 2:
            crowd[-1][1].write(b"\x16\x03\x01")
    async with house.client.get(f"{house.base}/healthz") as answer:
        assert answer.status == 200
    async with asyncio.timeout(LIMIT_S):
        while sum(reader.at_eof() for reader, _ in crowd) < 50:
            await asyncio.sleep(0.02)
    for _, writer in crowd:
        writer.close()


@pytest.fixture
def command(tmp_path: Path, database_url: str) -> Command:
    return Command(tmp_path / "data", database_url)


# As processes ---------------------------------------------------------------------------------------------------------


async def curl(*arguments: str) -> tuple[int | None, bytes]:
    if shutil.which("curl") is None:
        pytest.skip("left out: curl is not installed")
    words = ("curl", "--silent", "--show-error", "--max-time", "60", *arguments)
    process = await asyncio.create_subprocess_exec(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out, _ = await process.communicate()
    return process.returncode, out


def of_the_page() -> list[str]:
    """The commands about encryption that change nothing on the machine."""
    section = OPERATING.read_text(encoding="utf-8").partition("\n## Encryption")[2].partition("\n## ")[0]
    lines = "".join(re.findall(r"^```sh\n(.*?)^```", section, re.M | re.S)).splitlines()
    return [line for line in lines if not line.startswith("sudo ")]


async def asked(base: str, authority: Path, path: str, *arguments: str) -> Any:
    code, out = await curl("--cacert", str(authority), *arguments, base + path)
    assert code == 0, out
    return json.loads(out)


async def test_the_command_prints_what_to_trust_and_sends_files_whole(
    command: Command, seeded_library: Path, tmp_path: Path
) -> None:
    """With the event loop of the command, and curl as a stranger to our own code."""
    async with command.serving(seeded_library, "--host", "127.0.0.1", MEDIASERVER_SERVER__TLS="own") as served:
        assert re.search(r"^  https://127\.0\.0\.1:\d+$", served.out, re.M)
        assert re.search(r"^  http://127\.0\.0\.1:\d+/trust$", served.out, re.M)
        printed = "".join(re.findall(r"^  ((?:[0-9A-F]{2}:){15}[0-9A-F]{2})$", served.out, re.M))
        authority = tmp_path / "authority.crt"
        fetch, compare = (line.replace("HOST:4747", served.base.partition("//")[2]) for line in of_the_page())
        for line in (fetch, compare):
            words = ["sh", "-ec", line]
            told = await asyncio.to_thread(subprocess.run, words, cwd=tmp_path, capture_output=True, text=True)
            assert told.returncode == 0, told.stderr
        assert told.stdout.partition("=")[2].replace(":", "").strip() == printed.replace(":", "")
        code, out = await curl(f"{served.base}/healthz")
        assert code == 60, out  # nobody trusts it who was not told to
        link = re.search(r"https://\S+/setup\?link=(\S+)", served.out)
        assert link is not None
        body = json.dumps({"link": link[1], "name": "anna", "password": PASSWORD})
        jar = tmp_path / "jar"
        sent = ("--json", body, "-c", str(jar))
        csrf = (await asked(served.base, authority, "/api/v1/setup", *sent))["csrf"]
        assert "TRUE" in next(line for line in jar.read_text().splitlines() if "mediaserver_session" in line).split(
            "\t"
        )
        headers = ("-b", str(jar), "-H", f"X-CSRF-Token: {csrf}")
        tracks = (await asked(served.base, authority, "/api/v1/tracks", *headers))["items"]
        track = max(tracks, key=lambda one: one["size_bytes"])
        playback = await asked(served.base, authority, f"/api/v1/tracks/{track['id']}/playback", *headers)
        code, out = await curl("--cacert", str(authority), served.base + playback["direct"])
        assert code == 0
        assert len(out) == track["size_bytes"]
        assert out in [path.read_bytes() for path in seeded_library.rglob("*") if path.is_file()]
        ended = await served.stopped()
    assert ended.code == 0
    assert "Traceback" not in ended.err


async def test_a_renewal_is_taken_at_sighup_without_a_restart(
    command: Command, seeded_library: Path, tmp_path: Path
) -> None:
    old, new = await asyncio.to_thread(made, tmp_path, "old"), await asyncio.to_thread(made, tmp_path, "new")
    settings = {
        "MEDIASERVER_SERVER__TLS": "given",
        "MEDIASERVER_SERVER__TLS_CERTIFICATE": str(tmp_path / "live.crt"),
        "MEDIASERVER_SERVER__TLS_KEY": str(tmp_path / "live.key"),
        "MEDIASERVER_SERVER__TLS_HSTS": "true",
    }
    shutil.copy(old.certificate, tmp_path / "live.crt")
    shutil.copy(old.key, tmp_path / "live.key")
    async with command.serving(seeded_library, "--host", "127.0.0.1", **settings) as served:
        assert "/trust" not in served.out
        code, out = await curl("--cacert", str(old.certificate), "-i", f"{served.base}/healthz")
        assert code == 0, out
        assert b"Strict-Transport-Security: max-age=31536000" in out
        code, out = await curl("-i", f"{served.base.replace('https', 'http')}/healthz")
        assert b"Strict-Transport" not in out
        code, out = await curl(
            "--cacert", str(old.certificate), "-H", "Host: music.example.org", f"{served.base}/healthz"
        )
        assert b'"status"' in out, "the certificate's name is one of the server's"
        context = ssl.create_default_context(cafile=str(old.certificate))
        reader, writer = await asyncio.open_connection("127.0.0.1", int(served.base.rpartition(":")[2]), ssl=context)
        shutil.copy(new.certificate, tmp_path / "live.crt")
        served.process.send_signal(signal.SIGHUP)
        shutil.copy(new.key, tmp_path / "live.key")
        served.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(LIMIT_S):
            while (await curl("--cacert", str(new.certificate), f"{served.base}/healthz"))[0] != 0:
                await asyncio.sleep(0.1)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await reader.readline()).split()[1] == b"200", "who was connected stays so"
        writer.close()


async def test_files_that_do_not_fit_are_told_in_one_line(
    command: Command, seeded_library: Path, tmp_path: Path
) -> None:
    one, other = await asyncio.to_thread(made, tmp_path, "one"), await asyncio.to_thread(made, tmp_path, "other")
    settings = {
        "MEDIASERVER_SERVER__TLS": "given",
        "MEDIASERVER_SERVER__TLS_CERTIFICATE": str(one.certificate),
        "MEDIASERVER_SERVER__TLS_KEY": str(other.key),
    }
    for words in (("serve", "--port", "0", str(seeded_library)), ("check-config",)):
        ended = await command.run(*words, **settings)
        assert ended.code == 2
        line = ended.err.splitlines()[-1]
        assert line == f"mediaserver: the key {other.key} does not belong to the certificate {one.certificate}"
        assert "Traceback" not in ended.err
    ended = await command.run("check-config", **(settings | {"MEDIASERVER_SERVER__TLS_KEY": str(one.key)}))
    assert ended.code == 0
    assert "The certificate and its key fit each other." in ended.out
