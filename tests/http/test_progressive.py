"""Progressive streams over HTTP: lengths, ranges, conditions, several ranges, resumption, clients that leave."""

from __future__ import annotations

import asyncio
import email.parser
import email.policy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests import audio
from tests.server import Running, running

FORMATS = {"mp3": "audio/mpeg", "opus": "audio/ogg", "aac": "audio/mp4", "flac": "audio/flac"}


async def ask(house: Running, path: str, *, method: str = "GET", **headers: str) -> tuple[int, bytes, Any]:
    async with house.client.request(method, house.base + path, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


async def streams(house: Running, token: str, title: str = "Hunter") -> dict[str, str]:
    found = await house.json(f"/api/v1/search?q={title}&type=track", token)
    answer = await house.json(f"/api/v1/tracks/{found['items'][0]['id']}/playback", token)
    told: dict[str, str] = answer["stream"]
    return told


async def test_head_and_any_range_are_answered_before_anything_was_made(house: Running) -> None:
    offered = await streams(house, await house.sign_up())
    assert set(offered) == set(FORMATS)
    for path in offered.values():
        status, nothing, told = await ask(house, path, method="HEAD")
        assert (status, nothing, told["Accept-Ranges"]) == (200, b"", "bytes")
        assert int(told["Content-Length"]) > 0
        assert house.server.segments.encodes == 0
    for name, path in offered.items():
        size = int((await ask(house, path, method="HEAD"))[2]["Content-Length"])
        status, end, headers = await ask(house, path, Range="bytes=-100")
        assert (status, headers["Content-Range"]) == (206, f"bytes {size - 100}-{size - 1}/{size}")
        status, whole, headers = await ask(house, path)
        assert (status, len(whole), headers["Content-Type"]) == (200, size, FORMATS[name])
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert whole.endswith(end)


async def test_ranges_and_conditions(house: Running) -> None:
    for path in (await streams(house, await house.sign_up())).values():
        _, whole, headers = await ask(house, path)
        tag, size = headers["ETag"], len(whole)
        for asked, part in (("bytes=0-0", whole[:1]), ("bytes=7-", whole[7:]), ("bytes=900-1900", whole[900:1901])):
            status, body, _ = await ask(house, path, Range=asked)
            assert (status, body) == (206, part)
        status, _, headers = await ask(house, path, Range=f"bytes={size}-")
        assert (status, headers["Content-Range"], headers["Cache-Control"]) == (416, f"bytes */{size}", "no-store")
        assert (await ask(house, path, **{"If-None-Match": tag}))[:2] == (304, b"")
        assert (await ask(house, path, **{"If-Match": '"another"'}))[0] == 412
        assert (await ask(house, path, Range="bytes=5-9", **{"If-Range": tag}))[:2] == (206, whole[5:10])
        assert (await ask(house, path, Range="bytes=5-9", **{"If-Range": '"another"'}))[:2] == (200, whole)
        assert (await ask(house, path, method="HEAD", Range="bytes=5-9"))[0] == 200


async def test_several_ranges_come_as_parts_and_too_many_as_the_whole(house: Running) -> None:
    path = (await streams(house, await house.sign_up()))["mp3"]
    _, whole, _ = await ask(house, path)
    size = len(whole)
    status, body, headers = await ask(house, path, Range="bytes=0-9, 5000-6000,-20")
    assert (status, int(headers["Content-Length"])) == (206, len(body))
    raw = b"Content-Type: " + headers["Content-Type"].encode() + b"\r\n\r\n" + body
    parts = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(raw).get_payload()
    wanted = [range(10), range(5000, 6001), range(size - 20, size)]
    assert len(parts) == 3
    for part, span in zip(parts, wanted, strict=True):
        assert part["Content-Range"] == f"bytes {span.start}-{span.stop - 1}/{size}"
        assert part["Content-Type"] == "audio/mpeg"
        assert part.get_payload(decode=True) == whole[span.start : span.stop]
    assert (await ask(house, path, Range=f"bytes=3-4,{size}-"))[:2] == (206, whole[3:5]), "one lies outside"
    assert (await ask(house, path, Range=f"bytes={size}-,{size + 5}-"))[0] == 416
    for many in (",".join(f"{n}-{n}" for n in range(17)), f"0-{size - 1},0-{size - 1}", "0-1,x", "0-1,"):
        assert (await ask(house, path, Range=f"bytes={many}"))[:2] == (200, whole), many


async def test_an_offset_is_another_stream_and_a_wrong_one_is_refused(house: Running) -> None:
    offered = await streams(house, await house.sign_up())
    for name in ("mp3", "opus"):
        path = offered[name]
        _, whole, headers = await ask(house, path)
        status, rest, told = await ask(house, f"{path}?timeOffset=1&estimateContentLength=true")
        assert status == 200
        assert rest != whole
        assert len(rest) <= len(whole), "Opus begins with a whole page, of which it skips a part"
        assert told["ETag"] != headers["ETag"]
        for wrong in ("2", "-1", "1.5", "x", "99999999"):
            status, body, _ = await ask(house, f"{path}?timeOffset={wrong}")
            assert (status, b'"field":"timeOffset"' in body) == (400, True), wrong
    assert (await ask(house, f"{offered['flac']}?timeOffset=1"))[0] == 400
    assert (await ask(house, f"{offered['mp3']}?estimateContentLength=maybe"))[0] == 400


async def test_the_cap_holds_for_streams(house: Running) -> None:
    admin = await house.sign_up()
    mine = await streams(house, await house.listener(admin, "Capped", max_rank=25))
    assert {name: path.split("/")[4].rsplit(".", 1)[0] for name, path in mine.items()} == {
        "mp3": "mp3.18",
        "opus": "oggopus.25",
        "aac": "aac.20",
    }
    prefix = mine["mp3"].rsplit("/", 2)[0]
    for path in (await streams(house, admin)).values():
        recipe, file = path.split("/")[4:]
        assert (await ask(house, f"{prefix}/{recipe}/{file}"))[0] == 403
        lower = recipe.split(".")
        lower[1] = "10"
        assert (await ask(house, f"{prefix}/{'.'.join(lower)}/{file}"))[0] == 404


async def test_curl_resumes_what_was_broken_off(house: Running, tmp_path: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("left out: curl is not installed")
    for name, path in (await streams(house, await house.sign_up())).items():
        _, whole, _ = await ask(house, path)
        file = tmp_path / name
        file.write_bytes(whole[: len(whole) * 2 // 3])
        command = ["curl", "-sS", "--fail", "-C", "-", "-o", str(file), house.base + path]
        done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        assert file.read_bytes() == whole


@pytest.mark.long
async def test_a_lost_connection_is_resumed_and_nothing_is_made_for_who_left(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    music.mkdir()
    await asyncio.to_thread(audio.write, music / "long.flac", seconds=600, rate_hz=8000, layout="mono")
    async with running(music, tmp_path / "data", database_url) as house:
        token = await house.sign_up()
        path = (await streams(house, token, "long"))["mp3"]
        async with aiohttp.ClientSession(read_bufsize=2**12) as client:
            answer = await client.get(house.base + path)
            size, tag = answer.content_length, answer.headers["ETag"]
            assert size is not None
            got = await answer.content.readexactly(30_000)
            answer.close()
        # What was begun is finished; then nothing is done any more.
        making, before = house.server.segments._making, -1
        async with asyncio.timeout(120):
            while making or before != house.server.segments.encodes:
                before = house.server.segments.encodes
                await asyncio.sleep(0.3)
        assert before < 40, "of 66 segments"
        headers = {"Range": f"bytes={len(got)}-", "If-Range": tag}
        status, rest, _ = await ask(house, path, **headers)
        assert (status, len(got) + len(rest)) == (206, size)
        assert (await ask(house, path))[1] == got + rest


async def test_a_slow_client_holds_nobody_up(tmp_path: Path, database_url: str) -> None:
    """One reads nothing of a long stream; another one has all of its own meanwhile."""
    music = tmp_path / "music"
    music.mkdir()
    await asyncio.to_thread(audio.write, music / "long.flac", seconds=120, rate_hz=8000, layout="mono")
    await asyncio.to_thread(audio.write, music / "other.flac", seconds=4)
    async with running(music, tmp_path / "data", database_url) as house:
        token = await house.sign_up()
        slow = (await streams(house, token, "long"))["mp3"]
        reader, writer = await asyncio.open_connection(*house.base.removeprefix("http://").split(":"), limit=1024)
        writer.write(f"GET {slow} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        for path in (await streams(house, token, "other")).values():
            async with asyncio.timeout(30):
                assert (await ask(house, path))[0] == 200
        writer.close()


async def test_what_cannot_be_made_any_more_is_told_or_breaks_off(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    music.mkdir()
    file = audio.write(music / "a.flac", seconds=30)
    async with running(music, tmp_path / "data", database_url) as house:
        offered = await streams(house, await house.sign_up(), "a")
        async with house.client.get(house.base + offered["flac"]) as answer:
            await answer.content.readexactly(1000)
            audio.write(file, seconds=30, seed=4)
            with pytest.raises(aiohttp.ClientPayloadError):
                await answer.read()
        for path in offered.values():
            assert (await ask(house, path))[0] == 410
