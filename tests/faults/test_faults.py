"""Crashes and full disks, done for real: what was acknowledged is there afterwards."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests import seeded
from tests.server import PASSWORD, running

ROOT = Path(__file__).parent.parent.parent


@asynccontextmanager
async def process(
    folder: Path, data_dir: Path, *, stderr: int | None = None
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, str]]:
    """A server process of its own on SQLite: the process, its address and its set-up link ("" if there is a user)."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "MEDIASERVER_LOG__LEVEL": "warning"}
    environment.pop("MEDIASERVER_TEST_DATABASE", None)
    started = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "mediaserver", "serve", str(folder), "--host", "127.0.0.1", "--port", "0", "--data-dir", str(data_dir)),
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        env=environment,
    )
    try:
        assert started.stdout is not None
        announced = ""
        async with asyncio.timeout(20):
            while "http://" not in announced:
                announced += (await started.stdout.readline()).decode()
        try:
            async with asyncio.timeout(0.2):  # what is printed at once is there at once
                while "setup?link=" not in announced:
                    announced += (await started.stdout.readline()).decode() or "setup?link=-"
        except TimeoutError:
            pass
        base = re.findall(r"http://[^/\s]+", announced)[0]
        link = (re.findall(r"link=(\S+)", announced) or [""])[0]
        yield started, base, link
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def ask(method: str, url: str, status: int, **options: Any) -> Any:
    async with aiohttp.ClientSession() as client, client.request(method, url, **options) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json() if answer.content_type.endswith("json") else None


async def admin_token(base: str, link: str) -> dict[str, str]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        body = {"link": link, "name": "Admin", "password": PASSWORD}
        async with client.post(f"{base}/api/v1/setup", json=body) as answer:
            csrf = (await answer.json())["csrf"]
        headers = {"X-CSRF-Token": csrf}
        async with client.post(f"{base}/api/v1/tokens", json={"name": "t"}, headers=headers) as answer:
            return {"Authorization": f"Bearer {(await answer.json())['token']}"}


async def test_what_was_acknowledged_survives_kill_9_at_once(tmp_path: Path, seeded_library: Path) -> None:
    headers: dict[str, str] = {}
    for round_number in range(4):
        async with process(seeded_library, tmp_path / "data") as (server, base, link):
            headers = headers or await admin_token(base, link)
            users = (await ask("GET", f"{base}/api/v1/users", 200, headers=headers))["items"]
            assert len(users) == 1 + 3 * round_number
            for n in range(3):
                body = {"name": f"user {round_number} {n}", "password": PASSWORD}
                await ask("POST", f"{base}/api/v1/users", 201, json=body, headers=headers)
            server.send_signal(signal.SIGKILL)
            await server.wait()


async def test_a_scan_that_was_killed_goes_on_and_ends_whole(tmp_path: Path, seeded_library: Path) -> None:
    music = tmp_path / "music"
    for n in range(80):
        shutil.copytree(seeded_library / "Björk", music / str(n))
    headers: dict[str, str] = {}
    for wait_s in (0.15, 0.4, 0.7):
        async with process(music, tmp_path / "data") as (server, base, link):
            headers = headers or await admin_token(base, link)
            await asyncio.sleep(wait_s / 10)
            server.kill()
            await server.wait()
    async with process(music, tmp_path / "data") as (_, base, _link):
        async with asyncio.timeout(30):
            while (await ask("GET", f"{base}/api/v1/scan", 200, headers=headers))["state"] != "idle":
                await asyncio.sleep(0.05)
        albums = (await ask("GET", f"{base}/api/v1/albums", 200, headers=headers))["items"]
        assert [(one["title"], one["track_count"]) for one in albums] == [("Homogenic", 240)]


async def test_workers_end_with_a_killed_server(tmp_path: Path, seeded_library: Path) -> None:
    async with process(seeded_library, tmp_path / "data") as (server, base, link):
        await admin_token(base, link)
        family = descendants(server.pid)
        assert family
        server.kill()
        await server.wait()
        async with asyncio.timeout(10):
            while any(Path(f"/proc/{pid}").exists() and not is_zombie(pid) for pid in family):
                await asyncio.sleep(0.05)


async def test_sigterm_ends_everything_within_five_seconds(tmp_path: Path, seeded_library: Path) -> None:
    async with process(seeded_library, tmp_path / "data") as (server, base, link):
        await admin_token(base, link)
        family = descendants(server.pid)
        server.terminate()
        async with asyncio.timeout(5):
            assert await server.wait() == 0
            while any(Path(f"/proc/{pid}").exists() and not is_zombie(pid) for pid in family):
                await asyncio.sleep(0.02)


async def test_a_second_server_on_the_same_data_is_refused_in_one_line(tmp_path: Path, seeded_library: Path) -> None:
    async with process(seeded_library, tmp_path / "data"):
        second = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "mediaserver", "serve", str(seeded_library), "--port", "0", "--data-dir", str(tmp_path / "data")),
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        _, error = await second.communicate()
        assert second.returncode == 1
        assert error.decode().count("\n") == 1
        assert "another server runs" in error.decode()


@pytest.mark.parametrize("replaced", [False, True])
async def test_a_database_that_is_taken_away_stops_the_server_before_more_is_acknowledged(
    tmp_path: Path, seeded_library: Path, replaced: bool
) -> None:
    """SQLite would go on writing into the file that nobody will find again."""
    data_dir = tmp_path / "data"
    async with process(seeded_library, data_dir, stderr=asyncio.subprocess.PIPE) as (server, base, _link):
        assert (await ask("GET", f"{base}/healthz", 200))["status"] == "ok"
        (data_dir / "mediaserver.db").rename(tmp_path / "elsewhere.db")
        if replaced:
            (data_dir / "mediaserver.db").touch()
        async with asyncio.timeout(60):
            _, error = await server.communicate()
    assert server.returncode == 1
    assert "stopping, database: StorageDamaged: " in error.decode()
    assert str(data_dir / "mediaserver.db") in error.decode()


async def test_health_says_that_an_essential_part_has_failed(tmp_path: Path, seeded_library: Path) -> None:
    async with running(seeded_library, tmp_path / "data") as house:
        (tmp_path / "data" / "mediaserver.db").unlink()
        async with asyncio.timeout(60):
            await house.server.failed()
        told = await ask("GET", f"{house.base}/healthz", 503)
        assert (told["status"], told["failing_jobs"]) == ("failing", ["database"])
        await ask("GET", f"{house.base}/readyz", 503)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
async def test_a_full_disk_refuses_writing_in_words_and_goes_on_playing(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    music = seeded.make(tmp_path / "music")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(disk)], check=True)
    try:
        async with process(music, disk / "data") as (_, base, link):
            headers = await admin_token(base, link)
            async with asyncio.timeout(20):
                while (await ask("GET", f"{base}/api/v1/scan", 200, headers=headers))["state"] != "idle":
                    await asyncio.sleep(0.05)
            track = (await ask("GET", f"{base}/api/v1/tracks", 200, headers=headers))["items"][0]["id"]
            playback = await ask("GET", f"{base}/api/v1/tracks/{track}/playback", 200, headers=headers)
            fill(disk / "filler")
            refused = 0
            for n in range(300):
                body = {"name": f"user {n} " + "x" * 40, "password": PASSWORD}
                status = await status_of(f"{base}/api/v1/users", body, headers)
                assert status in (201, 503)
                refused += status == 503
                if refused > 3:
                    break
            assert refused
            async with aiohttp.ClientSession() as client, client.get(base + playback["hls"]["aac"]) as answer:
                variant = (await answer.text()).split("../")[1].split("/")[0]
            folder = f"{base}{playback['hls']['aac'].rsplit('/', 2)[0]}/{variant}"
            await ask("GET", f"{folder}/0.m4s", 200)
            (disk / "filler").unlink()
            await ask(
                "POST", f"{base}/api/v1/users", 201, json={"name": "at last", "password": PASSWORD}, headers=headers
            )
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


async def status_of(url: str, body: Any, headers: dict[str, str]) -> int:
    async with aiohttp.ClientSession() as client, client.post(url, json=body, headers=headers) as answer:
        return answer.status


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def descendants(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == pid:
                found += [int(entry.name), *descendants(int(entry.name))]
    return found


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
