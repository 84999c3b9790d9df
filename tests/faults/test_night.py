"""kill -9 in the middle of what is made at night: pins stay, it goes on where it was, and listeners come first."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from tests import audio
from tests.faults.houses import LIMIT_S, admin_token, ask, process

TRACKS = 3
SEGMENTS = 16 * TRACKS  # of a minute each, in AAC


@pytest.mark.long
async def test_a_night_that_was_killed_goes_on_where_it_was(tmp_path: Path, database_url: str) -> None:
    music, data_dir = tmp_path / "music", tmp_path / "data"
    music.mkdir()
    for n in range(TRACKS):
        await asyncio.to_thread(audio.write, music / f"{n}.flac", seconds=60.0, seed=n)
    kept = data_dir / "cache" / "segments"
    at_all_hours = {"MEDIASERVER_STREAMING__READY_HOURS": "[]", "MEDIASERVER_LOUDNESS__MEASURE": "false"}

    def there() -> dict[str, int]:
        return {str(path.relative_to(kept)): path.stat().st_mtime_ns for path in kept.rglob("*.m4s")}

    async def until(count: int) -> dict[str, int]:
        async with asyncio.timeout(2 * LIMIT_S):
            while len(there()) < count:
                await asyncio.sleep(0.02)
        return there()

    headers: dict[str, str] = {}
    before: dict[str, int] = {}
    for at in (8, 20):
        async with process(music, data_dir, database_url, has_people=bool(headers), **at_all_hours) as (
            server,
            base,
            link,
        ):
            if not headers:
                headers = await admin_token(base, link)
                async with asyncio.timeout(LIMIT_S):
                    while (
                        len(found := (await ask("GET", f"{base}/api/v1/tracks", 200, headers=headers))["items"])
                        < TRACKS
                    ):
                        await asyncio.sleep(0.1)
                for one in found:
                    await ask("PUT", f"{base}/api/v1/pins/tracks/{one['id']}", 204, headers=headers)
            await until(at)
            server.send_signal(signal.SIGKILL)
            await server.wait()
        now = there()
        assert now.items() >= before.items(), "nothing is lost, and nothing made again"
        before = now
    assert len(before) < SEGMENTS, "it was killed too late to be in the middle"
    async with process(music, data_dir, database_url, has_people=True, **at_all_hours) as (_, base, _link):
        assert len((await ask("GET", f"{base}/api/v1/pins", 200, headers=headers))["items"]) == TRACKS
        now = await until(SEGMENTS)
        assert now.items() >= before.items()
        assert not list(kept.rglob("*.part"))
        async with asyncio.timeout(LIMIT_S):
            while True:
                rows = (await ask("GET", f"{base}/api/v1/health", 200, headers=headers))["rows"]
                told = next((one["message"] for one in rows if one["name"] == "Kept ready"), "")
                if told.startswith(f"{TRACKS} of {TRACKS} tracks"):
                    break
                await asyncio.sleep(0.1)
        assert there() == now
