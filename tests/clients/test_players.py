"""Players of other people on HLS and DASH of a real server: every sample is there, and sounds as it should."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from tests import audio, players
from tests.players import PLAYERS, Heard
from tests.server import Running, running

SECONDS = 9.3  # three segments, the last one short
FAMILIES = {"aac": 48_000, "opus": 48_000, "flac": 96_000, "flac16": 48_000}
"""The rate of each, of a source of 96 kHz."""
EARLY = {
    ("ffmpeg", "hls"): {"aac": 1024},
    ("mpv", "hls"): {"aac": 1024},
    ("GStreamer", "hls"): {"aac": 1024, "opus": 312},
    ("VLC", "hls"): {"opus": 312},
    ("ffmpeg", "dash"): {"aac": 1024, "opus": 312},
}
"""Samples of priming that a player makes heard, though it is told of them; 0 where it has none here."""
CUT = {"VLC": 312}
"""It ends at the length it is told, also where it began with the priming of Opus: so much of the end is not heard."""
PACKET = {"aac": 1024, "opus": 960}
CLEAN_DB = {"aac": 12.0, "opus": 12.0, "flac": 80.0, "flac16": 70.0}
"""Signal to noise of any 43 ms, at the lowest rung."""
_WINDOW = 2048


def chirps(rate_hz: int, channels: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """A rising tone on every channel, each another one: no two moments and no two channels are alike."""
    time_s = np.arange(round(SECONDS * rate_hz)) / rate_hz
    return np.stack([0.5 * np.sin(2 * np.pi * (200 + 130 * n) * time_s * (1 + 0.1 * time_s)) for n in range(channels)])


@dataclass(frozen=True, slots=True)
class Stand:
    house: Running
    token: str
    tracks: dict[str, str]
    folder: Path

    async def playback(self, title: str) -> dict[str, Any]:
        answer: dict[str, Any] = await self.house.json(f"/api/v1/tracks/{self.tracks[title]}/playback", self.token)
        return answer

    async def rungs(self, main: str) -> list[str]:
        """Addresses in full of the media playlists that a multivariant one lists, the lowest first."""
        async with self.house.client.get(self.house.base + main) as answer:
            names = re.findall(r"^\.\./(.+)$", await answer.text(), re.M)
        return [f"{self.house.base}{main.rsplit('/', 2)[0]}/{name}" for name in names]


@pytest_asyncio.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    music, scratch = tmp_path / "music", tmp_path / "scratch"
    music.mkdir()
    scratch.mkdir()
    tmp_path.chmod(0o755)
    audio.write(music / "wide.flac", rate_hz=96_000, sample_format="s32", wave=chirps(96_000, 2))
    audio.write(music / "mono.flac", rate_hz=48_000, layout="mono", wave=chirps(48_000, 1))
    for name in ("own.m4a", "adts.aac"):
        audio.write(music / name, rate_hz=48_000, wave=chirps(48_000, 2))
    audio.write(music / "opus.opus", wave=chirps(48_000, 2))
    async with running(music, tmp_path / "data") as house:
        token = await house.sign_up()
        items = (await house.json("/api/v1/tracks", token))["items"]
        yield Stand(house, token, {one["title"]: one["id"] for one in items}, scratch)


def judge(
    heard: Heard, family: str, *, early: int = 0, cut: int = 0, channels: int = 2, rate_hz: int = 0, clean_db: float = 0
) -> None:
    """All of it is there but for `cut` samples, from sample `early` on, and less than a packet behind it."""
    wanted = chirps(rate_hz or FAMILIES[family], channels)
    assert heard.shape[0] == channels
    lag = place(heard, wanted)
    rest = heard.shape[1] - lag - wanted.shape[1]
    assert abs(lag - early) <= (1 if family in PACKET else 0), f"it begins at {lag}"
    assert -cut <= rest <= PACKET.get(family, 0), f"{rest} samples behind the last"
    aligned = np.pad(heard, ((0, 0), (max(0, -lag), 0)))[:, max(0, lag) :][:, : wanted.shape[1]]
    worst = worst_db(aligned, wanted[:, : aligned.shape[1]])
    assert worst > (clean_db or CLEAN_DB[family]), f"{worst:.1f} dB"


def place(heard: Heard, wanted: np.ndarray[Any, Any]) -> int:
    """The sample of `heard` at which `wanted` begins, by cross-correlation of its second second."""
    rate = wanted.shape[1] // 9
    piece = wanted[0, rate : 2 * rate]
    around = heard[0, max(0, rate - 6000) : 2 * rate + 6000]
    size = 1 << (len(around) + len(piece)).bit_length()
    match = np.fft.irfft(np.fft.rfft(around, size) * np.conj(np.fft.rfft(piece, size)), size)
    return int(np.argmax(match[: len(around) - len(piece)])) + max(0, rate - 6000) - rate


def worst_db(got: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any]) -> float:
    """Signal to noise of the worst window, on any channel, but for the first and the last."""
    count = wanted.shape[1] // _WINDOW
    shape = (wanted.shape[0], count, _WINDOW)
    signal = wanted[:, : count * _WINDOW].reshape(shape)
    noise = (got - wanted)[:, : count * _WINDOW].reshape(shape)
    power = np.sum(signal**2, axis=2) / (np.sum(noise**2, axis=2) + 1e-12)
    return float(10 * np.log10(power[:, 1:-1].min()))


async def test_ffmpeg_plays_every_family_and_the_manifest(stand: Stand) -> None:
    players.need("ffmpeg")
    answer = await stand.playback("wide")
    assert set(answer["hls"]) == set(FAMILIES)
    for family, main in answer["hls"].items():
        heard = await asyncio.to_thread(players.ffmpeg, stand.house.base + main, 2, stand.folder)
        judge(heard, family, early=EARLY["ffmpeg", "hls"].get(family, 0))
    for stream, family in ((1, "aac"), (5, "opus"), (6, "flac"), (7, "flac16")):
        manifest = stand.house.base + answer["dash"]
        heard = await asyncio.to_thread(players.ffmpeg, manifest, 2, stand.folder, stream=stream)
        judge(heard, family, early=EARLY["ffmpeg", "dash"].get(family, 0))


async def test_ffmpeg_plays_packets_as_they_are_and_mono(stand: Stand) -> None:
    players.need("ffmpeg")
    for title, family, ranks in (
        ("own", "aac", ["10", "18"]),
        ("adts", "aac", ["10", "18"]),
        ("opus", "opus", ["15", "23"]),
        ("mono", "opus", ["15", "25", "35"]),
    ):
        channels = 1 if title == "mono" else 2
        rungs = await stand.rungs((await stand.playback(title))["hls"][family])
        assert [rung.split("/")[-2].split(".")[1] for rung in rungs] == ranks
        early = EARLY["ffmpeg", "hls"].get(family, 0) + (1024 if title == "adts" else 0)  # ADTS tells of no priming
        for rung in rungs:
            heard = await asyncio.to_thread(players.ffmpeg, rung, channels, stand.folder)
            judge(heard, family, channels=channels, early=early)


@pytest.mark.long
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("player", PLAYERS)
async def test_players_play_every_rung(player: str, family: str, stand: Stand) -> None:
    program, play = PLAYERS[player]
    players.need(program)
    answer = await stand.playback("wide")
    early = EARLY[player, "hls"].get(family, 0)
    for rung in await stand.rungs(answer["hls"][family]):
        heard = await asyncio.to_thread(play, rung, 2, stand.folder)
        judge(heard, family, early=early, cut=CUT.get(player, 0) if early else 0)


@pytest.mark.long
@pytest.mark.parametrize("max_rank", [10, 15, 70, 99])
@pytest.mark.parametrize("player", PLAYERS)
async def test_players_play_the_manifest(player: str, max_rank: int, stand: Stand) -> None:
    """Whatever of it they choose, and however early they begin. Where GStreamer changes rungs, its decoder begins anew
    and fades in for a packet."""
    program, play = PLAYERS[player]
    players.need(program)
    listener = await stand.house.listener(stand.token, max_rank=max_rank)
    path = f"/api/v1/tracks/{stand.tracks['wide']}/playback"
    answer = await stand.house.json(path, listener)
    heard = await asyncio.to_thread(play, stand.house.base + answer["dash"], 2, stand.folder)
    rate_hz = 96_000 if heard.shape[1] > 80_000 * SECONDS else 48_000
    early = place(heard, chirps(rate_hz, 2))
    assert early in (0, 312, 1024)
    judge(heard, "aac", rate_hz=rate_hz, early=early, cut=312, clean_db=5.0)


@pytest.mark.long
@pytest.mark.parametrize("family", ["aac", "opus"])
async def test_players_play_the_multivariant_playlist(family: str, stand: Stand) -> None:
    answer = await stand.playback("wide")
    for player, (program, play) in PLAYERS.items():
        players.need(program)
        heard = await asyncio.to_thread(play, stand.house.base + answer["hls"][family], 2, stand.folder)
        early = EARLY[player, "hls"].get(family, 0)
        judge(heard, family, early=early, cut=CUT.get(player, 0) if early else 0, clean_db=5.0)
