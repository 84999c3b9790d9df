"""A disk that fills: told in the log, to everybody in health, and to administrators with what mends it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.cli.command import Command, Served

CAN_MOUNT = os.geteuid() == 0 and bool(shutil.which("unshare") and shutil.which("nsenter"))
pytestmark = pytest.mark.skipif(not CAN_MOUNT, reason="left out: disks of the tests' own: run as root")
PASSWORD = "correct horse battery"


async def test_a_disk_that_fills_is_told_and_recovers_by_itself(tmp_path: Path, seeded_library: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    mounted = f"mount -t tmpfs -o size=900m tmpfs '{cache}' && exec \"$@\""
    command = Command(
        tmp_path / "data", "", ("unshare", "--mount", "sh", "-c", mounted, "sh", sys.executable, "-m", "mediaserver")
    )
    assert (
        await Command(command.data_dir, "").run(
            "user", "add", "anna", "--admin", "--password-stdin", stdin=PASSWORD.encode()
        )
    ).code == 0
    made = await Command(command.data_dir, "").run("token", "create", "anna", "--name", "test")
    headers = {"Authorization": f"Bearer {made.out.split()[-1]}"}
    async with (
        command.serving(seeded_library, MEDIASERVER_STREAMING__CACHE_DIR=str(cache)) as served,
        aiohttp.ClientSession(served.base) as client,
    ):

        async def told(path: str) -> Any:
            async with client.get(path, headers=headers) as answer:
                assert answer.status == 200
                return await answer.json()

        async def row() -> dict[str, Any]:
            rows = (await told("/api/v1/health"))["rows"]
            found: dict[str, Any] = next(one for one in rows if one["name"] == "Disk of the cache")
            return found

        low = await row()
        assert (low["state"], "it is full soon" in low["message"]) == ("warning", True)
        assert "streaming.cache_dir" in low["remedy"]
        assert "A disk is almost full." in (await told("/healthz"))["warnings"]
        inside(served, "dd", "if=/dev/zero", f"of={cache}/big", "bs=1M", "count=800")
        assert (await row())["state"] == "bad"
        assert "A disk is full or cannot be written." in (await told("/healthz"))["warnings"]
        inside(served, "rm", f"{cache}/big")
        inside(served, "mount", "-o", "remount,size=4g", str(cache))
        assert (await row())["state"] == "ok"
        assert not [one for one in (await told("/healthz"))["warnings"] if one.startswith("A disk")]
        ended = await served.stopped()
    lines = [json.loads(line) for line in (command.data_dir / "logs" / "mediaserver.jsonl").read_text().splitlines()]
    assert [line["level"] for line in lines if line["logger"].endswith("checkup.disks")] == ["warning", "error", "info"]
    assert ended.err.count("there is room again") == 1


def inside(served: Served, *words: str) -> None:
    """Run in the server's own view of the machine."""
    subprocess.run(["nsenter", "-t", str(served.process.pid), "--mount", *words], check=True, capture_output=True)
