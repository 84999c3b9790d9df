"""Signed media as players ask for it, without a header."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np

from mediaserver.core.clock import SystemClock
from mediaserver.storage import open_database
from tests import audio
from tests.server import PASSWORD, Running, running


async def playback(house: Running, token: str, title: str) -> dict[str, Any]:
    found = await house.json(f"/api/v1/search?q={title}&type=track", token)
    answer: dict[str, Any] = await house.json(f"/api/v1/tracks/{found['items'][0]['id']}/playback", token)
    return answer


async def get(house: Running, path: str, **headers: str) -> tuple[int, bytes, Any]:
    async with house.client.get(house.base + path, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


async def test_pyav_plays_the_addresses_to_the_last_sample(house: Running) -> None:
    token = await house.sign_up()
    for title, count in (("Hunter", 88_200), ("Halfway", 88_200), ("Dawn", 88_200), ("Two", 96_000)):
        answer = await playback(house, token, title)
        heard = await asyncio.to_thread(audio.decoded, house.base + answer["hls"]["aac"])
        assert 0 <= heard.shape[1] - count <= 1088  # PyAV's HLS demuxer plays the variant with the highest rate
        assert answer["duration_ms"] == 2000
        direct = await asyncio.to_thread(audio.decoded, house.base + answer["direct"])
        assert direct.shape[1] >= count
    assert "flac" not in answer["hls"]
    lossless = await playback(house, token, "Hunter")
    heard = await asyncio.to_thread(audio.decoded, house.base + lossless["hls"]["flac"])
    source = (audio.samples(2.0, 44_100, 2, seed=0) * 32767).astype(np.int16)
    assert np.array_equal(heard, source)


async def test_answers_say_how_long_they_may_be_kept_and_are_open_to_other_origins(house: Running) -> None:
    token = await house.sign_up()
    main = (await playback(house, token, "Hunter"))["hls"]["aac"]
    status, body, headers = await get(house, main)
    assert (status, headers["Content-Type"]) == (200, "application/vnd.apple.mpegurl")
    assert headers["Cache-Control"] == "private, max-age=60"
    variant = body.decode().split("../")[1].split("/")[0]
    folder = f"{main.rsplit('/', 2)[0]}/{variant}"
    for file, kind in (
        ("media.m3u8", "application/vnd.apple.mpegurl"),
        ("init.mp4", "audio/mp4"),
        ("0.m4s", "audio/mp4"),
    ):
        status, _, headers = await get(house, f"{folder}/{file}")
        assert (status, headers["Content-Type"]) == (200, kind)
        assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert headers["Access-Control-Allow-Origin"] == "*"
    async with house.client.options(house.base + f"{folder}/0.m4s") as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Headers"] == "Range"


async def test_ranges_of_segments_and_of_the_original_are_slices(house: Running) -> None:
    token = await house.sign_up()
    answer = await playback(house, token, "Hunter")
    _, main, _ = await get(house, answer["hls"]["aac"])
    segment = f"{answer['hls']['aac'].rsplit('/', 2)[0]}/{main.decode().split('../')[1].split('/')[0]}/0.m4s"
    for path in (segment, answer["direct"]):
        _, whole, headers = await get(house, path)
        assert int(headers["Content-Length"]) == len(whole)
        for asked, part in (("bytes=0-99", whole[:100]), ("bytes=100-", whole[100:]), ("bytes=-50", whole[-50:])):
            status, body, headers = await get(house, path, Range=asked)
            assert (status, body) == (206, part), asked
            assert headers["Content-Range"].endswith(f"/{len(whole)}")
        status, _, _ = await get(house, path, Range=f"bytes={len(whole)}-")
        assert status == 416


async def test_edited_foreign_and_revoked_addresses_are_refused_alike(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin, max_rank=20)
    one = await playback(house, listener, "Hunter")
    other = await playback(house, listener, "Dawn")
    assert one["direct"] is None
    assert "flac" not in one["hls"]
    _, main, _ = await get(house, one["hls"]["aac"])
    assert main.decode().count("STREAM-INF") == 2
    prefix, _, _ = one["hls"]["aac"].rpartition("/aac.00.")
    full = await playback(house, admin, "Hunter")
    _, main, _ = await get(house, full["hls"]["aac"])
    best = main.decode().split("../")[3].split("/")[0]
    flac = full["hls"]["flac"].split("/")[4]
    original = "/".join(full["direct"].split("/")[4:])
    token, digest = prefix.split("/")[2:4]
    foreign = other["hls"]["aac"].split("/")[3]
    parts = token.split(".")
    refusals = set()
    for path in (
        f"{prefix}/{best}/0.m4s",
        f"{prefix}/{flac.replace('.00.', '.70.')}/0.m4s",
        f"{prefix}/{original}",
        f"/e/{'.'.join([*parts[:3], '99', parts[4]])}/{digest}/{best}/0.m4s",
        f"/e/{token}/{foreign}/{best.replace('.30.', '.10.')}/0.m4s",
        f"/e/{'.'.join(['2' + parts[0][1:], *parts[1:]])}/{digest}/aac.00.abc/main.m3u8",
        f"/e/{token[:-1]}A/{digest}/aac.00.abc/main.m3u8",
    ):
        status, body, _ = await get(house, path)
        assert status == 403, path
        refusals.add(body)
    assert len(refusals) == 1
    tokens = await house.json("/api/v1/tokens", listener)
    allowed = one["hls"]["aac"]
    assert (await get(house, allowed))[0] == 200
    await house.json(f"/api/v1/tokens/{tokens['items'][0]['id']}", listener, method="DELETE", status=204)
    assert (await get(house, allowed))[0] == 403


async def test_the_addresses_of_a_browser_end_with_its_session_and_its_signing_out(house: Running) -> None:
    admin = await house.sign_up()
    track = (await house.json("/api/v1/search?q=Hunter&type=track", admin))["items"][0]["id"]

    async def browser() -> tuple[dict[str, str], str]:
        body = {"name": "Admin", "password": PASSWORD}
        async with house.client.post(f"{house.base}/api/v1/session", json=body) as answer:
            secret = answer.cookies["mediaserver_session"].value
            headers = {"Cookie": f"mediaserver_session={secret}", "X-CSRF-Token": (await answer.json())["csrf"]}
        async with house.client.get(f"{house.base}/api/v1/tracks/{track}/playback", headers=headers) as answer:
            return headers, (await answer.json())["hls"]["aac"]

    async def refused(path: str) -> int:
        async with asyncio.timeout(1):  # one second is promised
            while (await get(house, path))[0] != 403:
                await asyncio.sleep(0.02)
        return 403

    (one, first), (other, second) = await browser(), await browser()
    for address in (first, second):
        assert (await get(house, address))[0] == 200
    async with house.client.get(f"{house.base}/api/v1/sessions", headers=one) as answer:
        mine = next(s["id"] for s in (await answer.json())["items"] if s["current"])
    await house.json(f"/api/v1/sessions/{mine}", admin, method="DELETE", status=204)
    assert await refused(first) == 403
    assert (await get(house, second))[0] == 200
    async with house.client.delete(f"{house.base}/api/v1/session", headers=other) as answer:
        assert answer.status == 204
    assert await refused(second) == 403


async def test_a_server_changes_an_old_key_and_goes_on_accepting_it(
    seeded_library: Path, tmp_path: Path, database_url: str
) -> None:
    data_dir = tmp_path / "data"
    async with running(seeded_library, data_dir, database_url) as house:
        token = await house.sign_up()
        old = (await playback(house, token, "Hunter"))["hls"]["aac"]
    database = await open_database(database_url, data_dir, SystemClock())
    async with database.write() as tx:
        await tx.run("UPDATE signing_keys SET created_at_ms = created_at_ms - :month", {"month": 31 * 86_400_000})
    await database.close()
    async with running(seeded_library, data_dir, database_url) as house:
        async with asyncio.timeout(20):
            while (await playback(house, token, "Hunter"))["hls"]["aac"].split(".")[1] == old.split(".")[1]:
                await asyncio.sleep(0.02)
        assert (await get(house, old))[0] == 200


async def test_what_never_was_is_not_found_and_what_has_changed_is_gone(tmp_path: Path, database_url: str) -> None:
    library = tmp_path / "music"
    library.mkdir()
    path = audio.write(library / "a.flac", seconds=2)
    async with running(library, tmp_path / "data", database_url) as house:
        token = await house.sign_up()
        answer = await playback(house, token, "a")
        main = answer["hls"]["aac"]
        _, body, _ = await get(house, main)
        variant = body.decode().split("../")[1].split("/")[0]
        folder = f"{main.rsplit('/', 2)[0]}/{variant}"
        for file in ("1.m4s", "00.m4s", "-1.m4s", "x.m4s", "secret.txt", "init.mp4.part"):
            assert (await get(house, f"{folder}/{file}"))[0] == 404, file
        assert (await get(house, folder.replace(variant, "aac.20.000000000000") + "/0.m4s"))[0] == 404
        audio.write(path, seconds=2, seed=9)
        assert (await get(house, answer["direct"]))[0] == 410
        assert (await get(house, f"{folder}/media.m3u8"))[0] == 410
        await house.json("/api/v1/scan", token, method="POST", status=202)
        await house.server.scanner.wait()
        again = await playback(house, token, "a")
        assert again["hls"]["aac"].split("/")[3] != main.split("/")[3]
        assert (await get(house, f"{folder}/media.m3u8"))[0] == 410


async def test_twenty_askers_of_a_cold_segment_share_one_encode(house: Running) -> None:
    token = await house.sign_up()
    main = (await playback(house, token, "Unravel"))["hls"]["aac"]
    _, body, _ = await get(house, main)
    variant = body.decode().split("../")[3].split("/")[0]
    path = f"{main.rsplit('/', 2)[0]}/{variant}/0.m4s"
    before = house.server.segments.encodes
    answers = await asyncio.gather(*(get(house, path) for _ in range(20)))
    assert {status for status, *_ in answers} == {200}
    assert len({body for _, body, _ in answers}) == 1
    made = [p for p in (house.data_dir / "cache" / "segments").rglob("0.m4s") if variant in str(p)]
    assert len(made) == 1
    assert house.server.segments.encodes - before <= 2  # this one, and at most the middle rung made ahead


async def test_covers_come_in_sizes_and_kinds(house: Running) -> None:
    token = await house.sign_up()
    albums = (await house.json("/api/v1/albums", token))["items"]
    covers = {album["title"]: album["cover"] for album in albums}
    assert covers["Summer"] is None
    from io import BytesIO

    from PIL import Image

    for title in ("Homogenic", "Long Way", "星"):
        for accept, kind in (("image/webp,*/*", "image/webp"), ("*/*", "image/jpeg")):
            status, body, headers = await get(
                house, f"{covers[title]}?size=290", Authorization=f"Bearer {token}", Accept=accept
            )
            assert (status, headers["Content-Type"]) == (200, kind)
            assert Image.open(BytesIO(body)).size == (300, 300)
            again, _, _ = await get(
                house,
                f"{covers[title]}?size=290",
                Authorization=f"Bearer {token}",
                Accept=accept,
                **{"If-None-Match": headers["ETag"]},
            )
            assert again == 304
            (kept,) = (house.data_dir / "cache" / "covers").glob(f"*/{covers[title].rpartition('/')[2]}/300.{kind[6:]}")
            made = kept.stat().st_ino
            asked = {"Authorization": f"Bearer {token}", "Accept": accept}
            assert (await get(house, f"{covers[title]}?size=290", **asked))[1] == body
            assert kept.stat().st_ino == made, "it was made again, though it was in the cache"
    for size, expected in (("0", 400), ("1201", 400), ("x", 400), ("1" * 400, 400)):
        status, body, _ = await get(house, f"{covers['星']}?size={size}", Authorization=f"Bearer {token}")
        assert status == expected
        assert b'"field":"size"' in body
    assert (await get(house, "/api/v1/covers/nothing", Authorization=f"Bearer {token}"))[0] == 404


async def test_the_log_holds_no_token(house: Running, caplog: Any) -> None:
    import logging

    caplog.set_level(logging.DEBUG)
    logging.getLogger("aiohttp.access").setLevel(logging.DEBUG)
    token = await house.sign_up()
    answer = await playback(house, token, "Hunter")
    await get(house, answer["hls"]["aac"])
    await get(house, f"/setup?link={house.server.setup_link}")
    signed = answer["hls"]["aac"].split("/")[2]
    assert "GET /e/-/" in caplog.text
    for secret in (token, signed, house.server.setup_link or "?", "correct horse"):
        assert secret not in caplog.text


async def test_the_original_is_sent_for_its_own_rank_alone(house: Running) -> None:
    admin = await house.sign_up()
    capped = await house.listener(admin, "Capped", max_rank=10)
    whole = await playback(house, admin, "Hunter")
    mine = await playback(house, capped, "Hunter")
    assert mine["direct"] is None
    prefix = mine["hls"]["aac"].rsplit("/", 2)[0]
    *_, recipe, file = whole["direct"].split("/")
    version = recipe.split(".")[2]
    for rank in ("00", "01", "10", "30", "89", "99"):
        status, body, _ = await get(house, f"{prefix}/original.{rank}.{version}/{file}")
        assert status in (403, 404), rank
        assert len(body) < 500
        if rank != "99":
            status, _, _ = await get(house, f"{whole['direct'].rsplit('/', 2)[0]}/original.{rank}.{version}/{file}")
            assert status == 404, "one file has one address"
    status, _, _ = await get(house, whole["direct"])
    assert status == 200
