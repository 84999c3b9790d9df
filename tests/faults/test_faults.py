"""Crashes, done for real: what was acknowledged is there afterwards."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.faults.houses import (
    LIMIT_S,
    ROOT,
    admin_token,
    ask,
    descendants,
    is_zombie,
    process,
    scanned,
)
from tests.server import PASSWORD, running

KILLED_ALBUMS = 300


async def test_what_was_acknowledged_survives_kill_9_at_once(
    tmp_path: Path, seeded_library: Path, database_url: str
) -> None:
    headers: dict[str, str] = {}
    for round_number in range(4):
        started = process(seeded_library, tmp_path / "data", database_url, has_people=round_number > 0)
        async with started as (server, base, link):
            headers = headers or await admin_token(base, link)
            users = (await ask("GET", f"{base}/api/v1/users", 200, headers=headers))["items"]
            assert len(users) == 1 + 3 * round_number
            for n in range(3):
                body = {"name": f"user {round_number} {n}", "password": PASSWORD}
                await ask("POST", f"{base}/api/v1/users", 201, json=body, headers=headers)
            server.send_signal(signal.SIGKILL)
            await server.wait()


async def test_a_scan_that_was_killed_goes_on_and_ends_whole(
    tmp_path: Path, seeded_library: Path, database_url: str
) -> None:
    """Killed twice in the middle of reading: what was stored by then is not read again."""
    music, data_dir = tmp_path / "music", tmp_path / "data"
    music.mkdir()
    async with process(music, data_dir, database_url) as (_, base, link):
        headers = await admin_token(base, link)
    for n in range(KILLED_ALBUMS):
        shutil.copytree(seeded_library / "Björk", music / str(n))
    files = 3 * KILLED_ALBUMS
    for share in (0.02, 0.5):
        async with process(music, data_dir, database_url, has_people=True) as (server, base, _):
            scan: dict[str, Any] = {}
            async with asyncio.timeout(LIMIT_S):
                while not scan or scan["files_read"] <= share * scan["files_to_read"]:
                    scan = await ask("GET", f"{base}/api/v1/scan", 200, headers=headers)
            server.kill()
            await server.wait()
            assert scan["state"] == "scanning", "it was killed too late to be in the middle"
            assert 0 < scan["files_read"] < scan["files_to_read"]
    unscanned = {"MEDIASERVER_LIBRARY__SCAN_AT_START": "false"}
    async with process(music, data_dir, database_url, has_people=True, **unscanned) as (_, base, _link):
        kept = (await ask("GET", f"{base}/api/v1/albums", 200, headers=headers))["items"]
        stored = sum(one["track_count"] for one in kept)
        assert stored < files
    async with process(music, data_dir, database_url, has_people=True) as (_, base, _link):
        scan = await scanned(base, headers)
        assert scan["files_read"] == files - stored, "what was stored before is not read again"
        albums = (await ask("GET", f"{base}/api/v1/albums", 200, headers=headers))["items"]
        assert [(one["title"], one["track_count"]) for one in albums] == [("Homogenic", files)]


async def test_workers_end_with_a_killed_server(tmp_path: Path, seeded_library: Path, database_url: str) -> None:
    async with process(seeded_library, tmp_path / "data", database_url) as (server, base, link):
        await admin_token(base, link)
        family = descendants(server.pid)
        assert family
        server.kill()
        await server.wait()
        async with asyncio.timeout(LIMIT_S):
            while any(Path(f"/proc/{pid}").exists() and not is_zombie(pid) for pid in family):
                await asyncio.sleep(0.05)


async def test_sigterm_ends_everything_within_five_seconds(
    tmp_path: Path, seeded_library: Path, database_url: str
) -> None:
    """Five seconds of a machine that is not busy with other things: how much it is, a sleeper beside it tells."""
    async with process(seeded_library, tmp_path / "data", database_url) as (server, base, link):
        await admin_token(base, link)
        family = descendants(server.pid)
        server.terminate()
        began, steps, lost_s = time.monotonic(), 0, 0.0
        async with asyncio.timeout(LIMIT_S):
            while server.returncode is None or any(
                Path(f"/proc/{pid}").exists() and not is_zombie(pid) for pid in family
            ):
                before = time.monotonic()
                await asyncio.sleep(0.02)
                steps, lost_s = steps + 1, lost_s + time.monotonic() - before - 0.02
        assert server.returncode == 0
        assert time.monotonic() - began - lost_s < 5, f"{steps} looks, {lost_s:.1f} s of them lost to other work"


async def test_a_second_server_on_the_same_data_is_refused_in_one_line(
    tmp_path: Path, seeded_library: Path, database_url: str
) -> None:
    async with process(seeded_library, tmp_path / "data", database_url):
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
    async with process(seeded_library, data_dir, "", stderr=asyncio.subprocess.PIPE) as (server, base, _link):
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
