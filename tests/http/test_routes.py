"""Every route of the real application is closed to strangers, unless it stands in the list of public ones."""

from __future__ import annotations

from collections.abc import Iterator

from mediaserver.http.base.public import PUBLIC
from tests.server import Running, bearer

FILLED = {"id": "1", "digest": "A" * 22, "token": "1.a.b.99.c", "recipe": "aac.10.abc", "file": "0.m4s"}
FILLED |= {"version": "x", "path": "y"}


def routes(house: Running) -> Iterator[tuple[str, str]]:
    """(method, pattern) of the server's own table, asked of the running application."""
    for resource in house.server.application.router.resources():
        for route in resource:
            yield route.method, resource.canonical


async def test_strangers_get_in_nowhere_but_where_the_list_says(house: Running) -> None:
    await house.sign_up()
    closed = [(m, p) for m, p in routes(house) if ("GET" if m == "HEAD" else m, p) not in PUBLIC]
    assert len(closed) > 25
    strangers: list[dict[str, str]] = [
        {},
        bearer("ms_" + "x" * 43),
        bearer(""),
        {"Authorization": "Basic YWRtaW46YWRtaW4="},
        {"Cookie": "mediaserver_session=" + "y" * 43},
        {"Cookie": "mediaserver_session=\u00e9"},
    ]
    for method, pattern in closed:
        for headers in strangers:
            path = pattern.format(**FILLED)
            async with house.client.request(
                method, house.base + path, headers=headers, json={}, allow_redirects=False
            ) as answer:
                if answer.status == 303:
                    assert not path.startswith("/api/"), path
                    assert answer.headers["Location"].startswith("/sign-in?next=")
                else:
                    assert answer.status == 401, (method, path, answer.status)


async def test_the_list_names_only_what_exists_and_why(house: Running) -> None:
    existing = set(routes(house))
    for key, reason in PUBLIC.items():
        assert key in existing, key
        assert len(reason) > 20


async def test_what_does_not_exist_is_told_to_nobody(house: Running) -> None:
    for method, path, status in [
        ("GET", "/nowhere", 401),
        ("GET", "/api/v1/nowhere", 401),
        ("POST", "/healthz", 401),
        ("GET", "/e/x/y/z/w", 404),
        ("GET", "/e/x/y/aac.10.abc/0.m4s", 403),
    ]:
        async with house.client.request(method, house.base + path) as answer:
            assert answer.status == status, path
            assert answer.content_type == "application/problem+json"
            body = await answer.json()
            assert body["status"] == status
            assert set(body) == {"type", "title", "status", "detail"}
