"""Events as they are heard: by Server-Sent Events and by WebSocket, of a real server, until a permit ends."""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from mediaserver import floors
from mediaserver.core.settings import Database, Settings
from mediaserver.views import live
from tests.eventstream import LIMIT_S, Ear, Heard, listening
from tests.server import PASSWORD, Running, bearer, running

EVENTS = "/api/v1/events"


async def test_a_scan_is_told_as_it_goes_and_what_it_brings(
    seeded_library: Path, tmp_path: Path, database_url: str
) -> None:
    music = tmp_path / "music"
    shutil.copytree(seeded_library / "Björk", music / "Björk")
    async with running(music, tmp_path / "data", database_url) as house:
        admin = await house.sign_up()
        listener = await house.listener(admin)
        async with listening(house.client, house.base + EVENTS, bearer(admin)) as ear:
            epoch = ear.first.id.partition("-")[0]
        from_the_start = {**bearer(admin), "Last-Event-ID": f"{epoch}-0"}
        async with listening(house.client, house.base + EVENTS, from_the_start) as ear:
            first = await ear.until("library")
            assert (len(first.data["albums"]), len(first.data["tracks"])) == (1, 3)
        before = {one["id"] for one in (await house.json("/api/v1/albums", admin))["items"]}
        async with (
            listening(house.client, house.base + EVENTS, bearer(admin)) as ear,
            listening(house.client, house.base + EVENTS + "?types=library", bearer(listener)) as other,
            house.client.ws_connect(house.base + EVENTS + "/ws?types=library", headers=bearer(listener)) as socket,
        ):
            assert (await socket.receive_json())["type"] == "ready"
            shutil.copytree(seeded_library / "夜の海", music / "夜の海")  # noticed by itself, or by the scan
            await house.json("/api/v1/scan", admin, method="POST", status=202)
            change: Heard | None = None
            progress: dict[str, Any] = {}
            albums: set[int] = set()
            tracks: set[int] = set()
            while change is None or len(tracks) < 2 or progress.get("state") != "idle":
                one = await ear.until("library", "scan")
                if one.kind == "library":
                    change = one
                    albums |= set(one.data["albums"])
                    tracks |= set(one.data["tracks"])
                else:
                    progress = one.data
            assert progress == await house.json("/api/v1/scan", admin)
            (new,) = {one["id"] for one in (await house.json("/api/v1/albums", admin))["items"]} - before
            assert albums == {new}
            while (same := await other.next()).id != change.id:
                assert same.kind in ("library", "comment")
            assert same == change
            while (by_socket := await socket.receive_json(timeout=LIMIT_S))["id"] != change.id:
                assert by_socket["type"] == "library"
            assert by_socket == {"type": "library", "id": change.id, "data": change.data}


async def test_who_was_away_goes_on_where_he_was_and_hears_of_a_loss(house: Running) -> None:
    admin = await house.sign_up()
    async with listening(house.client, house.base + EVENTS + "?types=device", bearer(admin)) as ear:
        await house.listener(admin)
        last = await ear.until("device")
        assert last.data["change"] == "begun"
        token = await ear.until("device")
    headers = {**bearer(admin), "Last-Event-ID": last.id}
    async with listening(house.client, house.base + EVENTS, headers) as ear:
        assert await ear.until("device") == token
    async with house.client.ws_connect(
        f"{house.base}{EVENTS}/ws?types=device&last_event_id={last.id}", headers=bearer(admin)
    ) as socket:
        assert await socket.receive_json() == {"type": "ready", "id": last.id}
        assert await socket.receive_json() == {"type": "device", "id": token.id, "data": token.data}
    for unknown in ("00000000-1", "x", last.id + "0000", "\u00e9" * 50, "-1"):
        headers = {**bearer(admin), "Last-Event-ID": unknown}
        async with listening(house.client, house.base + EVENTS, headers, first="reset"):
            pass


async def test_everybody_hears_of_the_own_devices_and_administrators_of_all(house: Running) -> None:
    admin = await house.sign_up()
    anna, ben = await house.listener(admin, "Anna"), await house.listener(admin, "Ben")
    ids = {one["name"]: one["id"] for one in (await house.json("/api/v1/users", admin))["items"]}
    async with (
        listening(house.client, house.base + EVENTS, bearer(admin)) as all_of_it,
        listening(house.client, house.base + EVENTS, bearer(anna)) as hers,
        listening(house.client, house.base + EVENTS, bearer(ben)) as his,
    ):
        made = await house.json("/api/v1/tokens", anna, method="POST", status=201, body={"name": "radio"})
        expected = {"user_id": ids["Anna"], "device": "token", "id": made["id"], "change": "begun"}
        assert (await hers.until("device")).data == expected
        assert (await all_of_it.until("device")).data == expected
        await house.json(f"/api/v1/tokens/{made['id']}", anna, method="DELETE", status=204)
        assert (await hers.until("device")).data == {**expected, "change": "ended"}
        await house.sign_in("Ben")
        assert (await his.until("device")).data["user_id"] == ids["Ben"]


async def signed_in(house: Running, name: str) -> dict[str, str]:
    async with house.client.post(f"{house.base}/api/v1/session", json={"name": name, "password": PASSWORD}) as answer:
        assert answer.status == 200
        cookie = answer.cookies["mediaserver_session"].value
        return {"Cookie": f"mediaserver_session={cookie}", "X-CSRF-Token": (await answer.json())["csrf"]}


async def ends(ear: Ear) -> None:
    assert (await ear.until("end")).data == {"reason": "revoked"}
    assert (await ear.next()).kind == ""


@pytest.mark.parametrize("way", ["sign out", "revoke the session", "remove the person", "new password"])
async def test_a_stream_ends_at_once_with_its_session(house: Running, way: str) -> None:
    admin = await house.sign_up()
    await house.listener(admin)
    cookie = await signed_in(house, "Listener")
    ids = {one["name"]: one["id"] for one in (await house.json("/api/v1/users", admin))["items"]}
    async with (
        listening(house.client, house.base + EVENTS, cookie) as ear,
        house.client.ws_connect(house.base + EVENTS + "/ws", headers=cookie) as socket,
        listening(house.client, house.base + EVENTS, bearer(admin)) as another,
    ):
        began = time.monotonic()
        match way:
            case "sign out":
                async with house.client.delete(f"{house.base}/api/v1/session", headers=cookie) as answer:
                    assert answer.status == 204
            case "revoke the session":
                async with house.client.get(f"{house.base}/api/v1/sessions", headers=cookie) as answer:
                    (here,) = (one["id"] for one in (await answer.json())["items"] if one["current"])
                async with house.client.delete(f"{house.base}/api/v1/sessions/{here}", headers=cookie) as answer:
                    assert answer.status == 204
            case "remove the person":
                await house.json(f"/api/v1/users/{ids['Listener']}", admin, method="DELETE", status=204)
            case "new password":
                body = {"password": "another one"}
                await house.json(f"/api/v1/users/{ids['Listener']}", admin, method="PATCH", body=body)
        await ends(ear)
        while not socket.closed:
            message = await socket.receive(timeout=LIMIT_S)
            if message.type is aiohttp.WSMsgType.TEXT:
                assert message.json()["type"] in (
                    "ready",
                    "library",
                    "scan",
                    "device",
                    "end",
                )  # the first scan may end now
        assert socket.close_code == 4401
        assert time.monotonic() - began < live.BEAT_S / 2  # not with the next sign of life
        assert (await another.until("device")).data["change"] == "ended"


async def test_a_stream_ends_with_its_token_also_when_another_process_revokes_it(
    house: Running, tmp_path: Path, database_url: str
) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin)
    (mine,) = (await house.json("/api/v1/tokens", listener))["items"]
    async with listening(house.client, house.base + EVENTS, bearer(listener)) as ear:
        # The rooms once more, as the command line has them.
        async with floors.rooms(Settings(database=Database(database_url)), tmp_path / "data") as beside:
            await beside.accounts.tokens.revoke(None, mine["id"])
        await ends(ear)


async def test_another_origin_gets_no_stream(house: Running) -> None:
    admin = await house.sign_up()
    await house.listener(admin)
    cookie = await signed_in(house, "Listener")
    for origin in ("http://elsewhere.example", "null", house.base.replace("127.0.0.1", "localhost")):
        headers = {**cookie, "Origin": origin}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with house.client.ws_connect(house.base + EVENTS + "/ws", headers=headers):
                pass
        assert refused.value.status == 403
        async with house.client.get(house.base + EVENTS, headers=headers) as answer:
            assert answer.status == 403
    async with house.client.ws_connect(house.base + EVENTS + "/ws", headers={**cookie, "Origin": house.base}) as own:
        assert (await own.receive_json())["type"] == "ready"


async def test_the_headers_keep_proxies_and_caches_from_holding_a_stream_back(house: Running) -> None:
    admin = await house.sign_up()
    async with listening(house.client, house.base + EVENTS, bearer(admin)) as ear:
        told = ear.answer.headers
        assert told["Content-Type"] == "text/event-stream"
        assert told["Cache-Control"] == "no-store"
        assert told["X-Accel-Buffering"] == "no"
        assert "Content-Encoding" not in told
    async with house.client.head(house.base + EVENTS, headers=bearer(admin)) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")


async def test_what_cannot_be_asked_is_said(house: Running) -> None:
    token = await house.sign_up()
    for path, status, field in [
        ("?types=scan,nothing", 400, "types"),
        ("/ws", 400, None),
        ("?last_event_id=a&last_event_id=b", 400, "last_event_id"),
    ]:
        told = await house.json(EVENTS + path, token, status=status)
        assert told.get("field") == field, path


async def test_a_person_has_so_many_streams_and_no_more(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin)
    opened = []
    for _ in range(live.MOST_OF_ONE):
        opened.append(await house.client.get(house.base + EVENTS, headers=bearer(listener)))
    told = await house.json(EVENTS, listener, status=503)
    assert "close some" in told["detail"]
    async with listening(house.client, house.base + EVENTS, bearer(admin)):
        pass  # others have theirs
    opened.pop().close()
    async with asyncio.timeout(live.BEAT_S / 2):  # its going is noticed without a word being said
        while (await house.client.get(house.base + EVENTS, headers=bearer(listener))).status != 200:
            await asyncio.sleep(0.05)
    for one in opened:
        one.close()


async def test_50_open_streams_do_not_keep_the_server_from_stopping(
    seeded_library: Path, tmp_path: Path, database_url: str
) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
        async with running(seeded_library, tmp_path / "data", database_url) as house:
            admin = await house.sign_up()
            tokens = [admin, await house.listener(admin)]
            address = house.base + EVENTS
            streams = [await client.get(address, headers=bearer(token)) for token in tokens for _ in range(20)]
            sockets = [await client.ws_connect(f"{address}/ws", headers=bearer(admin)) for _ in range(10)]

            async def all_end() -> None:
                for stream in streams:
                    assert (await Ear(stream).until("end")).data == {"reason": "stopping"}
                for socket in sockets:
                    while (message := await socket.receive(timeout=LIMIT_S)).type is aiohttp.WSMsgType.TEXT:
                        assert message.json()["type"] in ("ready", "scan", "library", "device", "end")
                    assert socket.close_code == 1001

            hearing = asyncio.create_task(all_end())
            began = time.monotonic()
        took_s = time.monotonic() - began
        print(f"\nstopped within {took_s:.2f} s")
        assert took_s < 5
        await hearing


async def test_the_command_of_the_reference_hears_what_it_says(house: Running) -> None:
    if shutil.which("curl") is None:
        pytest.skip("left out: curl is not installed")
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^(curl .*/events.*)$", text, re.M)
    listener = await house.listener(await house.sign_up())
    process = await asyncio.create_subprocess_shell(
        "exec " + command.replace("http://localhost:4747", house.base),
        env={"PATH": "/usr/bin:/bin", "token": listener},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    async with asyncio.timeout(LIMIT_S):
        told = (await process.stdout.readuntil(b"\n\n")).decode()
    process.terminate()
    await process.wait()
    example = text.partition("```text\n")[2].partition("\n\n")[0]
    assert re.fullmatch(re.sub(r"[0-9a-f]{8}-\d+", r"[0-9a-f]{8}-\\d+", example), told.strip())
