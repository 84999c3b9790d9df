"""The original file: what an address names is what leaves, also where the file changes while it is sent."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path

import pytest
import uvloop
from aiohttp import web

from mediaserver.core.folders import Folders
from mediaserver.http.base.ranges import judge
from mediaserver.http.stream import whole
from mediaserver.sound.index import SoundFile
from mediaserver.views.playing import Original

RUNS = [asyncio.run, uvloop.run]
SIZE = 60_000_000
OLD, NEW = b"\x11" * SIZE, b"\x22" * SIZE


def opened(path: Path) -> Original:
    file = path.open("rb", buffering=0)
    stat = os.fstat(file.fileno())
    looked = SoundFile(str(path), stat.st_size, stat.st_mtime_ns)
    return Original(file, looked, "audio/flac", Folders())  # type: ignore[arg-type]


async def sent(path: Path, change: Callable[[], None], **headers: str) -> tuple[int, bytes]:
    """Status and body as a slow client gets them; `change` happens when the answer has begun."""

    async def get(request: web.Request) -> web.StreamResponse:
        return await whole.send(request, opened(path), {"Content-Type": "audio/flac"})

    app = web.Application()
    app.router.add_get("/x", get)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0][:2], limit=65_536)
    lines = ["GET /x HTTP/1.1", "Host: x", "Connection: close", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
    writer.write("\r\n".join(lines).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    await asyncio.to_thread(change)
    parts = []
    try:
        while part := await reader.read(1 << 20):
            parts.append(part)
    except ConnectionError:
        pass
    writer.close()
    await runner.cleanup()
    return int(head.split()[1]), b"".join(parts)


@pytest.mark.parametrize("run", RUNS)
def test_a_file_that_is_replaced_while_it_is_sent_goes_on_as_it_was(
    run: Callable[[Awaitable[tuple[int, bytes]]], tuple[int, bytes]], tmp_path: Path
) -> None:
    path, other = tmp_path / "x.flac", tmp_path / "y.flac"
    path.write_bytes(OLD)
    other.write_bytes(NEW)
    status, body = run(sent(path, lambda: other.rename(path) and None))
    assert (status, body == OLD) == (200, True)


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("change", ["written over", "cut"])
def test_a_file_that_is_written_over_while_it_is_sent_ends_before_its_announced_end(
    change: str, run: Callable[[Awaitable[tuple[int, bytes]]], tuple[int, bytes]], tmp_path: Path
) -> None:
    path = tmp_path / "x.flac"
    path.write_bytes(OLD)

    def written_over() -> None:
        with path.open("r+b") as file:
            file.write(NEW)

    status, body = run(sent(path, written_over if change == "written over" else lambda: os.truncate(path, SIZE // 2)))
    assert status == 200
    assert len(body) < SIZE, "no client may take it for whole"


@pytest.mark.parametrize("run", RUNS)
def test_ranges_come_from_the_open_file_and_nothing_stays_open(
    run: Callable[[Awaitable[tuple[int, bytes]]], tuple[int, bytes]], tmp_path: Path
) -> None:
    path = tmp_path / "x.flac"
    body = os.urandom(9_000_000)
    path.write_bytes(body)
    before = len(os.listdir("/proc/self/fd"))
    for asked, part in (
        ("bytes=0-0", body[:1]),
        ("bytes=4194300-4194310", body[4_194_300:4_194_311]),
        ("bytes=100-", body[100:]),
        ("bytes=-7", body[-7:]),
        ("bytes=4000000-8999999", body[4_000_000:]),
    ):
        assert run(sent(path, lambda: None, Range=asked)) == (206, part), asked
    status, told = run(sent(path, lambda: None, Range="bytes=9000000-"))
    assert (status, b"outside of the file's 9000000 bytes" in told) == (416, True)
    assert len(os.listdir("/proc/self/fd")) <= before + 2


DAY = 86_400
TAG, MODIFIED_NS = '"1-2"', 1_700_000_000_500_000_000
LATEST, EARLIER, LATER = (
    formatdate(second, usegmt=True) for second in (1_700_000_001, 1_700_000_000 - DAY, 1_700_000_000 + DAY)
)


@pytest.mark.parametrize(
    ("headers", "status", "span"),
    [
        ({}, 200, range(100)),
        ({"Range": "bytes=0-9"}, 206, range(10)),
        ({"Range": "bytes=90-500"}, 206, range(90, 100)),
        ({"Range": "bytes=-500"}, 206, range(100)),
        ({"Range": "bytes=100-"}, 416, range(0)),
        ({"Range": "bytes=-0"}, 416, range(0)),
        ({"Range": "bytes=0-1,4-5"}, 200, range(100)),
        ({"Range": "bytes=9-1"}, 200, range(100)),
        ({"Range": "bytes=0-9", "If-Range": TAG}, 206, range(10)),
        ({"Range": "bytes=0-9", "If-Range": f"W/{TAG}"}, 200, range(100)),
        ({"Range": "bytes=0-9", "If-Range": '"3-4"'}, 200, range(100)),
        ({"Range": "bytes=0-9", "If-Range": LATEST}, 206, range(10)),
        ({"Range": "bytes=0-9", "If-Range": EARLIER}, 200, range(100)),
        ({"Range": "bytes=0-9", "If-Range": "yesterday"}, 200, range(100)),
        ({"If-None-Match": TAG}, 304, range(0)),
        ({"If-None-Match": f'"x", W/{TAG}'}, 304, range(0)),
        ({"If-None-Match": "*"}, 304, range(0)),
        ({"If-None-Match": '"x"', "If-Modified-Since": LATER}, 200, range(100)),
        ({"If-Modified-Since": LATEST}, 304, range(0)),
        ({"If-Modified-Since": EARLIER}, 200, range(100)),
        ({"If-Modified-Since": "99999999999"}, 200, range(100)),
        ({"If-Match": TAG}, 200, range(100)),
        ({"If-Match": f"W/{TAG}"}, 412, range(0)),
        ({"If-Match": '"x"', "Range": "bytes=0-9"}, 412, range(0)),
        ({"If-Unmodified-Since": EARLIER}, 412, range(0)),
        ({"If-Unmodified-Since": LATEST}, 200, range(100)),
    ],
)
def test_conditions_and_ranges_are_judged_as_the_standard_says(
    headers: dict[str, str], status: int, span: range
) -> None:
    verdict = judge("GET", headers, 100, tag=TAG, modified_ns=MODIFIED_NS)
    assert (verdict.status, verdict.span) == (status, span)
    if "Range" in headers and status in (206, 416):
        assert judge("HEAD", headers, 100, tag=TAG, modified_ns=MODIFIED_NS).status == 200, "ranges are for GET alone"
