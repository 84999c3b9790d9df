"""Files that are called something else than they hold: over HTTP they are what they hold."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests import audio
from tests.library.test_size import id3
from tests.server import running

# what it holds, what it is called -> the suffix in its address, its media type, container and codec
MISNAMED = (
    ("flac", "mp3", "flac", "audio/flac", "flac", "flac"),
    ("mp3", "flac", "mp3", "audio/mpeg", "mp3", "mp3"),
    ("m4a", "mp3", "m4a", "audio/mp4", "mp4", "aac"),
    ("m4a", "aac", "m4a", "audio/mp4", "mp4", "aac"),
    ("alac.m4a", "wav", "m4a", "audio/mp4", "mp4", "alac"),
    ("opus", "flac", "ogg", "audio/ogg", "ogg", "opus"),
    ("wav", "flac", "wav", "audio/wav", "wav", "pcm"),
    ("aiff", "ogg", "aif", "audio/aiff", "aiff", "pcm"),
    ("wv", "ape", "wv", "audio/x-wavpack", "wavpack", "wavpack"),
    ("wma", "mp3", "wma", "audio/x-ms-wma", "asf", "wma"),
)


async def test_a_misnamed_file_is_sent_and_streamed_as_what_it_holds(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    music.mkdir()
    for n, (kind, called, *_) in enumerate(MISNAMED):
        audio.write(music / f"{n}.{kind}", kind, seed=n).rename(music / f"song{n}.{called}")
    tagged = id3(TIT2="Tagged") + audio.write(tmp_path / "x.flac").read_bytes()  # as some programs leave them
    (music / "tagged.mp3").write_bytes(tagged)
    async with running(music, tmp_path / "data", database_url) as house:
        token = await house.sign_up()
        tracks = {one["title"]: one for one in (await house.json("/api/v1/tracks?limit=50", token))["items"]}
        assert len(tracks) == len(MISNAMED) + 1
        expected = [(f"song{n}", *row[1:]) for n, row in enumerate(MISNAMED)]
        expected.append(("tagged", "mp3", "flac", "audio/flac", "flac", "flac"))
        for title, called, suffix, media_type, container, codec in expected:
            track = tracks.get(title) or tracks["Tagged"]
            assert (track["container"], track["codec"]) == (container, codec), title
            playback = await house.json(f"/api/v1/tracks/{track['id']}/playback", token)
            direct = playback["direct"]
            assert direct.endswith(f"/{title}.{suffix}")
            body = (music / f"{title}.{called}").read_bytes()
            for method, headers, status, sent in (
                ("GET", {}, 200, body),
                ("HEAD", {}, 200, b""),
                ("GET", {"Range": "bytes=5-900"}, 206, body[5:901]),
            ):
                async with house.client.request(method, house.base + direct, headers=headers) as answer:
                    assert (answer.status, await answer.read()) == (status, sent), title
                    assert answer.headers["Content-Type"] == media_type, title
                    assert answer.headers["Content-Disposition"] == f'inline; filename="{title}.{suffix}"'
                    assert answer.headers["X-Content-Type-Options"] == "nosniff", "so the type has to be right"
            if called != suffix:
                async with house.client.get(f"{house.base}{direct.removesuffix(suffix)}{called}") as answer:
                    assert answer.status == 404, "one file has one address"
            heard = await asyncio.to_thread(audio.decoded, house.base + playback["hls"]["aac"])
            assert heard.shape[1] >= (track["duration_ms"] - 50) * 44
            assert heard.std() > 0.1
            assert ("flac" in playback["hls"]) == track["lossless"]
        async with asyncio.timeout(20):
            while (await house.json("/api/v1/scan/report", token))["total"] < len(MISNAMED):  # MP4 may be called .aac
                await asyncio.sleep(0.05)
        problems = (await house.json("/api/v1/scan/problems?limit=50", token))["items"]
        assert {one["reason"] for one in problems} == {"wrong-extension"}
        details = {one["path"]: one["detail"] for one in problems}
        assert details["song0.mp3"] == details["tagged.mp3"] == "it is called .mp3 and holds flac"
