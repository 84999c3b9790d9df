"""The native API as its clients read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from mediaserver import app
from mediaserver.core.settings import Settings
from tests.server import Running


def shown(page: Any) -> list[str]:
    return [one.get("title") or one["name"] for one in page["items"]]


async def test_the_library_reads_as_it_was_tagged(house: Running) -> None:
    token = await house.sign_up()
    albums = await house.json("/api/v1/albums?sort=artist", token)
    assert shown(albums) == ["Homogenic", "Long Way", "Summer", "星"]
    assert albums["next"] is None
    assert shown(await house.json("/api/v1/albums?sort=year&order=desc", token))[0] == "Summer"
    artists = {one["name"]: one for one in (await house.json("/api/v1/artists", token))["items"]}
    assert set(artists) == {"Björk", "The Quiet", "夜の海", "Anna", "Ben", "Various Artists"}
    assert (artists["Björk"]["album_count"], artists["Björk"]["track_count"]) == (1, 3)
    anna = await house.json(f"/api/v1/artists/{artists['Anna']['id']}", token)
    assert (anna["albums"], shown({"items": anna["appears_on"]})) == ([], ["Summer"])
    long_way = next(one for one in albums["items"] if one["title"] == "Long Way")
    album = await house.json(f"/api/v1/albums/{long_way['id']}", token)
    assert [(t["disc"], t["track"], t["title"]) for t in album["tracks"]] == [
        (1, 1, "Setting Out"),
        (1, 2, "Halfway"),
        (2, 1, "Coming Home"),
    ]
    genres = (await house.json("/api/v1/genres", token))["items"]
    assert {g["name"]: g["track_count"] for g in genres} == {"Electronic": 3, "Rock": 3, "Jazz": 2, "Pop": 2}
    jazz = next(g["id"] for g in genres if g["name"] == "Jazz")
    assert shown(await house.json(f"/api/v1/albums?genre={jazz}", token)) == ["星"]
    assert shown(await house.json(f"/api/v1/tracks?genre={jazz}&sort=added&order=desc", token)) == ["Dawn", "月光"]
    track = album["tracks"][0]
    assert await house.json(f"/api/v1/tracks/{track['id']}", token) == track
    assert track["duration_ms"] in range(1990, 2100)
    assert (track["codec"], track["lossless"], track["bit_depth"]) == ("mp3", False, None)


async def test_lists_are_paged_by_cursor(house: Running) -> None:
    token = await house.sign_up()
    seen, cursor = [], ""
    while cursor is not None:
        page = await house.json(f"/api/v1/tracks?limit=3{cursor and '&cursor=' + cursor}", token)
        assert len(page["items"]) <= 3
        seen += shown(page)
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 10


async def test_search_answers_all_kinds_or_one(house: Running) -> None:
    token = await house.sign_up()
    found = await house.json("/api/v1/search?q=bjo", token)
    assert {kind: shown(page) for kind, page in found.items()} == {
        "artists": ["Björk"],
        "albums": ["Homogenic"],
        "tracks": ["Hunter", "Jóga", "Unravel"],
    }
    assert shown(await house.json("/api/v1/search?q=月&type=track", token)) == ["月光"]
    assert shown(await house.json("/api/v1/search?q=joga&type=track&limit=1", token)) == ["Jóga"]


async def test_a_wrong_parameter_is_named(house: Running) -> None:
    token = await house.sign_up()
    for path, field in [
        ("albums?limit=0", "limit"),
        ("albums?limit=501", "limit"),
        ("albums?limit=ten", "limit"),
        ("albums?limit=1&limit=2", "limit"),
        ("albums?limit=" + "9" * 400, "limit"),
        ("albums?sort=size", "sort"),
        ("albums?order=up", "order"),
        ("albums?artist=-1", "artist"),
        ("albums?artist=99999999999999999999", "artist"),
        ("albums?cursor=forged", "cursor"),
        ("tracks?cursor=WzFd", "cursor"),
        ("search", "q"),
        ("search?q=" + "x" * 1001, "q"),
        ("search?q=a%00b", "q"),
        ("search?q=a&type=video", "type"),
        ("scan/problems?reason=bored", "reason"),
        ("scan/problems?cursor=x", "cursor"),
    ]:
        problem = await house.json(f"/api/v1/{path}", token, status=400)
        assert (problem["field"], problem["status"]) == (field, 400), path


async def test_ids_that_are_none_are_not_found(house: Running) -> None:
    token = await house.sign_up()
    for kind in ("albums", "artists", "tracks"):
        for wrong in ("0", "999999", "abc", "-1", "1.5", "9" * 30, "%C2%B2", "1%00"):
            await house.json(f"/api/v1/{kind}/{wrong}", token, status=404)
    await house.json("/api/v1/tracks/999999/playback", token, status=404)


async def test_a_scan_is_not_idle_from_the_answer_on(house: Running) -> None:
    admin = await house.sign_up()
    assert (await house.json("/api/v1/scan", admin))["state"] == "idle"
    started = await house.json("/api/v1/scan", admin, method="POST", status=202)
    assert started["state"] == "scanning"
    await house.server.scanner.wait()
    done = await house.json("/api/v1/scan", admin)
    assert (done["state"], done["files_seen"], done["files_read"]) == ("idle", 10, 0)
    assert done["last"]["outcome"] == "done"


async def test_ready_means_that_the_first_scan_has_begun(house: Running) -> None:
    async def ready() -> int:
        async with house.client.get(f"{house.base}/readyz") as answer:
            assert (await answer.json())["ready"] is (answer.status == 200)
            return int(answer.status)

    assert await ready() == 200
    admin = await house.sign_up()
    house.server.scanner.has_begun = False  # as it is until the first scan begins
    assert await ready() == 503
    async with house.client.get(f"{house.base}/healthz") as answer:
        assert answer.status == 200, "it lives, though it is not ready"
    await house.json("/api/v1/scan", admin, method="POST", status=202)
    assert await ready() == 200
    await house.server.scanner.wait()


async def test_the_first_scan_has_begun_before_a_started_server_answers(
    seeded_library: Path, tmp_path: Path, database_url: str
) -> None:
    settings = msgspec.convert(
        {"server": {"host": "127.0.0.1", "port": 0}, "database": {"url": database_url}}, Settings
    )
    async with app.running(settings, tmp_path, [seeded_library]) as server:
        assert server.scanner.has_begun
        assert server.scanner.status().state != "idle"
        await server.scanner.wait()


async def test_every_answer_carries_the_guards(house: Running) -> None:
    for path in ("/healthz", "/sign-in", "/api/v1/me", "/nothing"):
        async with house.client.get(house.base + path, allow_redirects=False) as answer:
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Referrer-Policy"] == "no-referrer"
            assert (
                "default-src 'none'; script-src 'self'; style-src 'self';" in answer.headers["Content-Security-Policy"]
            )
            assert answer.headers["Server"] == "mediaserver"
