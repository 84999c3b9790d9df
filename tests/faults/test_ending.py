"""SIGTERM while everything is going on at once: gone within five seconds, in order, with a database that is whole."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import time
import wave
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp

from tests import audio
from tests.cli.command import Command
from tests.eventstream import Ear
from tests.faults.houses import admin_token, ask

END_S = 5.0
LIMIT_S = 60


def large_wave(path: Path, seconds: int) -> None:
    """Far more than sockets hold: 10 MB a minute."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(44_100)
        for n in range(seconds):
            out.writeframes(bytes([n % 251, 1, n % 83, 0]) * 44_100)


@asynccontextmanager
async def asked(base: str, request: str) -> AsyncIterator[asyncio.StreamReader]:
    """A request whose answer nobody reads."""
    at = urlsplit(base)
    reader, writer = await asyncio.open_connection(at.hostname, at.port, limit=1024)
    try:
        writer.write(request.replace("\n", "\r\n").encode("ascii"))
        await writer.drain()
        yield reader
    finally:
        writer.transport.abort()


async def test_the_worst_case_is_gone_within_five_seconds_and_the_database_is_whole(
    tmp_path: Path, seeded_library: Path
) -> None:
    """A download that stalls, a body that trickles, segments that are being made, a scan that is reading."""
    music = tmp_path / "music"
    music.mkdir()
    large_wave(music / "large.wav", 300)
    audio.write(music / "long.flac", seconds=60)
    command = Command(tmp_path / "data", "")
    async with AsyncExitStack() as held, command.serving(music, "--host", "127.0.0.1") as served:
        link = re.search(r"link=(\S+)", served.out)
        assert link is not None
        headers = await admin_token(served.base, link[1])
        playback = {}
        for track in (await ask("GET", f"{served.base}/api/v1/tracks", 200, headers=headers))["items"]:
            address = f"{served.base}/api/v1/tracks/{track['id']}/playback"
            playback[track["title"]] = await ask("GET", address, 200, headers=headers)
        async with aiohttp.ClientSession() as client, client.get(served.base + playback["long"]["hls"]["aac"]) as main:
            media = next(line for line in (await main.text()).splitlines() if line and line[0] != "#")
        folder = playback["long"]["hls"]["aac"].rsplit("/", 2)[0] + "/" + media.split("/")[1]

        large = await held.enter_async_context(
            asked(served.base, f"GET {playback['large']['direct']} HTTP/1.1\nHost: localhost\n\n")
        )
        assert b"200" in await large.readline()
        body = "Content-Type: application/json\nContent-Length: 900\n\n{"
        await held.enter_async_context(asked(served.base, f"POST /api/v1/session HTTP/1.1\nHost: localhost\n{body}"))
        for n in range(60):
            shutil.copytree(seeded_library, music / "many" / str(n))
        await ask("POST", f"{served.base}/api/v1/scan", 202, headers=headers)
        async with asyncio.timeout(LIMIT_S):
            while (await ask("GET", f"{served.base}/api/v1/scan", 200, headers=headers))["phase"] != "reading":
                await asyncio.sleep(0.005)
        for n in range(4, 12):
            await held.enter_async_context(asked(served.base, f"GET {folder}/{n}.m4s HTTP/1.1\nHost: localhost\n\n"))
        began_s = time.monotonic()
        ended = await served.stopped()
        took_s = time.monotonic() - began_s
    print(f"gone after {took_s:.2f} s")
    assert took_s < END_S
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err, ended.err
    database = sqlite3.connect(command.data_dir / "mediaserver.db")
    try:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert database.execute("SELECT COUNT(*) FROM users").fetchone() == (1,)
    finally:
        database.close()


async def test_who_hears_events_is_told_of_the_end_and_is_let_go_in_order(tmp_path: Path, seeded_library: Path) -> None:
    """A stream and a WebSocket, each open and quiet, as every page of the house keeps one."""
    command = Command(tmp_path / "data", "")
    async with (
        command.serving(seeded_library, "--host", "127.0.0.1") as served,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=LIMIT_S)) as client,
    ):
        link = re.search(r"link=(\S+)", served.out)
        assert link is not None
        headers = await admin_token(served.base, link[1])
        events = f"{served.base}/api/v1/events"
        async with (
            client.get(events, headers=headers) as answer,
            client.ws_connect(f"{events}/ws", headers=headers) as ws,
        ):
            ear = Ear(answer)
            await ear.until("ready")
            assert (await ws.receive_json(timeout=LIMIT_S))["type"] == "ready"
            began_s = time.monotonic()
            ending = asyncio.create_task(served.stopped())
            assert (await ear.until("end")).data == {"reason": "stopping"}
            assert await answer.content.read() == b"", "the stream ends where it says so, and is not cut off"
            last = ""
            while (message := await ws.receive(timeout=LIMIT_S)).type is aiohttp.WSMsgType.TEXT:
                last = message.json()["type"]
            assert (last, ws.close_code) == ("end", 1001)
            ended = await ending
            took_s = time.monotonic() - began_s
    print(f"gone after {took_s:.2f} s")
    assert took_s < END_S
    assert ended.code == 0, ended.err
    assert "Traceback" not in ended.err, ended.err
