"""Strangers who hold connections: slowhttptest's three attacks and 500 that say nothing. The music goes on."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from mediaserver.http.base.connections import LIMITS
from tests import audio
from tests.cli.command import Command, Served
from tests.server import PASSWORD, bearer

CROWD = 500
SEGMENT_S = 4.0
LATE_S = SEGMENT_S  # a segment lasts as long: nothing is heard to stop


def connector_of(context: ssl.SSLContext | None) -> aiohttp.TCPConnector:
    return aiohttp.TCPConnector() if context is None else aiohttp.TCPConnector(ssl=context)


@dataclass(slots=True)
class Player:
    """One listener, who fetches segments again and again, each time by a connection of its own or by an old one."""

    base: str
    segments: list[str]
    context: ssl.SSLContext | None
    took_s: list[float] = field(default_factory=list)
    listened_s: float = 0.0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        stop = asyncio.Event()

        async def listen() -> None:
            n = 0
            async with aiohttp.ClientSession(connector=connector_of(self.context)) as session:
                while not stop.is_set():
                    headers = {"Connection": "close"} if n % 3 == 0 else {}
                    began_s = time.monotonic()
                    address = self.base + self.segments[n % len(self.segments)]
                    try:
                        async with session.get(address, headers=headers) as answer:
                            assert answer.status == 200
                            assert await answer.read()
                    except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
                        # An idle connection may be closed at any time (RFC 9112, 9.5): players ask again.
                        async with session.get(address, headers={"Connection": "close"}) as answer:
                            assert answer.status == 200
                            assert await answer.read()
                    self.took_s.append(time.monotonic() - began_s)
                    n += 1
                    await asyncio.sleep(0.05)

        began_s = time.monotonic()
        listening = asyncio.create_task(listen())
        try:
            yield
        finally:
            stop.set()
            await listening
            self.listened_s = time.monotonic() - began_s

    def report(self, name: str) -> None:
        ordered = sorted(self.took_s)
        p99 = ordered[int(len(ordered) * 0.99)]
        rate = len(ordered) * SEGMENT_S / self.listened_s
        print(
            f"{name}: {len(ordered)} segments, p99 {p99 * 1000:.1f} ms, slowest {ordered[-1] * 1000:.1f} ms,"
            f" {rate:.1f} seconds of music in a second"
        )
        assert rate > 2, "the music comes no faster than it is heard"


@dataclass(slots=True)
class House:
    served: Served
    player: Player


@pytest_asyncio.fixture
async def house(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[House]:
    """Without TLS, or with the parameter's kind of it."""
    tls = getattr(request, "param", "off")
    music = tmp_path / "music"
    music.mkdir()
    audio.write(music / "long.flac", seconds=40)
    command = Command(tmp_path / "data", "")
    jar = aiohttp.CookieJar(unsafe=True)  # takes cookies of an address, not of a name alone
    async with (
        command.serving(music, "--host", "127.0.0.1", MEDIASERVER_SERVER__TLS=tls) as served,
        aiohttp.ClientSession(cookie_jar=jar) as plain,
        contextlib.AsyncExitStack() as stack,
    ):
        client, context = plain, None
        if tls == "own":
            async with plain.get(f"{served.base.replace('https', 'http')}/trust/authority.crt") as answer:
                context = ssl.create_default_context(cadata=await answer.text())
            client = await stack.enter_async_context(
                aiohttp.ClientSession(cookie_jar=jar, connector=connector_of(context))
            )
        link = re.search(r"link=(\S+)", served.out)
        assert link is not None
        body = {"link": link[1], "name": "anna", "password": PASSWORD}
        async with client.post(f"{served.base}/api/v1/setup", json=body) as answer:
            csrf = (await answer.json())["csrf"]
        sent = {"X-CSRF-Token": csrf}
        # The session's cookie is the client's.
        async with client.post(f"{served.base}/api/v1/tokens", json={"name": "player"}, headers=sent) as answer:
            token = (await answer.json())["token"]
        async with client.get(f"{served.base}/api/v1/tracks", headers=bearer(token)) as answer:
            track = (await answer.json())["items"][0]["id"]
        async with client.get(f"{served.base}/api/v1/tracks/{track}/playback", headers=bearer(token)) as answer:
            main = (await answer.json())["hls"]["flac"]
        async with client.get(served.base + main) as answer:
            media = next(line for line in (await answer.text()).splitlines() if line and line[0] != "#")
        folder = f"{main.rsplit('/', 2)[0]}/{media.split('/')[1]}"
        segments = [f"{folder}/{n}.m4s" for n in range(8)]
        for segment in segments:
            async with client.get(served.base + segment) as answer:
                assert answer.status == 200
        yield House(served, Player(served.base, segments, context))


def open_files(house: House) -> int:
    return len(list(Path(f"/proc/{house.served.process.pid}/fd").iterdir()))


@pytest.mark.parametrize("attack", ["-H", *(pytest.param(name, marks=pytest.mark.long) for name in ("-B", "-X"))])
async def test_slow_clients_do_not_stop_the_music(house: House, attack: str) -> None:
    if shutil.which("slowhttptest") is None:
        pytest.skip("left out: slowhttptest is not installed")
    own = {
        "-H": ["-i", "2", "-u", f"{house.served.base}/sign-in"],
        "-B": ["-i", "2", "-s", "8192", "-t", "POST", "-u", f"{house.served.base}/api/v1/session"],
        "-X": [
            "-w",
            "1",
            "-y",
            "16",
            "-n",
            "2",
            "-z",
            "8",
            "-k",
            "3",
            "-u",
            f"{house.served.base}/static/x/js/main.js",
        ],
    }[attack]
    if attack == "-X":
        own += ["-u", f"{house.served.base}/static/x/js/main.js"]
    before = open_files(house)
    async with house.player.listening():
        attacker = await asyncio.create_subprocess_exec(
            *("slowhttptest", attack, "-c", str(CROWD), "-r", "250", "-l", "5", "-p", "3", *own),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        async with asyncio.timeout(120):
            told, _ = await attacker.communicate()
    text = re.sub(r"\x1b\[[0-9;]*m", "", told.decode(errors="replace"))
    assert re.search(rf"number of connections: +{CROWD}\b", text), text
    assert "Exit status:" in text, text
    assert "service available:   NO" not in text.rpartition("slow HTTP test status")[2], text
    house.player.report(f"slowhttptest {attack}")
    assert len(house.player.took_s) >= 10
    assert max(house.player.took_s) < LATE_S
    async with asyncio.timeout(60):
        while open_files(house) > before + 20:
            await asyncio.sleep(0.2)
    ended = await house.served.stopped()
    assert "Traceback" not in ended.err
    assert len([line for line in ended.err.splitlines() if "connections" in line or "no HTTP" in line]) <= 2, ended.err


@pytest.mark.parametrize("house", ["off", "own"], indirect=True)
async def test_500_idle_connections_do_not_stop_the_music(house: House) -> None:
    port = int(house.served.base.rpartition(":")[2])
    async with house.player.listening():
        crowd = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(CROWD)))
        for n, (_, writer) in enumerate(crowd):
            if n % 3 == 1:
                writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: ")
            elif n % 3 == 2:
                writer.write(
                    b"POST /api/v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    b"Content-Length: 1000\r\n\r\n{"
                )
        async with asyncio.timeout(60):
            while len(house.player.took_s) < 40:
                await asyncio.sleep(0.1)
    house.player.report("500 idle connections")
    assert max(house.player.took_s) < LATE_S
    with_tls = LIMITS.most_waiting if house.served.base.startswith("https") else 0
    assert open_files(house) < LIMITS.most_of_one_address + with_tls + 100  # of its own
    for _, writer in crowd:
        writer.close()
