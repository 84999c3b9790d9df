"""Monkey's Audio, Musepack, DSD and Matroska: their tags are read, what decodes plays, the rest is told in words."""

from __future__ import annotations

import asyncio
import struct
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
from mutagen.dsdiff import DSDIFF
from mutagen.dsf import DSF
from mutagen.id3 import TALB, TCON, TDRC, TIT2, TPE1, TPE2, TPOS, TRCK

from tests import audio, rarefiles
from tests.server import Running, bearer, running

ALBUM = {"Artist": "Sigur Rós", "Album": "Ágætis byrjun", "Album Artist": "Sigur Rós", "Genre": "Post-Rock"}
needs_musepack = pytest.mark.skipif(
    not rarefiles.HAS_MUSEPACK, reason="left out: mpcenc of musepack-tools is not installed"
)


def tag(path: Path, title: str, track: int) -> Path:
    """As taggers do: APEv2 behind Monkey's Audio and Musepack, ID3v2 behind DSF and in DSDIFF."""
    if path.suffix in (".dsf", ".dff"):
        dsf: Any = DSF(path) if path.suffix == ".dsf" else DSDIFF(path)
        dsf.add_tags()
        for frame in (TIT2, title), (TPE1, ALBUM["Artist"]), (TALB, ALBUM["Album"]), (TPE2, ALBUM["Album Artist"]):
            dsf.tags.add(frame[0](text=frame[1]))
        for frame in (TCON, ALBUM["Genre"]), (TDRC, "1999-06-12"), (TRCK, f"{track}/10"), (TPOS, "2/2"):
            dsf.tags.add(frame[0](text=frame[1]))
        dsf.save()
        return path
    file: Any = mutagen.File(path)
    more = {"Title": title, "Year": "1999-06-12", "Track": f"{track}/10", "Disc": "2/2"}
    for name, value in {**ALBUM, **more}.items():
        file[name] = value
    file.save()
    return path


def broken_ape(path: Path) -> Path:
    """Its headers are whole and promise two seconds; there is no place where a frame lies."""
    descriptor = struct.pack("<4sHH7I16s", b"MAC ", 3990, 0, 52, 24, 0, 0, 4000, 0, 0, bytes(16))
    header = struct.pack("<HHIIIHHI", 2000, 0, 73_728, 14_472, 2, 16, 2, 44_100)
    path.write_bytes(descriptor + header + bytes(range(1, 251)) * 16)
    return path


async def tracks(house: Running, token: str) -> dict[str, dict[str, Any]]:
    return {one["title"]: one for one in (await house.json("/api/v1/tracks?limit=50", token))["items"]}


def pitch_hz(heard: np.ndarray[Any, Any]) -> int:
    """Of a second in the middle of the left channel, at 88.2 kHz."""
    tone = heard[0].astype(float)
    spectrum = np.abs(np.fft.rfft(tone[4096 : 4096 + 88_200] * np.hanning(88_200)))
    return int(np.argmax(spectrum[:20_000]))


def sound_of(track: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(track[name] for name in ("container", "codec", "rate_hz", "bit_depth", "channels", "track"))


async def heard(house: Running, token: str, track: dict[str, Any], family: str) -> np.ndarray[Any, Any]:
    answer = await house.json(f"/api/v1/tracks/{track['id']}/playback", token)
    return await asyncio.to_thread(audio.decoded, house.base + answer["hls"][family])


@needs_musepack
async def test_their_tags_are_read_and_their_sound_is_heard(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    music.mkdir()
    tag(rarefiles.ape(music / "a.ape", seconds=8), "Svefn-g-englar", 1)
    tag(rarefiles.mpc(music / "b.mpc", seconds=5), "Starálfur", 2)
    tag(audio.dsf(music / "c.dsf", seconds=2), "Flugufrelsarinn", 3)
    async with running(music, tmp_path / "data", database_url) as house:
        token = await house.sign_up()
        found = await tracks(house, token)
        facts = {
            "Svefn-g-englar": ("ape", "ape", 44_100, 16, 1, 8000),
            "Starálfur": ("musepack", "musepack", 44_100, None, 2, 5000),
            "Flugufrelsarinn": ("dsf", "dsd", 2_822_400, 24, 3, 2000),
        }
        assert set(found) == set(facts)
        for title, (container, codec, rate_hz, bit_depth, number, duration_ms) in facts.items():
            track = found[title]
            assert sound_of(track) == (container, codec, rate_hz, bit_depth, 2, number)
            assert (track["disc"], track["date"]) == (2, "1999-06-12")
            assert (track["artist"], track["album"]["title"]) == ("Sigur Rós", "Ágætis byrjun")
            assert track["genres"] == ["Post-Rock"]
            assert track["duration_ms"] == pytest.approx(duration_ms, abs=20)
        (album,) = (await house.json("/api/v1/albums", token))["items"]
        assert (album["title"], album["artist"], album["track_count"]) == ("Ágætis byrjun", "Sigur Rós", 3)

        silence = await heard(house, token, found["Svefn-g-englar"], "flac")
        assert (silence.shape, silence.any()) == ((2, 8 * 44_100), False)
        chirps = await heard(house, token, found["Starálfur"], "aac")
        wanted = audio.samples(5, 44_100, 2)
        assert 0 <= chirps.shape[1] - wanted.shape[1] <= 1088 + 2000
        level = np.std(chirps) / np.std(wanted)
        assert 0.9 < level < 1.1
        assert abs(pitch_hz(await heard(house, token, found["Flugufrelsarinn"], "flac")) - 1000) <= 1
        assert (await house.json("/api/v1/scan/report", token))["total"] == 0


async def test_matroska_and_dsdiff_play_to_the_sample(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    music.mkdir()
    said = {"title": "Jóga", "artist": "Björk", "album": "Homogenic", "track": "2"}
    audio.write(music / "a.flac.mka", seconds=5, tags=said)
    audio.write(music / "b.opus.webm", seconds=5, tags={**said, "title": "Bachelorette", "track": "4"})
    tag(audio.dff(music / "c.dff", seconds=2), "Flugufrelsarinn", 3)
    async with running(music, tmp_path / "data", database_url) as house:
        token = await house.sign_up()
        found = await tracks(house, token)
        facts = {
            "Jóga": ("matroska", "flac", 44_100, 16, 2, 5000),
            "Bachelorette": ("matroska", "opus", 48_000, None, 4, 5000),
            "Flugufrelsarinn": ("dff", "dsd", 2_822_400, 24, 3, 2000),
        }
        for title, (container, codec, rate_hz, bit_depth, number, duration_ms) in facts.items():
            track = found[title]
            assert sound_of(track) == (container, codec, rate_hz, bit_depth, 2, number)
            assert track["duration_ms"] == pytest.approx(duration_ms, abs=2)
        assert found["Jóga"]["album"]["title"] == found["Bachelorette"]["album"]["title"] == "Homogenic"

        exact = (audio.samples(5, 44_100, 2) * 32767).astype(np.int16)
        assert np.array_equal(await heard(house, token, found["Jóga"], "flac"), exact)
        chirps = await heard(house, token, found["Bachelorette"], "opus")
        wanted = audio.samples(5, 48_000, 2)
        assert 0 <= chirps.shape[1] - wanted.shape[1] < 960
        assert np.corrcoef(chirps[0, : wanted.shape[1]], wanted[0])[0, 1] > 0.98
        assert abs(pitch_hz(await heard(house, token, found["Flugufrelsarinn"], "flac")) - 1000) <= 1

        playback = await house.json(f"/api/v1/tracks/{found['Bachelorette']['id']}/playback", token)
        async with house.client.get(house.base + playback["direct"]) as answer:
            assert (answer.status, answer.headers["Content-Type"]) == (200, "audio/webm")
            assert await answer.read() == (music / "b.opus.webm").read_bytes()
        assert (await house.json("/api/v1/scan/report", token))["total"] == 0


async def test_what_cannot_be_decoded_is_told_in_the_report_and_in_words(tmp_path: Path, database_url: str) -> None:
    music = tmp_path / "music"
    music.mkdir()
    tag(broken_ape(music / "a.ape"), "Broken", 1)
    whole = audio.dsf(music / "b.dsf", seconds=1)
    body = bytearray(whole.read_bytes())
    body[52 - 4 : 52] = (1).to_bytes(4, "little")  # as if its sound were of a kind that nobody has described
    whole.write_bytes(body)
    tag(whole, "Unknown", 2)
    async with running(music, tmp_path / "data", database_url) as house:
        token = await house.sign_up()
        found = await tracks(house, token)
        assert set(found) == {"Broken", "Unknown"}
        for track in found.values():
            path = f"{house.base}/api/v1/tracks/{track['id']}/playback"
            async with house.client.get(path, headers=bearer(token)) as answer:
                told = await answer.json()
            assert (answer.status, told["title"]) == (422, "Unprocessable Entity")
            assert told["detail"].startswith(("nothing in it can be decoded", "not to be read as audio"))
        async with asyncio.timeout(30):
            while (await house.json("/api/v1/scan/report", token))["total"] < 2:
                await asyncio.sleep(0.05)
        problems = (await house.json("/api/v1/scan/problems", token))["items"]
        assert {(one["path"], one["reason"]) for one in problems} == {("a.ape", "unplayable"), ("b.dsf", "unplayable")}
        assert all(one["detail"] for one in problems)

        audio.dsf(music / "b.dsf", seconds=1)  # mended, it leaves the report
        await house.json("/api/v1/scan", token, method="POST", status=202)
        await house.server.scanner.wait()
        problems = (await house.json("/api/v1/scan/problems", token))["items"]
        assert [one["path"] for one in problems] == ["a.ape"]
