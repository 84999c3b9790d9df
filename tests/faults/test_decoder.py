"""A decoder with a fault, met by what a file holds: who wants that part is told so, and all others listen on."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests import audio
from tests.faults.houses import admin_token, ask, digests, process, scanned, segments_of

SECONDS = 60
MARKS = {"crashes": b"CRASHES!", "hangs": b"HANGS!!!"}
pytestmark = pytest.mark.skipif(
    shutil.which("cc") is None, reason="left out: a decoder with a fault: install gcc and libc6-dev"
)


def library(folder: Path) -> str:
    made, source = folder / "baddecoder.so", Path(__file__).with_name("baddecoder.c")
    subprocess.run(["cc", "-Wall", "-Werror", "-shared", "-fPIC", "-o", made, source, "-ldl"], check=True)
    return str(made)


def marked(path: Path, mark: bytes, *, at_s: list[float]) -> None:
    """Put the mark into the frames about these seconds: into their data, not their heads."""
    raw = bytearray(path.read_bytes())
    for second in at_s:
        at = raw.find(b"\xff\xfb", int(len(raw) * second / SECONDS)) + 60
        raw[at : at + len(mark)] = mark
    path.write_bytes(raw)


@dataclass(slots=True)
class House:
    segments: dict[str, list[str]]
    """By title, of AAC; each person asks with an address of their own."""
    others: dict[str, list[str]]
    """The same for somebody else."""


@asynccontextmanager
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    music = tmp_path / "music"
    music.mkdir()
    audio.write(music / "good.flac", seconds=SECONDS)
    for n, (name, mark) in enumerate(MARKS.items()):
        audio.write(music / f"{name}.mp3", seconds=SECONDS, seed=10 + n)
        marked(music / f"{name}.mp3", mark, at_s=[22.0, 34.0, 42.0])  # of the segments 5, 8 and 10
    async with process(music, tmp_path / "data", database_url, LD_PRELOAD=library(tmp_path)) as (_, base, link):
        admin = await admin_token(base, link)
        await scanned(base, admin)
        made = await ask("POST", f"{base}/api/v1/tokens", 201, json={"name": "another"}, headers=admin)
        another = {"Authorization": f"Bearer {made['token']}"}
        tracks = (await ask("GET", f"{base}/api/v1/tracks", 200, headers=admin))["items"]

        async def segments(headers: dict[str, str]) -> dict[str, list[str]]:
            address = f"{base}/api/v1/tracks/{{}}/playback"
            return {
                one["title"]: await segments_of(base, await ask("GET", address.format(one["id"]), 200, headers=headers))
                for one in tracks
            }

        yield House(await segments(admin), await segments(another))
        assert (await ask("GET", f"{base}/healthz", 200))["status"] == "ok"
        rows = (await ask("GET", f"{base}/api/v1/health", 200, headers=admin))["rows"]
        told = next(row for row in rows if row["area"] == "workers")
        assert told["state"] == "warning", told


async def refused(url: str) -> str:
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        told: dict[str, Any] = await answer.json()
        assert (answer.status, answer.content_type) == (422, "application/problem+json"), told
        return str(told["detail"])


async def test_a_part_that_crashes_the_decoder_is_refused_and_everybody_else_listens_on(
    tmp_path: Path, database_url: str
) -> None:
    async with house(tmp_path, database_url) as up:
        bad = [up.segments["crashes"][n] for n in (5, 8, 10)]
        asked = [asyncio.create_task(refused(one)) for one in 4 * bad]  # players ask again
        assert len(await digests(up.others["good"])) == SECONDS / 4 + 1
        told = set(await asyncio.gather(*asked))
        assert all("cannot be made: a worker process died" in one for one in told), told
        assert "a moment ago" in await refused(bad[0])
        whole = [one for n, one in enumerate(up.segments["crashes"]) if n not in (5, 8, 10)]
        await digests(whole)


@pytest.mark.long
async def test_parts_that_hang_the_decoder_end_in_time_and_never_take_all_of_the_workers_again(
    tmp_path: Path, database_url: str
) -> None:
    async with house(tmp_path, database_url) as up:
        first = asyncio.create_task(refused(up.segments["hangs"][5]))
        await digests(up.others["good"][:8])
        assert not first.done(), "others need not wait for its end"
        assert "took longer than 15 s and was ended" in await first
        rest = [asyncio.create_task(refused(up.segments["hangs"][n])) for n in (8, 10)]
        await asyncio.sleep(1)
        await digests(up.others["good"][8:])
        assert not any(one.done() for one in rest), "though there are as many that hang as there are workers"
        assert all("took longer" in one for one in await asyncio.gather(*rest))
        await digests([one for n, one in enumerate(up.segments["hangs"]) if n not in (5, 8, 10)])
