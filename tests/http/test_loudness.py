"""Loudness as clients read it: measured in the background, told by tags, and led to a target."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
import pytest_asyncio

from tests import audio
from tests.loudness import music
from tests.server import Running, running

LIMIT_S = 60
FAST = {"measure_share": 100}


def tagged(path: Path, **more: str) -> None:
    file = mutagen.File(path)
    for name, text in more.items():
        file[name] = [text]
    file.save()


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An album of a loud and a soft track, and one that somebody has measured before."""
    root = tmp_path_factory.mktemp("loud")
    for n, dbfs in enumerate((0.0, -14.0), 1):
        path = audio.write(root / f"{n}.flac", wave=music(n, 5, dbfs=dbfs))
        tagged(path, title=f"Track {n}", artist="One", album="Both", tracknumber=str(n))
    path = audio.write(root / "told.opus", wave=music(3, 5, dbfs=-6, rate_hz=48_000))
    tagged(path, title="Told", artist="Two", album="Told", R128_TRACK_GAIN="-2560", R128_ALBUM_GAIN="-1280")
    return root


@pytest_asyncio.fixture
async def loud(library: Path, tmp_path: Path, database_url: str) -> AsyncIterator[Running]:
    async with running(library, tmp_path / "data", database_url, loudness=FAST) as up:
        yield up


async def measured(house: Running, token: str, count: int = 3) -> Any:
    async with asyncio.timeout(LIMIT_S):
        while (now := await house.json("/api/v1/loudness", token))["measured"] < count:
            await asyncio.sleep(0.05)
    return now


async def tracks(house: Running, token: str) -> dict[str, Any]:
    return {one["title"]: one for one in (await house.json("/api/v1/tracks", token))["items"]}


async def test_tracks_albums_and_playback_tell_how_loud_they_are(loud: Running) -> None:
    token = await loud.sign_up()
    assert (await measured(loud, token))["total"] == 3
    found = await tracks(loud, token)
    one, two = found["Track 1"]["loudness"], found["Track 2"]["loudness"]
    assert one["source"] == "measured"
    assert one["integrated_lufs"] - two["integrated_lufs"] > 5
    album = await loud.json(f"/api/v1/albums/{found['Track 1']['album']['id']}", token)
    whole = album["loudness"]
    assert [track["loudness"] for track in album["tracks"]] == [one, two]
    assert two["integrated_lufs"] < whole["integrated_lufs"] <= one["integrated_lufs"]
    assert whole["true_peak_dbtp"] == one["true_peak_dbtp"]
    levels = (await loud.json(f"/api/v1/tracks/{found['Track 2']['id']}/playback", token))["levels"]
    assert (levels["target_lufs"], levels["smart"]) == (-18.0, "album")
    assert {name: levels["track"][name] for name in two} == two
    assert {name: levels["album"][name] for name in whole} == whole
    for level in (levels["track"], levels["album"]):
        limit = -1.0 - level["true_peak_dbtp"]
        assert level["gain_db"] == pytest.approx(min(-18.0 - level["integrated_lufs"], limit), abs=0.11)
        assert level["gain_db"] <= limit + 0.01
    search = await loud.json("/api/v1/search?q=track&type=track", token)
    assert {item["loudness"]["source"] for item in search["items"]} == {"measured"}


async def test_tags_hold_until_a_track_is_measured_and_longer_by_a_setting(
    library: Path, tmp_path: Path, database_url: str
) -> None:
    wanted = {"integrated_lufs": -18.0 - (-10.0 + 5.0), "range_lu": None, "true_peak_dbtp": None, "source": "tags"}
    async with running(library, tmp_path / "data", database_url) as house:  # nothing is measured
        token = await house.sign_up()
        found = await tracks(house, token)
        assert found["Told"]["loudness"] == wanted
        assert found["Track 1"]["loudness"] is None
        levels = (await house.json(f"/api/v1/tracks/{found['Told']['id']}/playback", token))["levels"]
        assert levels["track"]["gain_db"] == -5.0
        assert levels["album"]["gain_db"] == 0.0
        assert levels["smart"] == "track"
        nothing = (await house.json(f"/api/v1/tracks/{found['Track 1']['id']}/playback", token))["levels"]
        assert (nothing["track"], nothing["album"]) == (None, None)
        asked = f"/api/v1/tracks/{found['Track 1']['id']}/playback?level=track&night=true"
        assert (await house.json(asked, token))["baked"] == {"gain_db": 0.0, "night": False}
        asked = f"/api/v1/tracks/{found['Told']['id']}/playback?level=track&night=true"
        assert (await house.json(asked, token))["baked"] == {"gain_db": -5.0, "night": False}
        assert (await house.json("/api/v1/loudness", token))["state"] == "off"
    async with running(library, tmp_path / "data", database_url, loudness=FAST) as house:
        await measured(house, token)
        assert (await tracks(house, token))["Told"]["loudness"]["source"] == "measured"
    preferred = {**FAST, "prefer_tags": True, "target_lufs": -16, "preamp_db": -4}
    async with running(library, tmp_path / "data", database_url, loudness=preferred) as house:
        found = await tracks(house, token)
        assert found["Told"]["loudness"] == wanted
        assert found["Track 1"]["loudness"]["source"] == "measured"
        levels = (await house.json(f"/api/v1/tracks/{found['Told']['id']}/playback", token))["levels"]
        assert (levels["target_lufs"], levels["track"]["gain_db"]) == (-20.0, -7.0)


def power_db(samples: np.ndarray[Any, np.dtype[Any]]) -> float:
    return float(10 * np.log10(np.mean(np.square(samples.astype(np.float64)))))


async def test_levels_and_nights_are_baked_in_for_who_asks_for_them(loud: Running) -> None:
    token = await loud.sign_up()
    await measured(loud, token)
    found = await tracks(loud, token)
    path = f"/api/v1/tracks/{found['Track 1']['id']}/playback"
    plain = await loud.json(path, token)
    levels, asis = plain["levels"], await asyncio.to_thread(audio.decoded, loud.base + plain["hls"]["flac"])
    assert plain["baked"] is None
    for asked, gain_db in (
        ("level=track", levels["track"]["gain_db"]),
        ("level=smart&preamp_db=-2.5", pytest.approx(levels["album"]["gain_db"] - 2.5, abs=0.11)),
        ("level=track&preamp_db=12", pytest.approx(-1 - levels["track"]["true_peak_dbtp"], abs=0.11)),
    ):
        told = await loud.json(f"{path}?{asked}", token)
        assert told["baked"] == {"gain_db": gain_db, "night": False}
        heard = await asyncio.to_thread(audio.decoded, loud.base + told["hls"]["flac"])
        assert heard.shape == asis.shape
        assert power_db(heard) - power_db(asis) == pytest.approx(told["baked"]["gain_db"], abs=0.02)
        lossy = await asyncio.to_thread(audio.decoded, loud.base + told["stream"]["mp3"])
        assert power_db(lossy * 32768.0) - power_db(heard) == pytest.approx(0, abs=0.3)
    assert told["direct"].split("/")[4:] == plain["direct"].split("/")[4:]
    assert "direct" not in {one["way"] for one in told["offers"]} < {one["way"] for one in plain["offers"]}
    night = await loud.json(f"{path}?night=true", token)
    assert night["baked"] == {"gain_db": 0.0, "night": True}
    heard = await asyncio.to_thread(audio.decoded, loud.base + night["hls"]["flac"])
    assert heard.shape == asis.shape and power_db(heard) != pytest.approx(power_db(asis), abs=0.5)
    forged = told["hls"]["aac"].replace("/main.m3u8", "0/main.m3u8")
    async with loud.client.get(loud.base + forged) as answer:
        assert answer.status == 404
    for wrong, field in (("level=loud", "level"), ("preamp_db=13", "preamp_db"), ("preamp_db=nan", "preamp_db")):
        assert (await loud.json(f"{path}?{wrong}", token, status=400))["field"] == field


async def test_an_album_is_levelled_as_one_sound(loud: Running) -> None:
    token = await loud.sign_up()
    await measured(loud, token)
    found = await tracks(loud, token)
    path = f"/api/v1/albums/{found['Track 1']['album']['id']}/playback"
    plain = await loud.json(path, token)
    assert [one["gain_db"] for one in plain["tracks"]] == [0, 0]
    asis = await asyncio.to_thread(audio.decoded, loud.base + plain["hls"]["flac"])
    gains = {}
    for level in ("track", "album", "smart"):
        told = await loud.json(f"{path}?level={level}&night=false", token)
        gains[level] = [one["gain_db"] for one in told["tracks"]]
        heard = await asyncio.to_thread(audio.decoded, loud.base + told["hls"]["flac"])
        for gain_db, one in zip(gains[level], told["tracks"], strict=True):
            part = slice(one["start_ms"] * 441 // 10, (one["start_ms"] + one["duration_ms"]) * 441 // 10)
            assert power_db(heard[:, part]) - power_db(asis[:, part]) == pytest.approx(gain_db, abs=0.02)
    assert len(set(gains["track"])) == 2
    assert gains["album"] == gains["smart"] == [gains["album"][0]] * 2
    assert (await loud.json(f"{path}?night=true", token))["night"] is True


async def test_how_far_the_measuring_is_stands_in_the_metrics(loud: Running) -> None:
    token = await loud.sign_up()
    await measured(loud, token)
    headers = {"Authorization": f"Bearer {token}"}
    async with loud.client.get(f"{loud.base}/metrics", headers=headers) as answer:
        text = await answer.text()
    assert 'mediaserver_loudness_sounds{state="measured"} 3.0' in text
    assert 'mediaserver_loudness_sounds{state="failed"} 0.0' in text
