"""A real nginx that holds one copy of a segment for everybody, as docs/streaming.md configures it."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio

from tests import nginx
from tests.server import Running, bearer, running

pytestmark = nginx.needed


@dataclass(frozen=True, slots=True)
class Edge:
    house: Running
    base: str
    """Of nginx."""

    async def get(self, path: str, **headers: str) -> tuple[int, bytes, Any]:
        async with self.house.client.get(self.base + path, headers=headers) as answer:
            return answer.status, await answer.read(), answer.headers

    async def renditions(self, token: str) -> list[str]:
        """`/e/TOKEN/DIGEST/RECIPE` of one and the same track, as the multivariant playlist of AAC names them."""
        (track,) = (await self.house.json("/api/v1/search?q=Hunter&type=track", token))["items"]
        main = (await self.house.json(f"/api/v1/tracks/{track['id']}/playback", token))["hls"]["aac"]
        async with self.house.client.get(self.house.base + main) as answer:
            names = re.findall(r"^\.\./(.+)/media\.m3u8$", await answer.text(), re.M)
        return [f"{main.rsplit('/', 2)[0]}/{name}" for name in names]

    async def asked(self, token: str) -> int:
        """Segments that the server has given out of its own cache."""
        async with self.house.client.get(f"{self.house.base}/metrics", headers=bearer(token)) as answer:
            found = re.search(r'^\w*segments_total\{outcome="cached"\} (\d+)', await answer.text(), re.M)
        assert found
        return int(found[1])


@pytest_asyncio.fixture
async def edge(seeded_library: Path, tmp_path: Path) -> AsyncIterator[Edge]:
    async with running(seeded_library, tmp_path / "data") as house:
        port = nginx.free_port()
        (block,) = nginx.blocks(nginx.STREAMING)
        block = nginx.of_path(block, port, house.server.port)
        assert "/var/cache/nginx/music" in block
        with nginx.running(tmp_path / "nginx", block.replace("/var/cache/nginx/music", f"{tmp_path}/held"), port):
            yield Edge(house, f"http://127.0.0.1:{port}")


async def test_one_copy_serves_everybody(edge: Edge) -> None:
    admin = await edge.house.sign_up()
    listener = await edge.house.listener(admin, max_rank=20)
    (first, *_), (second, *_) = await edge.renditions(admin), await edge.renditions(listener)
    assert first != second
    status, whole, headers = await edge.get(f"{first}/0.m4s")
    assert (status, headers["Content-Type"]) == (200, "audio/mp4")
    assert "immutable" in headers["Cache-Control"]
    before = await edge.asked(admin)
    for prefix in (first, second):
        assert (await edge.get(f"{prefix}/0.m4s"))[:2] == (200, whole)
        assert (await edge.get(f"{prefix}/0.m4s", Range="bytes=100-199"))[:2] == (206, whole[100:200])
        assert (await edge.get(f"{prefix}/0.m4s", **{"If-None-Match": headers["ETag"]}))[0] == 304
    assert await edge.asked(admin) == before
    assert (await edge.house.client.get(f"{edge.house.base}{first}/0.m4s")).status == 200
    assert await edge.asked(admin) == before + 1
    for file in ("media.m3u8", "init.mp4", "init-mse.mp4"):
        direct = await edge.house.client.get(f"{edge.house.base}{first}/{file}")
        assert (await edge.get(f"{second}/{file}"))[:2] == (200, await direct.read())


async def test_a_held_copy_is_for_nobody_whose_token_does_not_hold(edge: Edge) -> None:
    admin = await edge.house.sign_up()
    listener = await edge.house.listener(admin, max_rank=20)
    lowest, *_, highest = await edge.renditions(admin)
    for prefix in (lowest, highest):
        assert (await edge.get(f"{prefix}/0.m4s"))[0] == 200
    _, _, token, rest = lowest.split("/", 3)
    (allowed, *_) = await edge.renditions(listener)
    for refused in (
        f"/e/{token[:-1]}{'A' if token[-1] != 'A' else 'B'}/{rest}/0.m4s",
        f"{allowed.rsplit('/', 1)[0]}/{highest.rsplit('/', 1)[1]}/0.m4s",
    ):
        status, body, _ = await edge.get(refused)
        assert status == 403
        assert b'"status":403' in body, "the server itself says why"


async def test_what_is_not_there_is_told_by_the_server(edge: Edge) -> None:
    admin = await edge.house.sign_up()
    (prefix, *_) = await edge.renditions(admin)
    for missing in (f"{prefix}/9999.m4s", f"{prefix[:-4]}0000/0.m4s"):
        status, body, _ = await edge.get(missing)
        assert status == 404
        assert b'"status":404' in body
