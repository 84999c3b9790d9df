"""How much a request may be: addresses, parameters, headers, bodies, JSON, chunks, and requests ahead."""

from __future__ import annotations

import asyncio
import json
import time

from tests.http.test_strangers import PROBLEM, SESSION, post, raw
from tests.server import PASSWORD, Running, bearer

HOST = b"Host: localhost\r\n"
JSON = HOST + b"Content-Type: application/json\r\n"


def chunk(body: bytes, more: bytes = b"") -> bytes:
    return f"{len(body):x}".encode() + more + b"\r\n" + body + b"\r\n"


async def test_an_address_may_have_8_kilobytes_and_a_parameter_1000_characters(house: Running) -> None:
    token = (await house.sign_up()).encode()
    allowed = HOST + b"Authorization: Bearer " + token + b"\r\n\r\n"
    for query, status in (
        (b"q=" + b"a" * 1000, 200),
        (b"q=" + b"a" * 1001, 400),
        (b"q=" + b"%C3%A9" * 1000, 200),
        (b"q=" + b"a" * 8200, 431),
        (b"q=a&" + b"&" * 8000, 200),
        (b"q=a&" + b"x&" * 4000, 200),
        (b"q=a&" * 2000 + b"q=a", 400),
        (b"q=a&limit=" + b"1" * 21, 400),
        (b"q=a&cursor=" + b"a" * 1001, 400),
        (b"q=%00", 400),
        (b"q=%ED%A0%80", 200),
    ):
        began_s = time.process_time()
        answered, headers, body = await raw(house, b"GET /api/v1/search?" + query + b" HTTP/1.1\r\n" + allowed)
        assert answered == status, (query[:20], body)
        assert headers["content-type"].startswith("application/json" if status == 200 else PROBLEM)
        assert time.process_time() - began_s < 1


def headers_of(count: int, size: int) -> bytes:
    return b"".join(b"X-%d: %s\r\n" % (n, b"a" * size) for n in range(count))


async def test_headers_are_bounded_in_number_and_in_all(house: Running) -> None:
    for count, size, statuses in [
        (100, 100, {200}),
        (8, 8000, {200}),
        (9, 8000, {200, 431}),
        (120, 8000, {431}),
        (1000, 10, {400, 431}),
    ]:
        head = b"GET /healthz HTTP/1.1\r\n" + HOST
        answered, _, _ = await raw(house, head + headers_of(count, size) + b"\r\n")
        assert answered in statuses, (count, size)


async def test_headers_that_trickle_in_are_bounded_and_counted_anew_for_each_request(house: Running) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
    async with asyncio.timeout(60):
        for _ in range(4):
            writer.write(b"POST /api/v1/session HTTP/1.1\r\n" + JSON + headers_of(6, 8000))
            writer.write(b"Content-Length: 300000\r\n\r\n{" + b" " * 299_998 + b"}")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.split()[1] == b"400", "the body is no header"
            await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]))
        writer.write(b"GET /healthz HTTP/1.1\r\n" + HOST)
        sent = 0
        try:
            while sent < 10_000_000 and not reader.at_eof():
                sent += 8000
                writer.write(b"X-%d: %s\r\n" % (sent, b"a" * 8000))
                await writer.drain()
                await asyncio.sleep(0)
            line = await reader.readline()
        except ConnectionError:  # what it said was lost, for there was more to read
            line = b""
        assert line == b"" or line.split()[1] == b"431"
        assert sent < 600_000, "aiohttp's own bounds let in a megabyte"
    writer.close()


async def test_json_that_is_deep_long_or_odd_is_refused_at_once(house: Running) -> None:
    for body in [
        b"[" * 500_000,
        b'{"name":' * 100_000,
        b'{"name": ' + b"[" * 400_000 + b"]" * 400_000 + b', "password": "x"}',
        b'{"name": "a", "password": ' + b"9" * 1_000_000 + b"}",
        b'{"name": "a", "password": 1e999999999}',
        b'{"name": "a", "password": "' + b"\\u0000" * 150_000 + b'"}',
        b"{" + b",".join(b'"k%d": 1' % n for n in range(80_000)) + b"}",
        b'{"name": "a", "name": "b", "password": ["x"]}',
        b"\xff\xfe{\x00}\x00",
        b"null",
        b"",
    ]:
        began_s = time.process_time()
        status, _ = await post(house, SESSION, body)
        assert status == 400, body[:20]
        assert time.process_time() - began_s < 1, body[:20]
        async with house.client.get(f"{house.base}/healthz") as answer:
            assert answer.status == 200


async def test_no_other_form_of_a_body_is_read(house: Running) -> None:
    """A form of another site's page could be sent without asking: only JSON is taken."""
    await house.sign_up()
    for content_type, body in [
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\na\r\n--x--\r\n',
        ),
        ("multipart/form-data; boundary=x", b"--x\r\n" * 200_000),
        ("application/x-www-form-urlencoded", b"name=a&password=b"),
        ("application/x-www-form-urlencoded", b"a&" * 500_000),
        ("text/plain", b'{"name": "a", "password": "b"}'),
        ("application/json; charset=utf-16", '{"name": "a", "password": "b"}'.encode("utf-16")),
        ("", b'{"name": "a", "password": "b"}'),
    ]:
        status, _ = await post(house, SESSION, body, **{"Content-Type": content_type})
        assert status == 400, (content_type, body[:20])


async def test_a_body_ends_at_a_mebibyte_however_it_is_sent(house: Running) -> None:
    head = b"POST " + SESSION.encode() + b" HTTP/1.1\r\n" + JSON
    large = b"x" * 100_000
    for request in (
        b"Content-Length: 1048577\r\n\r\n" + b"x" * 1_048_577,
        b"Transfer-Encoding: chunked\r\n\r\n" + chunk(large) * 11 + b"0\r\n\r\n",
    ):
        answered, _, body = await raw(house, head + request)
        assert answered == 413, body
    answered, _, _ = await raw(house, head + b"Content-Length: 99999999999999999999999\r\n\r\n{")
    assert answered == 400
    answered, _, _ = await raw(house, head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"{}"))
    assert answered == 400, "two lengths: a proxy could see another request in it"


async def test_what_stands_around_chunks_breaks_nothing(house: Running) -> None:
    head = b"POST " + SESSION.encode() + b" HTTP/1.1\r\n" + JSON + b"Transfer-Encoding: chunked\r\n\r\n"
    for around in (chunk(b"{", b";a=" + b"x" * 3_000_000) + b"0\r\n\r\n", b"f" * 40 + b"\r\n"):
        answered, _, _ = await raw(house, head + around)
        assert answered == 400
    async with house.client.get(f"{house.base}/healthz") as answer:
        assert answer.status == 200


async def test_a_thousand_requests_ahead_are_answered_in_their_order(house: Running) -> None:
    token = await house.sign_up()
    reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
    count = 1000
    for n in range(count):
        writer.write(
            b"GET /nowhere/%d HTTP/1.1\r\n" % n + HOST + b"Authorization: Bearer " + token.encode() + b"\r\n\r\n"
        )
    async with asyncio.timeout(60):
        for _ in range(count):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            assert json.loads(await reader.readexactly(length))["status"] == 404
    writer.close()


async def test_names_and_passwords_have_their_bounds(house: Running) -> None:
    token = await house.sign_up()
    for body, field in (
        ({"name": "n" * 65, "password": PASSWORD}, "name"),
        ({"name": "ben", "password": "p" * 7}, "password"),
        ({"name": "ben", "password": "p" * 1025}, "password"),
        ({"name": "", "password": PASSWORD}, "name"),
    ):
        status, told = await post(house, "/api/v1/users", body, **bearer(token))
        assert (status, told["field"]) == (400, field)
