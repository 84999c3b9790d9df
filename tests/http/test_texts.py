"""Text that no database takes, wherever a stranger or a person may put it: refused in words, on either database."""

from __future__ import annotations

import base64

from yarl import URL

from tests.server import PASSWORD, Running, bearer


def cursor(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


async def test_no_address_holds_text_that_breaks_the_database(house: Running) -> None:
    token = await house.sign_up()
    for path in [
        *(
            f"/api/v1/{kind}?cursor={cursor(key)}"
            for kind in ("artists", "albums", "tracks", "genres")
            for key in (
                r'["a\u0000", 1]',
                r'["\ud800", 1]',
                '["a", 99999999999999999999]',
                '["a", -9223372036854775809]',
            )
        ),
        "/api/v1/covers/%00",
        "/api/v1/covers/a%00b",
        "/api/v1/covers/%ED%A0%80",
        "/api/v1/search?q=a%00b",
        "/api/v1/search?q=%ED%A0%80",
        "/api/v1/search?q=a%FFb&type=track",
        "/api/v1/albums?sort=%00",
        "/api/v1/albums?genre=%00",
        "/api/v1/tracks/%00",
        "/api/v1/tracks/9223372036854775808/playback",
        "/api/v1/scan/problems?reason=%00",
        f"/api/v1/scan/problems?cursor={cursor('[9223372036854775808]')}",
        "/e/%00/%00/%00/%00",
    ]:
        async with house.client.get(URL(house.base + path, encoded=True), headers=bearer(token)) as answer:
            assert answer.status in (200, 400, 403, 404), (path, await answer.text())
            assert answer.status != 200 or "search?q=" in path, path


async def test_no_body_holds_text_that_breaks_the_database(house: Running) -> None:
    token = await house.sign_up()
    for text in ["\\u0000", "a\\u0000b", "\\ud800", "\\udfff x"]:
        for method, path, body in (
            ("POST", "/api/v1/session", f'{{"name": "{text}", "password": "{PASSWORD}"}}'),
            ("POST", "/api/v1/session", f'{{"name": "Admin", "password": "{text}"}}'),
            ("POST", "/api/v1/setup", f'{{"link": "{text}", "name": "n", "password": "{PASSWORD}"}}'),
            ("POST", "/api/v1/tokens", f'{{"name": "{text}"}}'),
            ("POST", "/api/v1/users", f'{{"name": "{text}", "password": "{PASSWORD}"}}'),
            ("PUT", "/api/v1/me/password", f'{{"current": "{text}", "new": "{PASSWORD}"}}'),
        ):
            headers = {"Content-Type": "application/json", **bearer(token)}
            async with house.client.request(method, house.base + path, data=body, headers=headers) as answer:
                assert answer.status in (400, 401, 403), (path, await answer.text())


async def test_a_header_that_is_no_text_signs_nobody_in(house: Running) -> None:
    for name, value in [
        ("Authorization", "Bearer ms_\udc80\udcff"),
        ("Authorization", "Bearer"),
        ("Authorization", ""),
        ("Cookie", "mediaserver_session=\udcff"),
        ("Cookie", 'mediaserver_session="a\\000b"'),
        ("Cookie", "mediaserver_session=" + "x" * 5000),
        ("X-CSRF-Token", "\udcff"),
    ]:
        raw = value.encode("utf-8", "surrogateescape").decode("latin-1")
        async with house.client.get(house.base + "/api/v1/me", headers={name: raw}) as answer:
            assert answer.status == 401, (name, value)


async def test_a_browser_whose_name_is_no_text_signs_in(house: Running) -> None:
    await house.sign_up()
    body = {"name": "Admin", "password": PASSWORD}
    headers = {"User-Agent": "\u0080 Fire\u00ff \ud83e fox".encode("utf-8", "surrogatepass").decode("latin-1")}
    async with house.client.post(f"{house.base}/api/v1/session", json=body, headers=headers) as answer:
        assert answer.status == 200
