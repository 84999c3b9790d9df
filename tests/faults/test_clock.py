"""The machine's clock is set back and forth while the server runs, by more than a year: nobody in the house notices.

`setclock.c` stands before the clock of the server and its workers. The files keep their real times, as on a disk.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp
import pytest

from tests import audio
from tests.eventstream import listening
from tests.faults.houses import LIMIT_S, ask, digests, process, scanned, segments_of, status_of, taken_in
from tests.server import PASSWORD

STEPS_DAYS = (-400, 0, 400, 0)


async def sign_in(base: str) -> dict[str, str]:
    body = {"name": "Admin", "password": PASSWORD}
    async with aiohttp.ClientSession() as client, client.post(f"{base}/api/v1/session", json=body) as answer:
        assert answer.status == 200, await answer.text()
        return {"Cookie": f"mediaserver_session={answer.cookies['mediaserver_session'].value}"}


async def shows(base: str, days: int) -> None:
    """Wait until the server's answers are dated so many days from now."""
    async with asyncio.timeout(LIMIT_S), aiohttp.ClientSession() as client:
        while True:
            async with client.get(f"{base}/healthz") as answer:
                assert answer.status == 200
                told = parsedate_to_datetime(answer.headers["Date"])
            if abs(told - timedelta(days=days) - datetime.now(UTC)) < timedelta(hours=1):
                return
            await asyncio.sleep(0.1)


class Clock:
    """Of a process that is started with `variables`."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "ahead"
        library, source = folder / "setclock.so", Path(__file__).with_name("setclock.c")
        subprocess.run(["cc", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
        self.variables = {"LD_PRELOAD": str(library), "SETCLOCK": str(self._file)}
        self.set(days=0)

    def set(self, *, days: int) -> None:
        with self._file.open("r+b" if self._file.exists() else "xb") as file:  # in place: it is mapped
            file.write((days * 86_400).to_bytes(8, sys.byteorder, signed=True))


@pytest.mark.skipif(shutil.which("cc") is None, reason="left out: a clock that is set: install gcc and libc6-dev")
async def test_the_clock_is_set_back_and_forth_and_everybody_stays_signed_in_and_hears_on(
    tmp_path: Path, database_url: str
) -> None:
    music, clock = tmp_path / "music", Clock(tmp_path)
    music.mkdir()
    song = audio.write(music / "song.flac", seconds=20)
    async with process(music, tmp_path / "data", database_url, **clock.variables) as (server, base, link):
        clock.set(days=40)  # the machine learns the time after it has printed the link
        await shows(base, 40)
        body = {"link": link, "name": "Admin", "password": PASSWORD}
        await ask("POST", f"{base}/api/v1/setup", 201, json=body)
        clock.set(days=0)
        await shows(base, 0)
        devices = [await sign_in(base)]
        await scanned(base, devices[0])
        track = (await ask("GET", f"{base}/api/v1/tracks", 200, headers=devices[0]))["items"][0]["id"]
        address = f"{base}/api/v1/tracks/{track}/playback"
        before = await segments_of(base, await ask("GET", address, 200, headers=devices[0]))
        heard = await digests(before)
        events = f"{base}/api/v1/events?types=library"
        async with aiohttp.ClientSession() as client, listening(client, events, devices[0]) as ear:
            for number, days in enumerate(STEPS_DAYS):
                clock.set(days=days)
                await shows(base, days)
                assert await status_of(before[0], {}) == (403 if days > 0 else 200), "signed addresses have an end"
                devices.append(await sign_in(base))
                for device in devices:
                    assert await status_of(f"{base}/api/v1/me", device) == 200
                    now = await segments_of(base, await ask("GET", address, 200, headers=device))
                    assert await digests(now) == heard
                audio.write(music / f"new {number}.flac", seconds=1, seed=10 + number)
                await taken_in(base, devices[0], f"new {number}")
                await ear.until("library")
        shutil.copyfile(song, music / "copy.flac")
        async with asyncio.timeout(LIMIT_S):
            server.terminate()
            assert await server.wait() == 0
    async with process(music, tmp_path / "data", database_url, has_people=True) as (_, base, _link):
        for device in devices:
            assert await status_of(f"{base}/api/v1/me", device) == 200
        await taken_in(base, devices[0], "copy")
