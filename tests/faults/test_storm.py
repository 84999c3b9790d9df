"""Two hundred who ask for the same cold segment in the same moment: it is made once, and everybody gets it."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from mediaserver.media.probe import index_file
from mediaserver.streaming import encoder
from mediaserver.streaming.ladder import Ladder, parse_recipe
from tests import audio
from tests.faults.houses import LIMIT_S, admin_token, ask, process, scanned, segments_of

ASKERS = 200
CASES = {"aac": "flac", "opus": "mp3", "flac": "wav"}
"""Families, each of a source of which it is encoded."""


async def outcomes(base: str, admin: dict[str, str]) -> dict[str, int]:
    """Segments since the start by where they came from, as the server itself counts them."""
    async with aiohttp.ClientSession(headers=admin) as client, client.get(f"{base}/metrics") as answer:
        lines = re.findall(r'^mediaserver_segments_total\{outcome="(\w+)"\} (\S+)', await answer.text(), re.M)
    return {outcome: int(float(count)) for outcome, count in lines}


async def all_at_once(addresses: list[str]) -> list[tuple[int, bytes]]:
    """Each over a connection of its own."""
    pool, timeout = aiohttp.TCPConnector(limit=0), aiohttp.ClientTimeout(total=LIMIT_S)
    async with aiohttp.ClientSession(connector=pool, timeout=timeout) as client:

        async def get(address: str) -> tuple[int, bytes]:
            async with client.get(address) as answer:
                return answer.status, await answer.read()

        return await asyncio.gather(*map(get, addresses))


def made_here(path: Path, address: str) -> bytes:
    recipe, file = address.split("/")[-2:]
    index, _ = index_file(str(path))
    rendition = Ladder(encoder.identity()).rendition(index, parse_recipe(recipe))
    return encoder.segment(str(path), index, rendition, int(file.removesuffix(".m4s")))


@pytest.mark.parametrize(("grants", "families"), [(1, ["aac", "opus", "flac"]), (20, ["aac"])])
async def test_a_cold_segment_is_made_once_for_two_hundred(
    grants: int, families: list[str], tmp_path: Path, database_url: str
) -> None:
    """By one address, as a cache in front and a page with many players have it, and by those of twenty devices."""
    music = tmp_path / "music"
    music.mkdir()
    cases = {family: CASES[family] for family in families}
    paths = {kind: audio.write(music / f"{kind}.{kind}", seconds=13.0) for kind in cases.values()}
    alone = {"MEDIASERVER_LOUDNESS__MEASURE": "false", "MEDIASERVER_STREAMING__STREAMS_PER_PERSON": "0"}
    async with process(music, tmp_path / "data", database_url, **alone) as (_, base, link):
        admin = await admin_token(base, link)
        await scanned(base, admin)
        items = (await ask("GET", f"{base}/api/v1/tracks", 200, headers=admin))["items"]
        tracks = {one["title"]: one["id"] for one in items}
        people: list[dict[str, Any]] = [admin]
        for number in range(1, grants):
            options: dict[str, Any] = {"headers": admin, "json": {"name": f"device {number}"}}
            answer = await ask("POST", f"{base}/api/v1/tokens", 201, **options)
            people.append({"Authorization": f"Bearer {answer['token']}"})
        expected = 0
        for family, kind in cases.items():
            where = f"{base}/api/v1/tracks/{tracks[kind]}/playback"
            playbacks = [await ask("GET", where, 200, headers=one) for one in people]
            # The last segment: nothing is made ahead of it. The first one of the middle quality is, by the playlist.
            last = (await segments_of(base, playbacks[0], family))[-1]
            prefixes = [one["hls"][family].split("/")[:3] for one in playbacks]
            addresses = [f"{base}{'/'.join(one)}/{last.split('/', 5)[5]}" for one in prefixes]
            assert len(set(addresses)) == grants
            expected += 1
            async with asyncio.timeout(LIMIT_S):
                while (await outcomes(base, admin))["made"] < expected:
                    await asyncio.sleep(0.02)
            answers = await all_at_once([addresses[n % grants] for n in range(ASKERS)])
            assert {status for status, _ in answers} == {200}
            assert {body for _, body in answers} == {await asyncio.to_thread(made_here, paths[kind], last)}
            expected += 1
            found = await outcomes(base, admin)  # who came after it was made had it from the cache
            assert (found["made"], found["failed"]) == (expected, 0)
