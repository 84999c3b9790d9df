"""Some minutes of a busy house on a small cache: nothing fails, nothing grows."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests import audio
from tests.faults.houses import admin_token, ask, process, scanned
from tests.processes import usage

MINUTES, LISTENERS = 4, 8
MOST_GROWTH_MB = 25


def open_files(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


async def listen(
    client: aiohttp.ClientSession, base: str, tracks: list[int], until: float, counts: dict[str, int], seed: int
) -> None:
    """One listener: tracks at random, their segments in order, now and then a jump or another quality."""
    chance = random.Random(seed)
    while time.monotonic() < until:
        async with client.get(f"{base}/api/v1/tracks/{chance.choice(tracks)}/playback") as answer:
            playback = await answer.json()
        async with client.get(base + playback["hls"][chance.choice(list(playback["hls"]))]) as answer:
            main = await answer.text()
            folder = str(answer.url).rsplit("/", 2)[0]
        variant = chance.choice([line for line in main.splitlines() if line.startswith("../")])[3:].split("/")[0]
        async with client.get(f"{folder}/{variant}/media.m3u8") as answer:
            segments = [line for line in (await answer.text()).splitlines() if line.endswith(".m4s")]
        for segment in segments[chance.randrange(len(segments)) :]:
            async with client.get(f"{folder}/{variant}/{segment}") as answer:
                await answer.read()
                counts[str(answer.status)] = counts.get(str(answer.status), 0) + 1
            if time.monotonic() > until:
                return


@pytest.mark.long
async def test_a_busy_house_for_some_minutes(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    music.mkdir()
    kinds = sorted(audio.FORMATS)
    for n in range(48):
        audio.write(music / f"{n}.{kinds[n % len(kinds)]}", seconds=40, seed=n)
    config = tmp_path / "data" / "config.toml"
    config.parent.mkdir()
    # No player is as hasty as these: one person would not be let have so many tracks at once.
    config.write_text("[streaming]\ncache_size_mb = 64\nstreams_per_person = 0\n")
    async with process(music, tmp_path / "data", database_url) as (server, base, link):
        headers: dict[str, Any] = await admin_token(base, link)
        await scanned(base, headers)
        tracks = [one["id"] for one in (await ask("GET", f"{base}/api/v1/tracks", 200, headers=headers))["items"]]
        counts: dict[str, int] = {}
        until = time.monotonic() + MINUTES * 60
        readings = []
        async with aiohttp.ClientSession(headers=headers) as client, asyncio.TaskGroup() as group:
            for seed in range(LISTENERS):
                group.create_task(listen(client, base, tracks, until, counts, seed))
            while time.monotonic() < until:
                await asyncio.sleep(10)
                readings.append((usage(server.pid, is_whole=False).pss_mb, open_files(server.pid)))
                await ask("POST", f"{base}/api/v1/scan", 202, headers=headers)
        kept = sum(path.stat().st_size for path in (tmp_path / "data" / "cache" / "segments").rglob("*.m4s"))
        print(f"\n{counts}; PSS {readings[2][0]:.0f} to {readings[-1][0]:.0f} MB; cache {kept / 1e6:.0f} MB")
    assert set(counts) == {"200"}
    assert counts["200"] > 500
    assert max(mb for mb, _ in readings[-3:]) - readings[2][0] < MOST_GROWTH_MB
    assert max(files for _, files in readings[-3:]) - readings[2][1] < 20
    assert kept <= 64_000_000
