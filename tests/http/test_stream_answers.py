"""The signed media door in detail: conditions, ranges, other origins, ends, crowds, and hostile paths."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from mediaserver.accounts.addresses import Addresses
from mediaserver.accounts.permits import Viewer
from mediaserver.accounts.steps import Steps
from mediaserver.core.clock import SystemClock
from mediaserver.core.events import EventBus
from mediaserver.core.units import UserId
from mediaserver.storage import open_database
from tests import audio
from tests.clock import FakeClock
from tests.faults.houses import descendants
from tests.server import Running, running

PROBLEM = "application/problem+json"


async def ask(house: Running, path: str, *, method: str = "GET", **headers: str) -> tuple[int, bytes, Any]:
    async with house.client.request(method, house.base + path, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


async def playback(house: Running, token: str, title: str) -> dict[str, Any]:
    found = await house.json(f"/api/v1/search?q={title}&type=track", token)
    answer: dict[str, Any] = await house.json(f"/api/v1/tracks/{found['items'][0]['id']}/playback", token)
    return answer


async def folders(house: Running, main: str) -> list[str]:
    """Of the rungs that a multivariant playlist lists."""
    _, body, _ = await ask(house, main)
    base = main.rsplit("/", 2)[0]
    return [f"{base}/{line.split('/')[1]}" for line in body.decode().splitlines() if line.startswith("../")]


async def test_what_a_player_has_already_is_not_sent_again(house: Running) -> None:
    token = await house.sign_up()
    answer = await playback(house, token, "Hunter")
    (low, *_) = await folders(house, answer["hls"]["aac"])
    tags = set()
    for file in ("media.m3u8", "init.mp4", "init-mse.mp4", "0.m4s"):
        _, body, headers = await ask(house, f"{low}/{file}")
        tags.add(headers["ETag"])
        status, again, headers = await ask(house, f"{low}/{file}", **{"If-None-Match": f'"x", {headers["ETag"]}'})
        assert (status, again) == (304, b"")
        assert "immutable" in headers["Cache-Control"]
        status, again, _ = await ask(house, f"{low}/{file}", **{"If-None-Match": '"x"'})
        assert (status, again) == (200, body)
    assert len(tags) == 4
    renewed = await playback(house, token, "Hunter")
    (low_again, *_) = await folders(house, renewed["hls"]["aac"])
    _, _, headers = await ask(house, f"{low_again}/0.m4s")
    assert headers["ETag"] in tags, "the tag does not depend on the token"


async def test_head_tells_what_get_sends(house: Running) -> None:
    token = await house.sign_up()
    answer = await playback(house, token, "Hunter")
    (low, *_) = await folders(house, answer["hls"]["aac"])
    for path in (answer["hls"]["aac"], f"{low}/media.m3u8", f"{low}/0.m4s", answer["direct"]):
        _, body, got = await ask(house, path)
        status, nothing, told = await ask(house, path, method="HEAD")
        assert (status, nothing) == (200, b"")
        assert int(told["Content-Length"]) == len(body)
        for name in ("Content-Type", "Cache-Control", "Accept-Ranges"):
            assert told.get(name) == got.get(name), path


async def test_ranges_that_are_not_understood_give_the_whole(house: Running) -> None:
    token = await house.sign_up()
    answer = await playback(house, token, "Hunter")
    (low, *_) = await folders(house, answer["hls"]["aac"])
    path = f"{low}/0.m4s"
    _, whole, headers = await ask(house, path)
    tag = headers["ETag"]
    for asked in ("bytes=5-2", "bytes=0-1,4-5", "bytes=", "bytes=-", "lines=0-4", "bytes=a-b", "bytes=0-" + "9" * 30):
        status, body, _ = await ask(house, path, Range=asked)
        assert (status, body) == (200, whole), asked
    for asked, status, part in (
        ("bytes=0-0", 206, whole[:1]),
        (f"bytes=-{len(whole) + 100}", 206, whole),
        (f"bytes=3-{len(whole) + 100}", 206, whole[3:]),
    ):
        got, body, headers = await ask(house, path, Range=asked)
        assert (got, body) == (status, part), asked
    for asked in ("bytes=-0", f"bytes={len(whole)}-"):
        status, body, headers = await ask(house, path, Range=asked)
        assert (status, headers["Content-Type"]) == (416, "application/problem+json"), asked
        assert headers["Content-Range"] == f"bytes */{len(whole)}"
        assert json.loads(body)["detail"] == f"the range lies outside of the file's {len(whole)} bytes"
    status, body, _ = await ask(house, path, Range="bytes=0-9", **{"If-Range": tag})
    assert (status, body) == (206, whole[:10])
    status, body, _ = await ask(house, path, Range="bytes=0-9", **{"If-Range": '"another"'})
    assert (status, body) == (200, whole), "the parts of two different things must not be joined"


async def test_the_original_has_its_type_its_name_and_its_bytes(house: Running, seeded_library: Path) -> None:
    token = await house.sign_up()
    for title, path, kind, name in (
        ("Hunter", "Björk/Homogenic/01 Hunter.flac", "audio/flac", "01-Hunter.flac"),
        ("Halfway", "The Quiet/Long Way/CD 1/2 Halfway.mp3", "audio/mpeg", "2-Halfway.mp3"),
        ("Dawn", "夜の海/星/2 Dawn.m4a", "audio/mp4", "2-Dawn.m4a"),
        ("Two", "Mixed/Summer/2.opus", "audio/ogg", "2.opus"),
    ):
        answer = await playback(house, token, title)
        status, body, headers = await ask(house, answer["direct"], **{"Accept-Encoding": "gzip, br"})
        assert (status, body) == (200, (seeded_library / path).read_bytes())
        assert headers["Content-Type"] == kind
        assert headers["Content-Disposition"] == f'inline; filename="{name}"'
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["X-Content-Type-Options"] == "nosniff"
        folder = answer["direct"].rpartition("/")[0]
        for other in ("page.html", "x", name + "x"):
            assert (await ask(house, f"{folder}/{other}"))[0] == 404


async def test_the_original_is_sent_on_conditions_and_in_ranges(house: Running, seeded_library: Path) -> None:
    token = await house.sign_up()
    path = (await playback(house, token, "Hunter"))["direct"]
    whole = (seeded_library / "Björk/Homogenic/01 Hunter.flac").read_bytes()
    _, _, headers = await ask(house, path)
    tag, modified = headers["ETag"], headers["Last-Modified"]
    assert headers["Accept-Ranges"] == "bytes"
    for condition in ({"If-None-Match": tag}, {"If-Modified-Since": modified}):
        status, body, headers = await ask(house, path, **condition)
        assert (status, body, headers["ETag"]) == (304, b"", tag)
    for condition in (tag, modified):
        status, body, headers = await ask(house, path, Range="bytes=10-19", **{"If-Range": condition})
        assert (status, body) == (206, whole[10:20])
        assert headers["Content-Range"] == f"bytes 10-19/{len(whole)}"
    status, body, headers = await ask(house, path, Range="bytes=10-19", **{"If-Range": '"another"'})
    assert (status, body) == (200, whole)
    status, body, headers = await ask(house, path, Range=f"bytes={len(whole)}-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(whole)}")
    assert headers["Cache-Control"] == "no-store", "what is refused once is not refused for a year"
    assert headers["Content-Type"] == "application/problem+json"
    status, _, headers = await ask(house, path, **{"If-Match": '"another"'})
    assert (status, headers["Cache-Control"]) == (412, "no-store")
    status, body, headers = await ask(house, path, method="HEAD", Range="bytes=0-9")
    assert (status, body, headers["Content-Length"]) == (200, b"", str(len(whole)))


async def test_failures_are_open_to_other_origins_too_and_have_one_shape(house: Running) -> None:
    token = await house.sign_up()
    answer = await playback(house, token, "Hunter")
    (low, *_) = await folders(house, answer["hls"]["aac"])
    base, digest = low.rsplit("/", 2)[0], low.split("/")[3]
    for path, method, wanted in (
        (f"{low}/7.m4s", "GET", 404),
        (f"{low}/0.m4s", "POST", 401),
        (f"{low}/0.m4s", "DELETE", 401),
        (f"/e/1.a.b.20.{'A' * 43}/{digest}/aac.10.abc/0.m4s", "GET", 403),
        (f"{base}/{digest}/original.90.{'0' * 12}/x.flac", "GET", 410),
        (f"{base}/{digest}/cover.00.300/image.gif", "GET", 404),
        (f"{base}/{digest}/cover.00.300/image.webp", "GET", 404),
    ):
        status, body, headers = await ask(house, path, method=method)
        assert (status, headers["Content-Type"]) == (wanted, PROBLEM), (path.split("/")[4:], body)
        assert headers["Access-Control-Allow-Origin"] == "*"
        assert headers["Cache-Control"] == "no-store"
        assert token not in body.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/e/x/y/z/w",
        "/e/" + "1" * 3000 + "/y/aac.10.abc/0.m4s",
        "/e/%00/%00/aac.10.abc/0.m4s",
        "/e/..%2f..%2fetc/passwd/aac.10.abc/0.m4s",
        "/e/1.a.b.20.%F0%9F%8E%B5/%E2%98%83/aac.10.abc/0.m4s",
        "/e/1.a.b.20." + "A" * 43 + "/" + "A" * 22 + "/aac.10.abc/..%2f0.m4s",
        "/e/1.a.b.20." + "A" * 43 + "/" + "A" * 22 + "/original.90." + "0" * 12 + "/%2e%2e%2fx",
        "/e/99999999999.a.b.99." + "A" * 43 + "/" + "A" * 22 + "/aac.10.abc/0.m4s",
        "/e/١.a.b.20." + "A" * 43 + "/" + "A" * 22 + "/aac.10.abc/0.m4s",
        "/e/1.a.b.20." + "A" * 43 + "/" + "A" * 22 + "/aac.10.abc",
        "/e/",
    ],
)
async def test_a_hostile_address_is_refused_in_words(path: str, house: Running) -> None:
    status, body, headers = await ask(house, path)
    # What has not even the form of an address of media is closed to strangers, like everything else.
    assert status in ((403, 404) if path.count("/") == 5 else (401,)), body
    assert headers["Content-Type"] == PROBLEM


async def test_an_address_ends_and_its_renewal_gives_the_same_bytes(
    tmp_path: Path, seeded_library: Path, database_url: str
) -> None:
    """The renewed address fetches from the cache what the old one had made: a player goes on without a gap."""
    data_dir = tmp_path / "data"
    async with running(seeded_library, data_dir, database_url) as house:
        token = await house.sign_up()
        answer = await playback(house, token, "Hunter")
        (low, *_) = await folders(house, answer["hls"]["aac"])
        _, _, signed, digest, recipe = low.split("/")
        _, first, _ = await ask(house, f"{low}/0.m4s")
        database = await open_database(database_url, data_dir, SystemClock())
        past = FakeClock(SystemClock().now_ms() - 14 * 3_600_000)
        events = EventBus()
        addresses = Addresses(database, events, past, Steps(database, past, lifetime_ms=1))
        await addresses.open()
        viewer = Viewer(UserId(1), "Admin", True, 99, signed.split(".")[2], is_session=False)
        ended = addresses.prefix(viewer, digest, duration_ms=2000)
        past.advance(seconds=3 * 3600)
        alive = addresses.prefix(viewer, digest, duration_ms=2000)
        dead = addresses.prefix(
            Viewer(UserId(1), "Admin", True, 99, "nosuchgrant", is_session=False), digest, duration_ms=14 * 3_600_000
        )
        await events.close()
        await database.close()
        refusals = set()
        for prefix in (ended, dead):
            status, body, _ = await ask(house, f"{prefix}/{recipe}/0.m4s")
            assert status == 403
            refusals.add(body)
        assert len(refusals) == 1
        encodes = house.server.segments.encodes
        status, body, _ = await ask(house, f"{alive}/{recipe}/0.m4s")
        assert (status, body) == (200, first)
        assert house.server.segments.encodes == encodes


async def test_a_crowd_is_told_to_come_back(tmp_path: Path, database_url: str) -> None:
    """Hundreds of different cold segments at once: some are made, the others answer 503 with a time, none fail."""
    music = tmp_path / "music"
    music.mkdir()
    audio.write(music / "long.flac", seconds=240, rate_hz=8000, layout="mono")
    async with running(music, tmp_path / "data", database_url) as house:
        token = await house.sign_up()
        answer = await playback(house, token, "long")
        paths = [f"{folder}/{n}.m4s" for folder in await folders(house, answer["hls"]["aac"]) for n in range(60)]
        assert (await ask(house, paths[0]))[0] == 200  # the workers are there
        held = descendants(os.getpid())
        for pid in held:
            os.kill(pid, signal.SIGSTOP)  # none is made until somebody was refused
        try:
            asked = [asyncio.create_task(ask(house, path)) for path in paths]
            async with asyncio.timeout(60):
                while not any(task.done() for task in asked):
                    await asyncio.sleep(0.01)
        finally:
            for pid in held:
                os.kill(pid, signal.SIGCONT)
        answers = await asyncio.gather(*asked)
        by_status: dict[int, int] = {}
        for status, _, headers in answers:
            by_status[status] = by_status.get(status, 0) + 1
            if status == 503:
                assert int(headers["Retry-After"]) >= 1
                assert headers["Access-Control-Allow-Origin"] == "*"
        assert set(by_status) == {200, 503}
        assert by_status[200] >= 60
        assert (await ask(house, paths[-1]))[0] == 200


async def test_the_text_of_playlists_holds_no_token(house: Running) -> None:
    token = await house.sign_up()
    answer = await playback(house, token, "Hunter")
    signed = answer["hls"]["aac"].split("/")[2]
    for main in answer["hls"].values():
        texts = [(await ask(house, main))[1]]
        texts += [(await ask(house, f"{folder}/media.m3u8"))[1] for folder in await folders(house, main)]
        for text in texts:
            assert b"#EXTM3U" in text
            for secret in (token, signed, signed.rsplit(".", 1)[1]):
                assert secret.encode() not in text
