"""A disk of music that goes away or hangs while music plays: what is at hand goes on, and nothing is marked as lost."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests import audio
from tests.drives import ON_ANOTHER, ONE, drives, held_for_good, needs_fuse, stop_amid_a_request
from tests.faults.houses import (
    LIMIT_S,
    admin_token,
    ask,
    inside,
    mounted,
    process,
    refusal,
    scanned,
    segments_of,
    status_of,
)
from tests.server import PASSWORD

PROMISED_S = 30.0
"""How long after a disk is back its music may be told as away: docs/guide.md."""
AT_ONCE_S = 5.0
"""For what has nothing to do with the disk that hangs; the machine may be busy."""


@dataclass(slots=True)
class House:
    server: asyncio.subprocess.Process
    base: str
    headers: dict[str, str]
    disk: Path
    """What is mounted at `music`."""
    music: Path

    async def tracks(self) -> dict[str, Any]:
        """By title; none may be missing."""
        items = (await ask("GET", f"{self.base}/api/v1/tracks?limit=500", 200, headers=self.headers))["items"]
        assert not [one["title"] for one in items if one["missing"]]
        return {one["title"]: one for one in items}

    async def playback(self, title: str, status: int = 200) -> Any:
        track = (await self.tracks())[title]["id"]
        return await ask("GET", f"{self.base}/api/v1/tracks/{track}/playback", status, headers=self.headers)

    async def segments(self, title: str) -> list[str]:
        """Of FLAC: the addresses in full."""
        return await segments_of(self.base, await self.playback(title), "flac")

    def unmount(self) -> None:
        inside(self.server.pid, "umount", "--lazy", self.music)

    def mount(self) -> None:
        inside(self.server.pid, "mount", "--bind", self.disk, self.music)

    def mount_elsewhere(self, folder: Path) -> None:
        """Something that has nothing to do with the music."""
        (folder / "elsewhere").mkdir()
        inside(self.server.pid, "mount", "-t", "tmpfs", "none", folder / "elsewhere")

    async def scan(self) -> Any:
        await ask("POST", f"{self.base}/api/v1/scan", 202, headers=self.headers)
        return await scanned(self.base, self.headers)

    async def folder_row(self) -> Any:
        rows = (await ask("GET", f"{self.base}/api/v1/health", 200, headers=self.headers))["rows"]
        return next(row for row in rows if str(self.music) in row["message"] or row["name"] == str(self.music))


@asynccontextmanager
async def house(
    tmp_path: Path, database_url: str, script: str = 'mount --bind "$1" "$2"', **kept: Any
) -> AsyncIterator[House]:
    """Two long sounds on a disk of their own and one beside it, scanned."""
    disk, music, beside = tmp_path / "disk", tmp_path / "music", tmp_path / "beside"
    for folder in (disk, music, beside):
        folder.mkdir()
    for n, name in enumerate(("one", "two")):
        audio.write(disk / f"{name}.flac", seconds=60, seed=n)
    audio.write(beside / "here.flac", seconds=20, seed=7)
    before = mounted(script, disk, music)
    async with process(music, tmp_path / "data", database_url, more=[beside], before=before, **kept) as up:
        server, base, link = up
        headers = await admin_token(base, link)
        await scanned(base, headers)
        yield House(server, base, headers, disk, music)


async def test_a_library_that_is_unmounted_while_it_plays_is_back_without_a_restart(
    tmp_path: Path, database_url: str
) -> None:
    async with house(tmp_path, database_url) as up, aiohttp.ClientSession() as client:
        playback, segments = await up.playback("one"), await up.segments("one")
        await ask("GET", segments[0], 200)
        async with client.get(up.base + playback["direct"]) as original:
            body = await original.content.readexactly(1000)
            up.unmount()
            body += await original.read()
        assert body == (up.disk / "one.flac").read_bytes(), "what is open plays on"
        await ask("GET", segments[0], 200)
        for address in (segments[9], up.base + playback["direct"]):
            assert "is its disk mounted?" in await refusal("GET", address)
        assert "is its disk mounted?" in (await up.playback("two", 503))["detail"]
        assert (await up.playback("here"))["duration_ms"] == 20_000
        ended = await up.scan()
        assert ended["last"]["outcome"] == "failed"
        assert f"{up.music} is empty, though it had music: is the disk mounted?" in ended["message"]
        assert len(await up.tracks()) == 3
        up.mount()
        await ask("GET", segments[9], 200)
        await up.playback("two")
        async with asyncio.timeout(PROMISED_S):
            shutil.copyfile(up.disk / "one.flac", up.disk / "three.flac")
            while "three" not in await up.tracks():
                await asyncio.sleep(0.1)
        assert (await up.scan())["message"] == ""
        await ask("GET", segments[10], 200)


async def test_a_scan_amid_which_the_disk_goes_says_so_and_marks_nothing_as_lost(
    tmp_path: Path, database_url: str
) -> None:
    albums = 400
    async with house(tmp_path, database_url) as up:
        song = audio.write(tmp_path / "song.flac", seconds=1).read_bytes()
        (tmp_path / "new").mkdir()
        for n in range(albums):
            (tmp_path / "new" / f"{n}").mkdir()
            for m in range(3):
                (tmp_path / "new" / f"{n}" / f"{n} {m}.flac").write_bytes(song)
        (tmp_path / "new").rename(up.disk / "new")
        await ask("POST", f"{up.base}/api/v1/scan", 202, headers=up.headers)
        async with asyncio.timeout(LIMIT_S):
            while True:
                scan = await ask("GET", f"{up.base}/api/v1/scan", 200, headers=up.headers)
                if scan["phase"] == "reading" and scan["files_read"] > 0:
                    break
                assert scan["state"] == "scanning", "it was over before it could be disturbed"
        up.unmount()
        ended = await scanned(up.base, up.headers)
        assert f"{up.music} went away" in ended["message"], ended
        assert ended["last"]["outcome"] == "failed"
        report = await ask("GET", f"{up.base}/api/v1/scan/problems", 200, headers=up.headers)
        assert report["items"] == [], "no file is to blame"
        assert {"one", "two", "here"} <= set(await up.tracks())
        up.mount()
        await up.scan()
        report = await up.scan()
        assert (report["message"], report["files_read"]) == ("", 0)
        assert report["files_seen"] == 3 * albums + 3


@asynccontextmanager
async def house_on_a_drive(
    tmp_path: Path, database_url: str, script: str = ONE, **kept: Any
) -> AsyncIterator[tuple[House, int]]:
    """The same on a file system in a process of its own, which is stopped to make it hang; its id."""
    async with house(tmp_path, database_url, script, **kept) as up:
        family = drives(up.server.pid)
        try:
            yield up, family[0]
        finally:
            for drive in family:
                os.kill(drive, signal.SIGKILL)


async def timed(asked: Any) -> tuple[float, Any]:
    began_s = time.monotonic()
    result = await asked
    return time.monotonic() - began_s, result


@needs_fuse
async def test_everything_else_is_answered_while_one_disk_hangs(tmp_path: Path, database_url: str) -> None:
    async with house_on_a_drive(tmp_path, database_url) as (up, drive):
        segments, here = await up.segments("one"), await up.segments("here")
        original = up.base + (await up.playback("one"))["direct"]
        await ask("GET", segments[0], 200)
        tracks = await up.tracks()
        os.kill(drive, signal.SIGSTOP)
        hanging = [f"{up.base}/api/v1/tracks/{tracks['two']['id']}/playback", *segments[5:8], original]
        waiting = [asyncio.create_task(refusal("GET", one, headers=up.headers)) for one in 12 * hanging]
        await asyncio.sleep(0.5)
        for n in range(3):
            body = {"name": f"anna {n}", "password": PASSWORD}  # is hashed in a thread of the loop's
            asked = [
                ask("GET", f"{up.base}/healthz", 200),
                ask("GET", segments[0], 200),
                ask("GET", here[n], 200),
                ask("POST", f"{up.base}/api/v1/users", 201, json=body, headers=up.headers),
                up.playback("here"),
            ]
            took_s = [(await one)[0] for one in asyncio.as_completed([timed(one) for one in asked], timeout=LIMIT_S)]
            assert max(took_s) < AT_ONCE_S, took_s
        async with asyncio.timeout(LIMIT_S):
            assert {"the disk of this music does not answer"} == set(await asyncio.gather(*waiting))
        took, _ = await timed(refusal("GET", hanging[0], headers=up.headers))
        assert took < AT_ONCE_S, "once it is known, nobody waits for it"
        os.kill(drive, signal.SIGCONT)
        async with asyncio.timeout(PROMISED_S):
            while (await status_of(hanging[0], up.headers)) != 200:
                await asyncio.sleep(0.1)
            while (await status_of(segments[5], up.headers)) != 200:  # no file is blamed for what its disk did
                await asyncio.sleep(0.1)
        await ask("GET", original, 200)


@needs_fuse
@pytest.mark.long
async def test_a_worker_that_cannot_be_killed_holds_up_no_music_of_other_disks(
    tmp_path: Path, database_url: str
) -> None:
    variables = {"MEDIASERVER_LIBRARY__WORKER_PROCESSES": "1", "MEDIASERVER_LIBRARY__WATCH": "false"}
    async with house_on_a_drive(tmp_path, database_url, ON_ANOTHER, **variables) as (up, drive):
        here = await up.segments("here")
        song = (tmp_path / "beside" / "here.flac").read_bytes()
        for n in range(400):
            (up.disk / f"copy {n}.flac").write_bytes(song)
        shutil.copyfile(tmp_path / "beside" / "here.flac", tmp_path / "beside" / "new.flac")
        await ask("POST", f"{up.base}/api/v1/scan", 202, headers=up.headers)
        async with asyncio.timeout(LIMIT_S):
            while (await ask("GET", f"{up.base}/api/v1/scan", 200, headers=up.headers))["files_read"] == 0:
                pass
        await stop_amid_a_request(drive, up.server.pid)
        ended = await scanned(up.base, up.headers)
        assert f"the disk of {up.music} does not answer" in ended["message"]
        assert held_for_good(up.server.pid), "it could be killed, and so this shows nothing"
        assert "new" in await up.tracks(), "the scan went on in the other folder"
        for n in range(3):
            took_s, _ = await timed(ask("GET", here[n], 200))
            assert took_s < AT_ONCE_S
        os.kill(drive, signal.SIGCONT)
        async with asyncio.timeout(PROMISED_S):
            while held_for_good(up.server.pid):
                await asyncio.sleep(0.1)
        assert (await up.scan())["message"] == ""


@pytest.mark.long
@needs_fuse
async def test_the_other_folder_is_watched_and_scanned_while_one_disk_hangs(tmp_path: Path, database_url: str) -> None:
    async with house_on_a_drive(tmp_path, database_url) as (up, drive):
        os.kill(drive, signal.SIGSTOP)
        up.mount_elsewhere(tmp_path)  # which has every folder asked
        await asyncio.sleep(1)
        shutil.copyfile(tmp_path / "beside" / "here.flac", tmp_path / "beside" / "watched.flac")
        async with asyncio.timeout(AT_ONCE_S):
            while "watched" not in await up.tracks():
                await asyncio.sleep(0.1)
        ended = await up.scan()
        assert f"the disk of {up.music} does not answer" in ended["message"]
        assert ended["files_seen"] >= 2, "those beside"


@needs_fuse
async def test_a_server_ends_also_while_a_disk_hangs(tmp_path: Path, database_url: str) -> None:
    async with house_on_a_drive(tmp_path, database_url) as (up, drive):
        tracks = await up.tracks()
        os.kill(drive, signal.SIGSTOP)
        address = f"{up.base}/api/v1/tracks/{tracks['two']['id']}/playback"
        await ask("POST", f"{up.base}/api/v1/scan", 202, headers=up.headers)
        asked = asyncio.create_task(status_of(address, up.headers))
        await asyncio.sleep(1)
        up.server.terminate()
        async with asyncio.timeout(LIMIT_S / 2):
            assert await up.server.wait() == 0
        asked.cancel()


@needs_fuse
@pytest.mark.long
async def test_a_scan_of_a_disk_that_hangs_ends_in_words_and_marks_nothing_as_lost(
    tmp_path: Path, database_url: str
) -> None:
    async with house_on_a_drive(tmp_path, database_url) as (up, drive):
        os.kill(drive, signal.SIGSTOP)
        ended = await up.scan()
        assert f"the disk of {up.music} does not answer" in ended["message"]
        assert len(await up.tracks()) == 3
        os.kill(drive, signal.SIGCONT)
        assert (await up.scan())["message"] == ""
        for n in range(300):
            shutil.copyfile(tmp_path / "beside" / "here.flac", up.disk / f"copy {n}.flac")
        await ask("POST", f"{up.base}/api/v1/scan", 202, headers=up.headers)
        async with asyncio.timeout(LIMIT_S):
            while (await ask("GET", f"{up.base}/api/v1/scan", 200, headers=up.headers))["phase"] != "reading":
                pass
        os.kill(drive, signal.SIGSTOP)
        ended = await scanned(up.base, up.headers)
        os.kill(drive, signal.SIGCONT)
        assert "does not answer" in ended["message"] or "went away" in ended["message"]
        report = await ask("GET", f"{up.base}/api/v1/scan/problems", 200, headers=up.headers)
        assert report["items"] == [], "no file is to blame"
        await up.scan()
        assert (await up.scan())["files_seen"] == 303
