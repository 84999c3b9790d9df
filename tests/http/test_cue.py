"""Albums that lie in one file with a cue sheet, as players hear them."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import numpy as np

from mediaserver.streaming import originals
from tests import audio, cue
from tests.server import Running, running

EDGES = [start * 588 for start in cue.STARTS]


def pcm(seed: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    return (audio.samples(cue.SECONDS, 44_100, 2, seed=seed) * 32767).astype(np.int16)


async def tracks(house: Running, token: str) -> dict[str, dict[str, Any]]:
    """By album and title."""
    items = (await house.json("/api/v1/tracks?limit=100", token))["items"]
    return {f"{one['album']['title']}/{one['title']}": one for one in items}


async def body(house: Running, path: str, status: int = 200) -> bytes:
    async with house.client.get(house.base + path) as answer:
        assert answer.status == status, path
        return await answer.read()


async def segments(house: Running, multivariant: str) -> dict[str, list[bytes]]:
    """Recipe -> all that its media playlist names, of every rung."""
    found = {}
    base = multivariant.rpartition("/")[0]
    for uri in re.findall(r"^[^#\s].*m3u8$", (await body(house, multivariant)).decode(), re.MULTILINE):
        text = (await body(house, f"{base}/{uri}")).decode()
        folder, names = f"{base}/{uri}".rpartition("/")[0], re.findall(r"^\d+\.m4s$", text, re.MULTILINE)
        found[uri.split("/")[-2]] = [await body(house, f"{folder}/{name}") for name in names]
    return found


async def test_tracks_of_one_file_play_singly_and_as_the_album_that_they_are(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    path = cue.album(music / "A", seed=3)
    cue.album(music / "B", "album.tta", seed=4, album="Lila")
    (music / "C").mkdir()
    (music / "C/uncut.flac").write_bytes(path.read_bytes())
    async with running(music, tmp_path / "data", database_url) as house:
        token = await house.sign_up()
        found = await tracks(house, token)
        assert len(found) == 7
        for album, folder, seed in (("Grün", "A/album.flac", 3), ("Lila", "B/album.tta", 4)):
            whole = pcm(seed)
            for n, title in enumerate(cue.TITLES):
                part = whole[:, EDGES[n] : EDGES[n + 1] if n < 2 else None]
                told = await house.json(f"/api/v1/tracks/{found[f'{album}/{title}']['id']}/playback", token)
                assert told["direct"] is None and {one["way"] for one in told["offers"]} == {
                    "hls",
                    "dash",
                    "progressive",
                }
                assert told["duration_ms"] == round(part.shape[1] / 44.1)
                heard = await asyncio.to_thread(audio.decoded, house.base + told["hls"]["flac"])
                assert np.array_equal(heard, part), (album, title)
                streamed = tmp_path / "streamed.flac"
                streamed.write_bytes(await body(house, told["stream"]["flac"]))
                assert np.array_equal(audio.decoded(str(streamed)), part), (album, title)
                prefix = told["hls"]["aac"].rpartition("/aac.")[0]
                status = (music / folder).stat()
                original = originals.recipe(status.st_size, status.st_mtime_ns)
                await body(house, f"{prefix}/{original}/{Path(folder).name}", 404)
            album_id = found[f"{album}/Auf"]["album"]["id"]
            timeline = await house.json(f"/api/v1/albums/{album_id}/playback", token)
            assert [one["title"] for one in timeline["tracks"]] == list(cue.TITLES)
            heard = await asyncio.to_thread(audio.decoded, house.base + timeline["hls"]["flac"])
            assert np.array_equal(heard, whole)
        uncut_id = next(one["id"] for key, one in found.items() if key.endswith("/uncut"))
        uncut = await house.json(f"/api/v1/tracks/{uncut_id}/playback", token)
        album_id = found["Grün/Auf"]["album"]["id"]
        timeline = await house.json(f"/api/v1/albums/{album_id}/playback", token)
        for family in ("aac", "opus"):
            assert await segments(house, timeline["hls"][family]) == await segments(house, uncut["hls"][family]), family


async def test_tracks_of_a_lossy_file_are_its_samples(tmp_path: Path, database_url: str) -> None:
    """They are encoded again, for the packets of the file begin elsewhere than they do."""
    music = tmp_path / "music"
    for kind in ("m4a", "opus", "mp3"):
        cue.album(music / kind, f"album.{kind}", album=kind)
    async with running(music, tmp_path / "data", database_url) as house:
        token = await house.sign_up()
        found = await tracks(house, token)
        assert len(found) == 9
        for kind in ("m4a", "opus", "mp3"):
            rate_hz = audio.FORMATS[kind][3]
            for n, title in enumerate(cue.TITLES):
                told = await house.json(f"/api/v1/tracks/{found[f'{kind}/{title}']['id']}/playback", token)
                assert not any(one["untouched"] for one in told["offers"]) and "flac" not in told["hls"]
                frames = (cue.STARTS[n + 1] if n < 2 else cue.SECONDS * 75) - cue.STARTS[n]
                assert abs(told["duration_ms"] - frames * 1000 / 75) < 60
                for family, most in (("aac", 1088), ("opus", 1000)):
                    heard = await asyncio.to_thread(audio.decoded, house.base + told["hls"][family])
                    its_hz = 48_000 if family == "opus" else rate_hz
                    assert abs(heard.shape[1] - told["duration_ms"] * its_hz / 1000) <= most + 48, (kind, title, family)


async def test_a_part_of_a_file_is_levelled_and_shaped_by_itself(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    cue.album(music / "A", seed=3)
    async with running(music, tmp_path / "data", database_url, loudness={"measure_share": 100}) as house:
        token = await house.sign_up()
        async with asyncio.timeout(60):
            while (await house.json("/api/v1/loudness", token))["measured"] < 3:
                await asyncio.sleep(0.05)
        whole, found = pcm(3), await tracks(house, token)
        for n, title in enumerate(cue.TITLES):
            path = f"/api/v1/tracks/{found[f'Grün/{title}']['id']}/playback"
            told = await house.json(f"{path}?level=track", token)
            assert told["baked"] == {"gain_db": told["levels"]["track"]["gain_db"], "night": False}
            heard = await asyncio.to_thread(audio.decoded, house.base + told["hls"]["flac"])
            part = whole[:, EDGES[n] : EDGES[n + 1] if n < 2 else None]
            assert np.abs(heard - part * 10 ** (told["baked"]["gain_db"] / 20)).max() <= 1.51
            night = await house.json(f"{path}?night=true", token)
            assert night["baked"]["night"] is True
            heard = await asyncio.to_thread(audio.decoded, house.base + night["hls"]["flac"])
            assert heard.shape == part.shape
