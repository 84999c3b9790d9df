"""Players of other people on a whole album: the recording that was cut into its tracks, without a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from mutagen.flac import FLAC

from tests import audio, players
from tests.clients.test_players import CUT, EARLY, chirps, judge
from tests.players import PLAYERS
from tests.server import Running, running

CUTS_S = (0.0, 2.7, 2.75, 6.1, 9.3)


@pytest_asyncio.fixture
async def album(tmp_path: Path) -> AsyncIterator[tuple[Running, dict[str, Any], Path]]:
    """A server, the playback of its one album, and a folder for what is heard."""
    music, scratch = tmp_path / "music", tmp_path / "scratch"
    music.mkdir()
    scratch.mkdir()
    tmp_path.chmod(0o755)
    wave = chirps(48_000, 2)
    for number, (start, stop) in enumerate(pairwise(round(at * 48_000) for at in CUTS_S), 1):
        path = audio.write(music / f"{number}.flac", rate_hz=48_000, wave=wave[:, start:stop])
        file = FLAC(path)
        file["title"], file["album"], file["artist"], file["tracknumber"] = (
            f"Part {number}",
            "Live",
            "Band",
            f"{number}",
        )
        file.save()
    async with running(music, tmp_path / "data") as house:
        token = await house.sign_up()
        (live,) = (await house.json("/api/v1/albums", token))["items"]
        yield house, await house.json(f"/api/v1/albums/{live['id']}/playback", token), scratch


async def test_ffmpeg_hears_no_track_end(album: tuple[Running, dict[str, Any], Path]) -> None:
    players.need("ffmpeg")
    house, answer, folder = album
    for family, main in answer["hls"].items():
        heard = await asyncio.to_thread(players.ffmpeg, house.base + main, 2, folder)
        judge(heard, family, early=EARLY["ffmpeg", "hls"].get(family, 0), rate_hz=48_000)
        if family == "flac":
            wanted = (chirps(48_000, 2) * 32767).astype(np.int16)
            assert np.array_equal(np.rint(heard * 32768).astype(np.int16), wanted)
    heard = await asyncio.to_thread(players.ffmpeg, house.base + answer["dash"], 2, folder)
    judge(heard, "aac", early=EARLY["ffmpeg", "dash"].get("aac", 0))


@pytest.mark.long
@pytest.mark.parametrize("player", PLAYERS)
async def test_players_hear_no_track_end(player: str, album: tuple[Running, dict[str, Any], Path]) -> None:
    program, play = PLAYERS[player]
    players.need(program)
    house, answer, folder = album
    for family, main in answer["hls"].items():
        heard = await asyncio.to_thread(play, house.base + main, 2, folder)
        early = EARLY[player, "hls"].get(family, 0)
        judge(heard, family, early=early, cut=CUT.get(player, 0) if early else 0, rate_hz=48_000, clean_db=5.0)
