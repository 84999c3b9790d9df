"""Out of file descriptors: who is connected listens on, newcomers get in again, and nothing spins or floods the log.

The limit is the system's for this process, far below what connections would take.
"""

from __future__ import annotations

import asyncio
import os
import re
import resource
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests import audio
from tests.cli.command import Command
from tests.faults.houses import LIMIT_S, ROOT, admin_token, ask, process, scanned, segments_of

CROWD = 300
WATCHED_S = 3.0


def computed_s(pid: int) -> float:
    """Of the processor, so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def own_words(told: str) -> list[str]:
    """The lines of a log, but for what Python says of the locks of a server that `process` has killed in the end."""
    return re.sub(
        r"^\S*resource_tracker\.py:\d+: UserWarning: resource_tracker: There appear to be \d+ leaked semaphore objects"
        r" to clean up at shutdown(: \{.*\})?\n  warnings\.warn\(.*\n(    .*\n)*",
        "",
        told,
        flags=re.M,
    ).splitlines()


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


@dataclass(slots=True)
class House:
    pid: int
    base: str
    headers: dict[str, str]
    player: aiohttp.ClientSession
    """Over one connection that stays open."""
    segments: list[str]

    async def hear(self, numbers: range) -> None:
        for n in numbers:
            began_s = time.monotonic()
            async with self.player.get(self.segments[n]) as answer:
                assert answer.status == 200, await answer.text()
                assert await answer.read()
            assert time.monotonic() - began_s < 4, "a segment lasts as long"

    async def health(self) -> Any:
        async with self.player.get(f"{self.base}/api/v1/health", headers=self.headers) as answer:
            assert answer.status == 200, await answer.text()
            return next(one for one in (await answer.json())["rows"] if one["name"] == "Open files")

    async def share_of_a_core(self) -> float:
        began_s, began_computed_s = time.monotonic(), computed_s(self.pid)
        await asyncio.sleep(WATCHED_S)
        return (computed_s(self.pid) - began_computed_s) / (time.monotonic() - began_s)


@asynccontextmanager
async def crowd(base: str, *words: bytes) -> AsyncIterator[None]:
    """Strangers who connect and say nothing, or one of `words` in turns."""
    port, writers = int(base.rpartition(":")[2]), []
    for _ in range(CROWD):
        try:
            async with asyncio.timeout(2):
                writers.append((await asyncio.open_connection("127.0.0.1", port))[1])
            if words:
                writers[-1].write(words[len(writers) % len(words)])
        except (OSError, TimeoutError):
            break
    try:
        yield
    finally:
        for writer in writers:
            writer.close()


@asynccontextmanager
async def house(tmp_path: Path, database_url: str, loop: str, files: int) -> AsyncIterator[House]:
    """What it has logged is looked at in the end: a few lines, without tracebacks."""
    music = tmp_path / "music"
    music.mkdir()
    audio.write(music / "long.flac", seconds=200)
    before = ["sh", "-c", f'ulimit -n {files} && exec "$@"', "sh"]
    hidden: dict[str, Any] = {}
    if loop == "asyncio":  # as on machines for which there is no uvloop
        (tmp_path / "without" / "uvloop").mkdir(parents=True)
        (tmp_path / "without" / "uvloop" / "__init__.py").write_text("raise ImportError('left out by a test')\n")
        hidden["PYTHONPATH"] = f"{tmp_path / 'without'}:{ROOT}"
    with (tmp_path / "told").open("wb") as told:
        up = process(music, tmp_path / "data", database_url, before=before, stderr=told.fileno(), **hidden)
        async with up as (server, base, link):
            headers = await admin_token(base, link)
            await scanned(base, headers)
            track = (await ask("GET", f"{base}/api/v1/tracks", 200, headers=headers))["items"][0]["id"]
            playback = await ask("GET", f"{base}/api/v1/tracks/{track}/playback", 200, headers=headers)
            segments = await segments_of(base, playback)
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as player:
                one = House(server.pid, base, headers, player, segments)
                await one.hear(range(1))
                yield one
    text = (tmp_path / "told").read_text()
    assert "Traceback" not in text
    assert len(own_words(text)) <= 6, text


@pytest.mark.parametrize("loop", ["uvloop", pytest.param("asyncio", marks=pytest.mark.long)])
async def test_a_crowd_leaves_music_and_newcomers_the_few_files_that_there_are(
    tmp_path: Path, database_url: str, loop: str
) -> None:
    """128, where there are thousands elsewhere: strangers are let go before they are out."""
    async with house(tmp_path, database_url, loop, 128) as up:
        async with crowd(up.base):
            assert await up.share_of_a_core() < 0.5
            assert open_files(up.pid) < 120
            await up.hear(range(1, 20))
            await ask("GET", f"{up.base}/healthz", 200)
        await ask("GET", f"{up.base}/healthz", 200)
    assert "too many connections: idle ones are closed" in (tmp_path / "told").read_text()


async def test_a_crowd_leaves_as_much_with_tls_whether_it_is_silent_or_shakes_hands(
    tmp_path: Path, database_url: str, seeded_library: Path
) -> None:
    few = ("sh", "-c", 'ulimit -n 128 && exec "$@"', "sh", *Command(tmp_path, "").program)
    command = Command(tmp_path / "data", database_url, few)
    variables = {"MEDIASERVER_SERVER__TLS": "own", "MEDIASERVER_LOG__LEVEL": "warning"}
    async with command.serving(seeded_library, "--host", "127.0.0.1", **variables) as served:
        context = ssl.create_default_context(cafile=str(command.data_dir / "tls" / "authority.pem"))

        async def asks(client: aiohttp.ClientSession) -> None:
            async with client.get(f"{served.base}/healthz") as answer:
                assert answer.status == 200

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context, limit=1)) as who_is_there:
            await asks(who_is_there)
            async with crowd(served.base, b"", b"\x16\x03\x01"):
                assert open_files(served.process.pid) < 120
                await asks(who_is_there)
                async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as newcomer:
                    await asks(newcomer)
        ended = await served.stopped()
    assert "more than 7 connections say nothing: some are closed" in ended.err
    assert len(ended.err.splitlines()) <= 6, ended.err


@pytest.mark.parametrize("loop", ["uvloop", pytest.param("asyncio", marks=pytest.mark.long)])
async def test_out_of_files_who_is_there_listens_on_and_others_get_in_once_there_are_some(
    tmp_path: Path, database_url: str, loop: str
) -> None:
    async with house(tmp_path, database_url, loop, 1024) as up:
        assert (await up.health())["state"] == "ok"
        await up.hear(range(1, 4))
        before = resource.prlimit(up.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(up.pid, resource.RLIMIT_NOFILE, (open_files(up.pid), before[1]))
        async with crowd(up.base):
            row = await up.health()
            assert (row["state"], "nobody more can be let in" in row["message"]) == ("bad", True)
            await up.hear(range(1, 20))
            assert await up.share_of_a_core() < 0.5
        resource.prlimit(up.pid, resource.RLIMIT_NOFILE, before)
        async with asyncio.timeout(LIMIT_S):
            while True:
                try:
                    await ask("GET", f"{up.base}/healthz", 200)
                    break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)
        assert (await up.health())["state"] == "ok"
