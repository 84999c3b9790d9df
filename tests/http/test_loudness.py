"""Loudness as clients read it: measured in the background, told by tags, and led to a target."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import mutagen
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


async def test_how_far_the_measuring_is_stands_in_the_metrics(loud: Running) -> None:
    token = await loud.sign_up()
    await measured(loud, token)
    headers = {"Authorization": f"Bearer {token}"}
    async with loud.client.get(f"{loud.base}/metrics", headers=headers) as answer:
        text = await answer.text()
    assert 'mediaserver_loudness_sounds{state="measured"} 3.0' in text
    assert 'mediaserver_loudness_sounds{state="failed"} 0.0' in text
