"""What people want kept ready, as the page and programs ask for it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests import audio
from tests.server import Running, running

ALWAYS: dict[str, Any] = {"ready_hours": (), "ready_quality": "low"}


async def ids(house: Running, token: str, kind: str) -> list[int]:
    return [one["id"] for one in (await house.json(f"/api/v1/{kind}", token))["items"]]


async def pinned(house: Running, token: str) -> list[tuple[Any, Any, str]]:
    answer = await house.json("/api/v1/pins", token)
    assert answer["next"] is None
    return [(one["album_id"], one["track_id"], one["title"]) for one in answer["items"]]


async def row(house: Running, token: str) -> Any:
    rows = (await house.json("/api/v1/health", token))["rows"]
    return next((one for one in rows if one["name"] == "Kept ready"), None)


async def until_told(house: Running, token: str, words: str) -> Any:
    for _ in range(1200):
        found = await row(house, token)
        if found is not None and words in found["message"]:
            return found
        await asyncio.sleep(0.05)
    raise AssertionError(f"{words!r} was never told: {found}")


async def test_everybody_has_pins_of_their_own_and_none_twice(house: Running) -> None:
    anna = await house.sign_up()
    bela = await house.listener(anna, "Bela")
    album = (await ids(house, anna, "albums"))[0]
    track = (await ids(house, anna, "tracks"))[0]
    titles = {
        "album": (await house.json(f"/api/v1/albums/{album}", anna))["title"],
        "track": (await house.json(f"/api/v1/tracks/{track}", anna))["title"],
    }
    assert await row(house, anna) is None
    for _ in range(2):
        await house.json(f"/api/v1/pins/albums/{album}", anna, method="PUT", status=204)
        await house.json(f"/api/v1/pins/tracks/{track}", anna, method="PUT", status=204)
    assert await pinned(house, anna) == [(None, track, titles["track"]), (album, None, titles["album"])]
    assert await pinned(house, bela) == []
    await house.json(f"/api/v1/pins/albums/{album}", bela, method="DELETE", status=204)
    await house.json(f"/api/v1/pins/tracks/{track}", bela, method="PUT", status=204)
    await house.json(f"/api/v1/pins/tracks/{track}", anna, method="DELETE", status=204)
    assert await pinned(house, anna) == [(album, None, titles["album"])]
    assert await pinned(house, bela) == [(None, track, titles["track"])]
    for kind in ("albums", "tracks"):
        await house.json(f"/api/v1/pins/{kind}/999999", anna, method="PUT", status=404)
        await house.json(f"/api/v1/pins/{kind}/999999", anna, method="DELETE", status=204)


async def test_what_is_pinned_is_made_ready_and_health_tells_how_far(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for n in range(2):
        audio.write(music / f"{n}.flac", seconds=5.0, seed=n)
    async with running(music, tmp_path / "data", database_url, streaming=ALWAYS) as house:
        anna = await house.sign_up()
        for track in await ids(house, anna, "tracks"):
            await house.json(f"/api/v1/pins/tracks/{track}", anna, method="PUT", status=204)
        found = await until_told(house, anna, "2 of 2 tracks")
        assert found["state"] == "ok"
        made = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*.m4s")}
        assert made
    async with running(music, tmp_path / "data", database_url, streaming=ALWAYS) as house:
        anna = await house.sign_in("Admin")
        await until_told(house, anna, "2 of 2 tracks")
        assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*.m4s")} == made
        track = (await ids(house, anna, "tracks"))[0]
        await house.json(f"/api/v1/pins/tracks/{track}", anna, method="DELETE", status=204)
        await until_told(house, anna, "1 of 1 tracks")
