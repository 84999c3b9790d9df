"""Albums and queues as one stream, as players and programs ask for them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import numpy as np

from tests import audio
from tests.server import Running, running


async def album_id(house: Running, token: str, title: str) -> int:
    items = (await house.json("/api/v1/albums", token))["items"]
    return int(next(one["id"] for one in items if one["title"] == title))


async def track_ids(house: Running, token: str) -> dict[str, int]:
    return {one["title"]: one["id"] for one in (await house.json("/api/v1/tracks", token))["items"]}


def pcm(seed: int, seconds: float = 2.0) -> np.ndarray[Any, np.dtype[np.int16]]:
    return (audio.samples(seconds, 44_100, 2, seed=seed) * 32767).astype(np.int16)


async def test_a_plain_player_plays_an_album_without_a_gap(house: Running) -> None:
    token = await house.sign_up()
    album = await album_id(house, token, "Homogenic")
    answer = await house.json(f"/api/v1/albums/{album}/playback", token)
    assert set(answer["hls"]) == {"aac", "opus", "flac"}
    assert answer["duration_ms"] == 6000
    assert [(one["title"], one["start_ms"], one["duration_ms"]) for one in answer["tracks"]] == [
        ("Hunter", 0, 2000),
        ("Jóga", 2000, 2000),
        ("Unravel", 4000, 2000),
    ]
    assert answer["left_out"] == []
    heard = await asyncio.to_thread(audio.decoded, house.base + answer["hls"]["flac"])
    assert np.array_equal(heard, np.concatenate([pcm(0), pcm(1), pcm(2)], axis=1))
    lossy = await asyncio.to_thread(audio.decoded, house.base + answer["hls"]["aac"])
    assert 0 <= lossy.shape[1] - 6 * 44_100 <= 1088
    async with house.client.get(house.base + answer["dash"]) as manifest:
        assert manifest.status == 200
        assert 'mediaPresentationDuration="PT6S"' in await manifest.text()


async def test_a_queue_is_what_was_asked_for_in_its_order(house: Running) -> None:
    token = await house.sign_up()
    ids = await track_ids(house, token)
    wanted = [ids[title] for title in ("Unravel", "Hunter", "Unravel")]
    body = {"tracks": wanted}
    answer = await house.json("/api/v1/playback", token, method="POST", body=body)
    assert [one["id"] for one in answer["tracks"]] == wanted
    heard = await asyncio.to_thread(audio.decoded, house.base + answer["hls"]["flac"])
    assert np.array_equal(heard, np.concatenate([pcm(2), pcm(0), pcm(2)], axis=1))
    again = await house.json("/api/v1/playback", token, method="POST", body=body)
    assert again["hls"]["flac"].split("/")[3:] == answer["hls"]["flac"].split("/")[3:]
    faded = await house.json("/api/v1/playback", token, method="POST", body={**body, "crossfade_ms": 500})
    assert faded["duration_ms"] == 5000
    assert [one["start_ms"] for one in faded["tracks"]] == [0, 1500, 3000]
    everything = await house.json("/api/v1/playback", token, method="POST", body={"tracks": list(ids.values())})
    assert set(everything["hls"]) == {"aac", "opus"}, "some are lossy"
    assert len(everything["tracks"]) == len(ids)


async def test_what_is_not_there_or_breaks_a_rule_is_named(house: Running) -> None:
    token = await house.sign_up()
    one = next(iter((await track_ids(house, token)).values()))

    async def refused(status: int, **body: Any) -> Any:
        return await house.json("/api/v1/playback", token, method="POST", status=status, body=body)

    assert "999999" in (await refused(404, tracks=[one, 999_999]))["detail"]
    for wrong in ([], [one] * 501, [-1], [2**64], ["1"]):
        assert "tracks" in (await refused(400, tracks=wrong))["field"]
    for crossfade_ms in (-1, 12_001, "1"):
        assert (await refused(400, tracks=[one], crossfade_ms=crossfade_ms))["field"] == "crossfade_ms"
    await house.json("/api/v1/albums/999999/playback", token, status=404)
    album = await album_id(house, token, "Homogenic")
    path = f"/api/v1/albums/{album}/playback?crossfade_ms="
    assert (await house.json(f"{path}12001", token, status=400))["field"] == "crossfade_ms"
    assert (await house.json(f"{path}1000", token))["duration_ms"] == 4000


async def test_an_answer_tells_what_suits_the_player(house: Running) -> None:
    token = await house.sign_up()
    ids = await track_ids(house, token)
    album = await album_id(house, token, "Homogenic")
    track, whole, queue = (
        f"/api/v1/tracks/{ids['Hunter']}/playback",
        f"/api/v1/albums/{album}/playback",
        "/api/v1/playback",
    )

    async def first(path: str, query: str, *, agent: str = "Toaster/1.0") -> Any:
        body = {"tracks": [ids["Hunter"]]} if path == queue else None
        headers = {"Authorization": f"Bearer {token}", "User-Agent": agent}
        method = "GET" if body is None else "POST"
        async with house.client.request(method, f"{house.base}{path}?{query}", headers=headers, json=body) as answer:
            assert answer.status == 200, await answer.text()
            offer = (await answer.json())["offers"][0]
        async with house.client.get(house.base + offer["address"]) as media:
            assert media.status == 200
        return offer

    for path in (track, whole, queue):
        stranger = await first(path, "")
        assert (stranger["way"], stranger["name"], stranger["plays"]) == ("hls", "aac", True)
        assert stranger["reason"].endswith("nothing is known of the player")
        said = await first(path, "codecs=opus,flac&ways=dash,hls&lossless=false")
        assert (said["way"], said["name"], said["lossless"]) == ("dash", "", False)
        player = await first(path, "", agent="VLC/3.0.18 LibVLC/3.0.18")
        assert (player["way"], player["name"], player["lossless"]) == ("hls", "flac", True)
        thin = await first(path, "max_bitrate_bps=100000", agent="VLC/3.0.18 LibVLC/3.0.18")
        assert (thin["way"], thin["name"], thin["bitrate_bps"]) == ("hls", "aac", 82_000)
    simple = await first(track, "codecs=mp3&ways=progressive")
    assert (simple["name"], simple["address"].rsplit("/", 1)[1]) == ("mp3", "stream.mp3")
    for query, field in (("codecs=mp9", "codecs"), ("ways=pigeon", "ways"), ("max_channels=0", "max_channels")):
        for path in (track, whole):
            assert (await house.json(f"{path}?{query}", token, status=400))["field"] == field


async def test_a_permit_holds_for_albums_too(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin, max_rank=20)
    album = await album_id(house, admin, "Homogenic")
    own = await house.json(f"/api/v1/albums/{album}/playback", listener)
    assert set(own["hls"]) == {"aac", "opus"}
    async with house.client.get(house.base + own["hls"]["aac"]) as main:
        assert re.findall(r"aac\.(\d\d)\.", await main.text()) == ["10", "20"]
    full = await house.json(f"/api/v1/albums/{album}/playback", admin)
    recipe = full["hls"]["flac"].split("/")[4].replace(".00.", ".70.")
    for path, status in ((own["hls"]["aac"], 403), (full["hls"]["aac"], 404)):  # the hash is of another thing
        async with house.client.get(f"{house.base}{path.rsplit('/', 2)[0]}/{recipe}/0.m4s") as answer:
            assert answer.status == status
    track = await house.json(f"/api/v1/tracks/{full['tracks'][0]['id']}/playback", admin)
    for stream in track["stream"].values():  # a stream is of a track alone
        whole = "/".join([*full["hls"]["aac"].split("/")[:4], *stream.split("/")[4:]])
        async with house.client.get(house.base + whole) as answer:
            assert answer.status == 404
    prefix = own["hls"]["aac"].rsplit("/", 2)[0]
    async with house.client.get(f"{house.base}{prefix}/original.90.{'0' * 12}/1.flac") as answer:
        assert answer.status == 403
    prefix = full["hls"]["aac"].rsplit("/", 2)[0]
    async with house.client.get(f"{house.base}{prefix}/original.90.{'0' * 12}/1.flac") as answer:
        assert answer.status == 404


async def test_what_cannot_be_decoded_is_left_out_and_named(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for n in range(3):
        audio.write(music / f"{n}.flac", seconds=1.0, seed=n)
    unwatched = {"worker_processes": 1, "watch": False}  # else the broken file may be missing before it is asked for
    async with running(music, tmp_path / "data", database_url, library=unwatched) as house:
        token = await house.sign_up()
        ids = await track_ids(house, token)
        (music / "1.flac").write_bytes(b"no music any more")
        body = {"tracks": [ids["0"], ids["1"], ids["2"], ids["1"]]}
        answer = await house.json("/api/v1/playback", token, method="POST", body=body)
        assert [one["title"] for one in answer["tracks"]] == ["0", "2"]
        (left_out,) = answer["left_out"]
        assert (left_out["id"], left_out["title"]) == (ids["1"], "1")
        assert left_out["reason"]
        heard = await asyncio.to_thread(audio.decoded, house.base + answer["hls"]["flac"])
        assert np.array_equal(heard, np.concatenate([pcm(0, 1.0), pcm(2, 1.0)], axis=1))
        only = {"tracks": [ids["1"]]}
        await house.json("/api/v1/playback", token, method="POST", body=only, status=422)
