"""How many streams a person may have at once, as devices meet it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests import audio
from tests.server import Running, running


async def device(house: Running, token: str, name: str) -> str:
    answer = await house.json("/api/v1/tokens", token, method="POST", status=201, body={"name": name})
    return str(answer["token"])


async def fetched(house: Running, address: str, **headers: str) -> tuple[int, Any]:
    async with house.client.get(house.base + address, headers=headers) as answer:
        if answer.status != 429:
            await answer.read()
            return answer.status, None
        assert 1 <= int(answer.headers["Retry-After"]) <= 30
        return answer.status, await answer.json()


async def test_one_stream_too_many_is_refused_in_words_and_what_plays_goes_on(
    tmp_path: Path, database_url: str
) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for n in range(3):
        audio.write(music / f"{n}.flac", seconds=9.0, seed=n)
    async with running(
        music, tmp_path / "data", database_url, streaming={"streams_per_person": 2, "cache_size_mb": 64}
    ) as house:
        admin = await house.sign_up()
        anna = await house.listener(admin, "Anna")
        phone, kitchen, attic = anna, *[await device(house, anna, name) for name in ("kitchen", "attic")]
        ids = [one["id"] for one in (await house.json("/api/v1/tracks", anna))["items"]]

        async def stream(token: str, n: int, name: str = "flac") -> str:
            return str((await house.json(f"/api/v1/tracks/{ids[n]}/playback", token))["stream"][name])

        first, second, third = await stream(phone, 0), await stream(kitchen, 1, "mp3"), await stream(attic, 2)
        other = (await house.json(f"/api/v1/tracks/{ids[2]}/playback", attic))["direct"]
        assert (await fetched(house, first, Range="bytes=0-999"))[0] == 206
        assert (await fetched(house, second))[0] == 200
        for refused in (third, other):
            for going_on in (first, second):  # a machine may be slow, and half a minute long
                await fetched(house, going_on, Range="bytes=0-999")
            status, told = await fetched(house, refused)
            assert status == 429
            assert told["detail"].startswith("you have 2 streams already, as many as you may at once")
        async with house.client.head(house.base + third) as head:
            assert head.status == 200, "whoever asks for the length takes nothing"
        for again in (first, second, await stream(phone, 1)):
            assert (await fetched(house, again, Range="bytes=1000-1999"))[0] == 206
        assert (await fetched(house, await stream(admin, 2)))[0] == 200, "another person has streams of their own"

        user = next(one for one in (await house.json("/api/v1/users", admin))["items"] if one["name"] == "Anna")
        assert user["max_streams"] is None
        path = f"/api/v1/users/{user['id']}"
        for wrong in (-1, 1001, "3"):
            body = {"max_streams": wrong}
            assert (await house.json(path, admin, method="PATCH", status=400, body=body))["field"] == "max_streams"
        await house.json(path, anna, method="PATCH", status=403, body={"max_streams": 0})
        changed = await house.json(path, admin, method="PATCH", body={"max_streams": 3})
        assert changed["max_streams"] == 3
        assert (await house.json(path, admin, method="PATCH", body={"max_rank": 90}))["max_streams"] == 3
        for _ in range(400):  # what is known of a device holds half a second
            if (await fetched(house, third))[0] == 200:
                break
            await asyncio.sleep(0.05)
        else:
            raise AssertionError("a higher limit lets nobody in")
        assert (await house.json(path, admin, method="PATCH", body={"max_streams": None}))["max_streams"] is None
