"""Fifty who listen for ten minutes, each at a place of their own and skipping: all is right, and nothing grows."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from mediaserver.media.probe import index_file
from mediaserver.streaming import encoder
from mediaserver.streaming.ladder import Ladder, parse_recipe
from tests import audio
from tests.faults.houses import LIMIT_S, admin_token, ask, descendants, digests, process, scanned, segments_of
from tests.processes import usage

MINUTES, LISTENERS = 10, 50
SECONDS, SEGMENT_S = 44.0, 4
CACHE_MB = 64  # less than is asked for: segments leave, and are made again
SKIPS, LEAVES = 0.15, 0.05
"""How often somebody goes on elsewhere, and how often without waiting for what they have asked for."""
MOST_GROWTH_MB = 30
"""PSS of all processes together, from the end of the second minute on."""
MOST_LEFT_FILES = 4
"""Open in all processes once everybody has gone, beside those that were when nobody had come."""


@dataclass
class Heard:
    """Digests of what was served, by track, recipe and number of the segment."""

    statuses: Counter[int] = field(default_factory=Counter)
    digests: dict[tuple[str, str, int], set[str]] = field(default_factory=dict)
    left: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    pss_mb: float
    files: int
    """Open, in all processes."""


def read(pid: int) -> Reading:
    files = 0
    for one in (pid, *descendants(pid)):
        with suppress(FileNotFoundError, ProcessLookupError):  # a worker that has just been replaced
            files += len(list(Path(f"/proc/{one}/fd").iterdir()))
    return Reading(usage(pid).pss_mb, files)


async def listen(
    base: str, headers: dict[str, str], tracks: dict[str, str], until: float, heard: Heard, seed: int
) -> None:
    """One person with connections of their own: a segment every four seconds, of any track, family and quality."""
    chance = random.Random(seed)
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=LIMIT_S)) as client:
        await asyncio.sleep(chance.uniform(0, SEGMENT_S))
        while time.monotonic() < until:
            title = chance.choice(sorted(tracks))
            async with client.get(f"{base}/api/v1/tracks/{tracks[title]}/playback") as answer:
                playback = await answer.json()
            async with client.get(base + playback["hls"][chance.choice(sorted(playback["hls"]))]) as answer:
                main, folder = await answer.text(), str(answer.url).rsplit("/", 2)[0]
            recipe = chance.choice([line for line in main.splitlines() if line.startswith("../")])[3:].split("/")[0]
            async with client.get(f"{folder}/{recipe}/media.m3u8") as answer:
                count = (await answer.text()).count(".m4s")
            n = chance.randrange(count)
            while n < count and time.monotonic() < until:
                due_s = time.monotonic() + SEGMENT_S
                getting = asyncio.create_task(get(client, f"{folder}/{recipe}/{n}.m4s", (title, recipe, n), heard))
                if chance.random() < LEAVES:
                    await asyncio.wait([getting], timeout=chance.uniform(0, 0.05))
                    heard.left += getting.cancel()
                    with suppress(asyncio.CancelledError):
                        await getting
                    break
                await getting
                n = chance.randrange(count) if chance.random() < SKIPS else n + 1
                await asyncio.sleep(max(0.0, due_s - time.monotonic()))


async def get(client: aiohttp.ClientSession, address: str, key: tuple[str, str, int], heard: Heard) -> None:
    async with client.get(address) as answer:
        body = await answer.read()
    heard.statuses[answer.status] += 1
    if answer.status == 200:
        heard.digests.setdefault(key, set()).add(hashlib.sha256(body).hexdigest())


def made_here(music: Path, sides: Path, keys: list[tuple[str, str, int]]) -> dict[tuple[str, str, int], str]:
    """The digests that these segments must have."""
    ladder, found = Ladder(encoder.identity()), {}
    indexes: dict[str, Any] = {}
    for title, recipe, n in keys:
        if title not in indexes:
            (path,) = music.glob(f"{title}.*")
            index, _ = index_file(str(path), side_dir=str(sides))
            indexes[title] = str(sides / index.side) if index.side else str(path), index
        path_of_packets, index = indexes[title]
        body = encoder.segment(path_of_packets, index, ladder.rendition(index, parse_recipe(recipe)), n)
        found[title, recipe, n] = hashlib.sha256(body).hexdigest()
    return found


@pytest.mark.long
async def test_fifty_listeners_for_ten_minutes(tmp_path: Path, database_url: str) -> None:
    music, sides = tmp_path / "music", tmp_path / "sides"
    music.mkdir()
    sides.mkdir()
    for number, kind in enumerate(audio.FORMATS):
        audio.write(music / f"t{number}.{kind}", seconds=SECONDS, seed=number)
    audio.write(music / "wide.flac", seconds=SECONDS, rate_hz=96_000, sample_format="s32")
    settings = {"MEDIASERVER_STREAMING__CACHE_SIZE_MB": str(CACHE_MB), "MEDIASERVER_LOUDNESS__MEASURE": "false"}
    settings["MEDIASERVER_STREAMING__STREAMS_PER_PERSON"] = "0"
    async with process(music, tmp_path / "data", database_url, **settings) as (server, base, link):
        headers = await admin_token(base, link)
        await scanned(base, headers)
        items = (await ask("GET", f"{base}/api/v1/tracks", 200, headers=headers))["items"]
        tracks = {one["title"]: one["id"] for one in items}
        assert len(tracks) == len(audio.FORMATS) + 1
        heard, readings = Heard(), list[Reading]()
        one = await ask("GET", f"{base}/api/v1/tracks/{tracks['wide']}/playback", 200, headers=headers)
        await digests((await segments_of(base, one))[:1])  # the workers are there, and idle
        before = await asyncio.to_thread(read, server.pid)
        began = time.monotonic()
        until = began + MINUTES * 60
        async with asyncio.TaskGroup() as group:
            for seed in range(LISTENERS):
                group.create_task(listen(base, headers, tracks, until, heard, seed))
            while time.monotonic() < until:
                await asyncio.sleep(max(0.0, min(10.0, until - time.monotonic())))
                readings.append(await asyncio.to_thread(read, server.pid))
        async with asyncio.timeout(LIMIT_S):
            while (after := await asyncio.to_thread(read, server.pid)).files > before.files + MOST_LEFT_FILES:
                await asyncio.sleep(0.5)
        kept = [path for path in (tmp_path / "data" / "cache" / "segments").rglob("*") if path.is_file()]
    second = readings[min(len(readings) - 1, 11)]
    last = readings[-min(len(readings), 12) :]
    print(f"\n{dict(heard.statuses)}, {heard.left} left early, {len(heard.digests)} segments of {len(tracks)} tracks;")
    print(f"PSS {second.pss_mb:.0f} MB after two minutes, {max(r.pss_mb for r in last):.0f} in the last two at most;")
    print(f"{before.files} files open before, {max(r.files for r in last)} at most, {after.files} afterwards")
    assert set(heard.statuses) == {200}
    assert heard.statuses[200] > LISTENERS * MINUTES * 60 / SEGMENT_S / 3
    assert max(r.pss_mb for r in last) - second.pss_mb < MOST_GROWTH_MB
    assert {path.suffix for path in kept} <= {".m4s"}
    assert sum(path.stat().st_size for path in kept) <= CACHE_MB * 1_000_000
    right = await asyncio.to_thread(made_here, music, sides, sorted(heard.digests))
    assert {key: found for key, found in heard.digests.items() if found != {right[key]}} == {}
