"""What strangers send to hurt: bombs, garbage, texts without end, secrets that must not reach the log."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import zlib
from typing import Any

import pytest

from mediaserver.core import text
from tests.server import PASSWORD, Running, bearer

PROBLEM = "application/problem+json"
SESSION = "/api/v1/session"


def bomb(megabytes: int) -> bytes:
    """A gzip body that inflates to so much: one block of zeros again and again."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packer.compress(bytes(1_000_000)), packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + block * megabytes + b"\x03\0"


async def raw(house: Running, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Bytes to the server as they are, and its whole answer; it must end the connection or the body be told."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
    try:
        writer.write(request)
        async with asyncio.timeout(30):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
        return int(head[0].split()[1]), headers, body
    finally:
        writer.close()


async def post(house: Running, path: str, body: Any, **headers: str) -> tuple[int, dict[str, Any]]:
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    sent = {"Content-Type": "application/json", **headers}
    async with house.client.post(house.base + path, data=data, headers=sent) as answer:
        assert answer.content_type == PROBLEM, await answer.text()
        return answer.status, await answer.json(content_type=None)


async def test_a_compressed_body_is_never_inflated(house: Running) -> None:
    for path in [SESSION, "/healthz", "/api/v1/me", "/nowhere"]:
        packed = bomb(1000)
        assert len(packed) < 1_048_576
        began_s = time.process_time()
        status, told = await post(house, path, packed, **{"Content-Encoding": "gzip"})
        assert status == 415, path
        assert "compressed" in told["detail"]
        assert time.process_time() - began_s < 0.5  # the bomb takes 2 s and more


async def test_plain_json_that_says_it_is_compressed_is_a_problem_and_no_fault_of_the_server(house: Running) -> None:
    status, _ = await post(house, SESSION, {"name": "a", "password": "b"}, **{"Content-Encoding": "gzip"})
    assert status == 415


async def test_names_without_end_fill_no_memory(house: Running) -> None:
    remembered = text._identity_key.cache_info().currsize
    for n in range(20):
        status, told = await post(house, SESSION, {"name": f"{n}" + "é" * 400_000, "password": "x" * 8})
        assert (status, told["field"]) == (400, "name")
    status, told = await post(house, SESSION, {"name": "é" * 1000, "password": "x" * 8})
    assert (status, told["field"]) == (400, "name")
    assert text._identity_key.cache_info().currsize == remembered


async def test_a_name_of_accents_takes_no_time(house: Running) -> None:
    began_s = time.process_time()
    await post(house, SESSION, {"name": "y" + "\u0301\u0316" * 20_000, "password": "x" * 8})
    await post(house, SESSION, {"name": "y" + "\u0301\u0316" * 500, "password": "x" * 8})
    assert time.process_time() - began_s < 0.5
    token = await house.sign_up()
    for path, body in (
        ("/api/v1/tokens", {"name": "y" + "\u0301\u0316" * 20_000}),
        ("/api/v1/tokens", {"name": "y" + "\u0301\u0316" * 400}),
        ("/api/v1/users", {"name": "y" + "\u0301\u0316" * 400, "password": PASSWORD}),
    ):
        status, told = await post(house, path, body, **bearer(token))
        assert (status, told["field"]) == (400, "name")


async def test_garbage_is_answered_as_a_problem_without_an_echo(house: Running) -> None:
    for request_bytes, status in [
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nCookie: a=\x01\r\n\r\n", 400),
        (b"NO-SUCH\x02METHOD / HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: a\r\n" * 1000 + b"\r\n", 400),
        (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: the-unexpected\r\n\r\n", 417),
    ]:
        answered, headers, body = await raw(house, request_bytes)
        assert answered == status, request_bytes[:40]
        assert headers["content-type"] == PROBLEM
        assert headers["x-content-type-options"] == "nosniff"
        told = json.loads(body)
        assert set(told) == {"type", "title", "status", "detail"}
        assert "unexpected" not in told["detail"]
        assert "aaaa" not in told["detail"]


async def test_an_odd_origin_is_refused_and_breaks_nothing(house: Running) -> None:
    await house.sign_up()
    for origin in ["http://[", "http://evil.example", "null", "http://[::1", "//", "\u00e9"]:
        status, _ = await post(house, SESSION, {"name": "Admin", "password": PASSWORD}, Origin=origin)
        assert status == 403, origin


async def test_garbage_cannot_fill_the_log_and_no_secret_reaches_it(
    house: Running, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("aiosqlite", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
    secret = "SECRET" + "s" * 40
    for n in range(30):
        cookie = f"Cookie: mediaserver_session={secret}".encode()
        await raw(house, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + cookie + b"p" * 9000 + b"\r\n\r\n")
        await raw(house, b"GET / HTTP/1.1\r\nHost: localhost\r\n" + cookie + b"\x01\r\n\r\n")
        await raw(house, f"X\x02 /e/{secret}/{n} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await raw(house, f"GET /e/{secret}{'p' * 9000} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    for path in (f"//e/{secret}/a", f"/e//{secret}", f"/E/{secret}", f"/%65/{secret}", f"/x/{secret}", f"/?t={secret}"):
        await raw(house, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert "SECRET" not in caplog.text
    lines = [record for record in caplog.records if record.levelno >= logging.INFO and record.name != "aiohttp.access"]
    assert len(lines) <= 3, [record.getMessage() for record in lines]


async def test_a_listener_is_not_told_where_the_folders_are(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin)
    (root,) = house.server.scanner.roots
    root_was = root
    try:
        house.server.scanner.roots[:] = [root / "not there"]
        await house.json("/api/v1/scan", admin, method="POST", status=202)
        await house.server.scanner.wait()
    finally:
        house.server.scanner.roots[:] = [root_was]
    assert str(root) in json.dumps(await house.json("/api/v1/scan", admin))
    told = await house.json("/api/v1/scan", listener)
    assert str(root) not in json.dumps(told)
    assert "administrator" in told["message"]
