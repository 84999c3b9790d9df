"""The server at a path of its own, with and without a real nginx before it, as docs/operating.md configures it."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from mediaserver.core.settings import SettingsInvalid, load
from mediaserver.http.base.basepath import relative
from tests import nginx
from tests.server import PASSWORD, Running, bearer, running

BASE = "/music"
LOOPBACK = ("127.0.0.1",)


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("/music/", "/"),
        ("/music/api/v1/me", "/api/v1/me"),
        ("/music//evil.example/", "//evil.example/"),
        ("/music/../secret", "/../secret"),
        ("/music", None),
        ("/musical/", None),
        ("/", None),
        ("/x/music/", None),
        ("/MUSIC/", None),
        ("//music/", None),
    ],
)
def test_only_what_begins_with_the_base_path_is_inside(path: str, inside: str | None) -> None:
    assert relative(path, BASE) == inside


@pytest.mark.parametrize("text", ["music", "/music/", "/", "/a b", "/..", "/a/../b", "//a", "/a?b", "/ä", "/a%20b"])
def test_what_is_no_base_path_is_told(text: str) -> None:
    with pytest.raises(SettingsInvalid, match="as /music, without a slash at its end"):
        load(None, {"MEDIASERVER_SERVER__BASE_PATH": text})
    assert load(None, {"MEDIASERVER_SERVER__BASE_PATH": "/a-b/c.d_e~1"}).server.base_path == "/a-b/c.d_e~1"


@pytest_asyncio.fixture
async def house(seeded_library: Path, tmp_path: Path, database_url: str) -> AsyncIterator[Running]:
    """At /music, and believing a proxy on this machine. `base` is with the path."""
    server = {"host": "127.0.0.1", "port": 0, "base_path": BASE, "trusted_proxies": LOOPBACK, "names": ["a.example"]}
    async with running(seeded_library, tmp_path / "data", database_url, server=server) as up:
        yield Running(up.server, up.base + BASE, up.client, up.data_dir)


@pytest_asyncio.fixture
async def proxied(house: Running, tmp_path: Path) -> AsyncIterator[Running]:
    """The same through nginx."""
    port = nginx.free_port()
    block = nginx.of_path(nginx.blocks()[1], port, house.server.port)
    with nginx.running(tmp_path / "nginx", block, port):
        yield Running(house.server, f"http://127.0.0.1:{port}{BASE}", house.client, house.data_dir)


def through(house: Running) -> str:
    """Scheme, name and port, to which an absolute path is added."""
    return house.base.removesuffix(BASE)


async def ask(house: Running, path: str, method: str = "GET", **headers: str) -> tuple[int, Any, bytes]:
    """Status, headers and body of an absolute path."""
    async with house.client.request(method, through(house) + path, headers=headers, allow_redirects=False) as answer:
        return answer.status, answer.headers, await answer.read()


async def test_what_lies_outside_is_not_found_and_the_path_alone_leads_in(house: Running) -> None:
    for path in ("/", "/api/v1/me", "/sign-in", "/musical/", "/healthz", "/static/x/js/main.js", "/e/a/b/c/d"):
        status, _, body = await ask(house, path)
        assert status == 404, path
        assert "begin with /music/ (server.base_path)" in json.loads(body)["detail"]
    status, _, body = await ask(house, "/", Accept="text/html")
    assert status == 404
    assert b'href="/music/"' in body
    assert b'href="/music/static/' in body
    status, headers, _ = await ask(house, "/music?next=%2Fa")
    assert (status, headers["Location"]) == (307, "/music/?next=/a")
    assert (await ask(house, "/music", "POST"))[0] == 404
    assert (await ask(house, "/", Host="evil.example"))[0] == 421, "hosts are checked there too"
    assert (await ask(house, "/music/healthz"))[0] == 200


async def test_redirects_cookies_and_pages_stay_below_it(proxied: Running) -> None:
    status, headers, _ = await ask(proxied, "/music/albums?sort=added", Accept="text/html")
    assert (status, headers["Location"]) == (303, "/music/sign-in?next=/albums?sort%3Dadded")
    status, _, body = await ask(proxied, f"/music/setup?link={proxied.server.setup_link}")
    assert status == 200
    addresses = re.findall(rb'(?:href|src)="([^"]+)"', body)
    assert addresses
    assert all(one.startswith(b"/music/") for one in addresses), addresses
    assert b'data-base="/music"' in body
    for one in addresses:
        assert (await ask(proxied, one.decode()))[0] == 200, one
    token = await proxied.sign_up()
    body_out = {"name": "Admin", "password": PASSWORD}
    async with proxied.client.post(f"{proxied.base}/api/v1/session", json=body_out) as answer:
        cookie = answer.cookies["mediaserver_session"]
        assert (cookie["path"], cookie["secure"]) == ("/music/", "")
        held = {"Cookie": f"mediaserver_session={cookie.value}"}
        csrf = (await answer.json())["csrf"]
    status, headers, body = await ask(proxied, "/music/", **held)
    assert status == 200
    assert b'href="/music/albums"' in body
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    status, headers, _ = await ask(proxied, "/music/sign-in?next=%2Falbums", **held)
    assert (status, headers["Location"]) == (303, "/music/albums")
    status, headers, _ = await ask(proxied, "/music/sign-in?next=//evil.example", **held)
    assert (status, headers["Location"]) == (303, "/music/")
    status, headers, _ = await ask(proxied, "/music/api/v1/session", "DELETE", **held, **{"X-CSRF-Token": csrf})
    assert status == 204
    assert "Path=/music/" in headers["Set-Cookie"]
    assert "Max-Age=0" in headers["Set-Cookie"]
    status, _, body = await ask(proxied, "/music/docs/api", **bearer(token))
    assert status == 200
    document = json.loads((await ask(proxied, "/music/api/v1/openapi.json", **bearer(token)))[2])
    assert document["servers"] == [{"url": "/music"}]
    manifest = re.search(rb'rel="manifest" href="([^"]+)"', body)
    assert manifest is not None
    told = json.loads((await ask(proxied, manifest[1].decode()))[2])
    assert (told["start_url"], told["scope"]) == ("../../", "../../"), "/music/, seen from /music/static/VERSION/"


async def test_a_cookie_from_before_the_path_was_set_keeps_nobody_out(house: Running) -> None:
    await house.sign_up()
    body = {"name": "Admin", "password": PASSWORD}
    async with house.client.post(f"{house.base}/api/v1/session", json=body) as answer:
        cookie = answer.cookies["mediaserver_session"].value
        csrf = (await answer.json())["csrf"]
    both = {"Cookie": f"a=b; mediaserver_session={cookie}; mediaserver_session={'x' * 43}", "X-CSRF-Token": csrf}
    assert (await ask(house, "/music/api/v1/me", **both))[0] == 200
    assert (await ask(house, "/music/api/v1/session", "DELETE", **both))[0] == 204
    assert (await ask(house, "/music/api/v1/me", **both))[0] == 401


async def test_addresses_of_media_work_as_they_are_told(proxied: Running) -> None:
    token = await proxied.sign_up()
    album = (await proxied.json("/api/v1/albums", token))["items"]
    cover = next(one["cover"] for one in album if one["cover"])
    assert cover.startswith("/music/api/v1/covers/")
    status, headers, _ = await ask(proxied, cover, **bearer(token))
    assert (status, headers["Content-Type"]) == (200, "image/jpeg")
    assert (await ask(proxied, cover, **bearer(token), **{"If-None-Match": headers["ETag"]}))[0] == 304
    tracks = (await proxied.json("/api/v1/tracks", token))["items"]
    track = next(one["id"] for one in tracks if one["container"] == "flac")
    playback = await proxied.json(f"/api/v1/tracks/{track}/playback", token)
    main = playback["hls"]["flac"]
    assert main.startswith("/music/e/")
    status, _, playlist = await ask(proxied, main)
    assert status == 200
    lines = [line for line in playlist.decode().splitlines() if line and not line.startswith("#")]
    assert all(line.startswith("../") for line in lines), "relative, as ever"
    media = f"{main.rsplit('/', 2)[0]}/{lines[0].removeprefix('../')}"
    status, _, playlist = await ask(proxied, media)
    segments = [line for line in playlist.decode().splitlines() if line and not line.startswith("#")]
    segment = f"{media.rpartition('/')[0]}/{segments[0]}"
    status, headers, whole = await ask(proxied, segment)
    assert status == 200
    assert (await ask(proxied, segment, **{"If-None-Match": headers["ETag"]}))[0] == 304
    for address, known in ((segment, whole), (playback["direct"], None)):
        status, headers, part = await ask(proxied, address, Range="bytes=10-29")
        assert status == 206
        assert headers["Content-Range"].startswith("bytes 10-29/")
        assert len(part) == 20
        assert known is None or part == known[10:30]
    status, headers, _ = await ask(proxied, "/music/api/v1/albums", **bearer(token))
    assert (await ask(proxied, "/music/api/v1/albums", **bearer(token), **{"If-None-Match": headers["ETag"]}))[0] == 304


async def test_a_proxy_that_takes_the_path_off_is_told_so(house: Running, tmp_path: Path) -> None:
    port = nginx.free_port()
    block = nginx.of_path(nginx.blocks()[1], port, house.server.port)
    stripping = block.replace(f"{house.server.port};", f"{house.server.port}/;", 1)
    assert stripping != block
    with nginx.running(tmp_path / "stripping", stripping, port):
        async with house.client.get(f"http://127.0.0.1:{port}/music/sign-in") as answer:
            assert answer.status == 404
            assert "pass paths on as they are" in (await answer.json(content_type=None))["detail"]


async def test_who_stands_behind_nginx_is_told_by_it_alone(
    seeded_library: Path, tmp_path: Path, database_url: str
) -> None:
    """A host of its own with TLS, as the page has it; and what counts of the headers where the proxy is no friend."""
    certificate, key = tmp_path / "one.crt", tmp_path / "one.key"
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    made = [*words.split(), "-out", str(certificate), "-keyout", str(key)]
    await asyncio.to_thread(subprocess.run, made, check=True, capture_output=True)
    for trusted in (LOOPBACK, ()):
        server = {"host": "127.0.0.1", "port": 0, "trusted_proxies": trusted}
        folder = tmp_path / f"trusted-{len(trusted)}"
        async with running(seeded_library, folder / "data", "" if trusted else database_url, server=server) as house:
            await house.sign_up()
            port = nginx.free_port()
            block = nginx.of_host(nginx.blocks()[0], port, house.server.port, certificate, key)
            stranger = aiohttp.TCPConnector(local_addr=("127.0.0.2", 0), ssl=False)
            jar = aiohttp.DummyCookieJar()
            with nginx.running(folder / "nginx", block, port):
                async with aiohttp.ClientSession(
                    f"https://127.0.0.1:{port}", connector=stranger, cookie_jar=jar
                ) as client:
                    await check_headers(client, f"https://127.0.0.1:{port}", is_trusted=bool(trusted))


async def check_headers(client: aiohttp.ClientSession, at: str, *, is_trusted: bool) -> None:
    forged = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "ftp", "Origin": at}
    body = {"name": "Admin", "password": PASSWORD}
    async with client.post("/api/v1/session", json=body, headers=forged) as answer:
        assert answer.status == 200, await answer.text()
        cookie = answer.cookies["mediaserver_session"]
        assert (cookie["path"], bool(cookie["secure"])) == ("/", is_trusted)
        held = {"Cookie": f"mediaserver_session={cookie.value}"}
    async with client.get("/api/v1/sessions", headers=held) as answer:
        sessions = (await answer.json())["items"]
    # nginx adds whom it saw; what the browser itself had said before that is believed by nobody.
    here = next(one["address"] for one in sessions if one["current"])
    assert here == ("127.0.0.2" if is_trusted else "127.0.0.1")
    async with client.get("/", allow_redirects=False) as answer:
        assert answer.headers["Location"] == "/sign-in?next=/"
        assert ("Cross-Origin-Opener-Policy" in answer.headers) is is_trusted
    async with client.get("/", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421


async def test_what_is_told_bit_by_bit_passes_at_once(tmp_path: Path) -> None:
    """The page's configuration holds nothing back: what live events need."""
    go_on = asyncio.Event()

    async def events(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        await answer.write(b"data: one\n\n")
        await go_on.wait()
        await answer.write(b"data: two\n\n")
        return answer

    async def socket(request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse()
        await answer.prepare(request)
        await answer.send_str(await answer.receive_str())
        await answer.close()
        return answer

    app = web.Application()
    app.add_routes([web.get("/music/events", events), web.get("/music/socket", socket)])
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = nginx.free_port()
        block = nginx.of_path(nginx.blocks()[1], port, runner.addresses[0][1])
        with nginx.running(tmp_path / "nginx", block, port):
            async with aiohttp.ClientSession() as client, asyncio.timeout(60):
                async with client.get(f"http://127.0.0.1:{port}/music/events") as answer:
                    assert await answer.content.readline() == b"data: one\n"
                    go_on.set()
                    assert b"data: two" in await answer.read()
                async with client.ws_connect(f"http://127.0.0.1:{port}/music/socket") as both_ways:
                    await both_ways.send_str("heard")
                    assert await both_ways.receive_str() == "heard"
    finally:
        await runner.cleanup()


pytestmark = nginx.needed
