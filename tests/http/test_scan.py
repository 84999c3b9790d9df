"""Scans and their report through the API."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests import audio, seeded
from tests.server import Running, bearer, running


@pytest.fixture
def music(tmp_path: Path, seeded_library: Path) -> Path:
    music = Path(shutil.copytree(seeded_library, tmp_path / "music"))
    (music / "A 100%_b").mkdir()
    (music / "A 100%_b/empty.mp3").touch()
    (music / "A 100%_b/text.flac").write_text("no music " * 100)
    whole = audio.write(music / "Mixed/whole.flac", seconds=4)
    (music / "Mixed/cut.flac").write_bytes(whole.read_bytes()[:30_000])
    whole.unlink()
    shutil.copy(music / seeded.TRACKS[3].path, music / "Mixed/Summer/really-mp3.ogg")
    return music


async def test_the_report_counts_by_reason_and_tells_how_folders_are_watched(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with running(music, tmp_path / "d", database_url) as house:
        admin = await house.sign_up()
        report = await house.json("/api/v1/scan/report", admin)
        assert report["total"] == 4
        counts = {one["reason"]: one["count"] for one in report["problems"]}
        assert counts == dict.fromkeys(("empty", "damaged", "truncated", "wrong-extension"), 1)
        assert {one["library"] for one in report["problems"]} == {str(music)}
        (folder,) = report["folders"]
        assert (folder["path"], folder["mode"], folder["message"]) == (str(music), "watching", "")
        health = await house.json("/healthz", admin)
        assert health["warnings"] == []


async def test_problems_are_chosen_by_reason_library_and_folder_and_lead_to_the_album(
    music: Path, tmp_path: Path, database_url: str
) -> None:
    async with running(music, tmp_path / "d", database_url) as house:
        admin = await house.sign_up()
        library = (await house.json("/api/v1/scan/report", admin))["problems"][0]["library_id"]

        async def paths(parameters: str) -> list[str]:
            found = await house.json(f"/api/v1/scan/problems?{parameters}", admin)
            return sorted(one["path"] for one in found["items"])

        assert await paths("folder=Mixed") == ["Mixed/Summer/really-mp3.ogg", "Mixed/cut.flac"]
        assert await paths("folder=Mixed/Summer/") == ["Mixed/Summer/really-mp3.ogg"]
        assert await paths("folder=A%20100%25_b") == ["A 100%_b/empty.mp3", "A 100%_b/text.flac"]
        assert await paths("folder=A%20100&reason=empty") == []
        assert await paths(f"library={library}&reason=empty") == ["A 100%_b/empty.mp3"]
        assert await paths(f"library={library + 1}") == []
        albums = {
            one["path"]: one["album"] and one["album"]["title"]
            for one in (await house.json("/api/v1/scan/problems", admin))["items"]
        }
        assert albums["Mixed/Summer/really-mp3.ogg"] == "Long Way"
        assert albums["A 100%_b/text.flac"] is None
        first = await house.json("/api/v1/scan/problems?limit=3", admin)
        rest = await house.json(f"/api/v1/scan/problems?limit=3&cursor={first['next']}", admin)
        assert (len(first["items"]), len(rest["items"]), rest["next"]) == (3, 1, None)
        await house.json("/api/v1/scan/problems?library=x", admin, status=400)


async def test_a_scan_is_cancelled_and_started_again_by_administrators_alone(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin)
    for method, path in (("DELETE", "/api/v1/scan"), ("POST", "/api/v1/scan"), ("GET", "/api/v1/scan/report")):
        await house.json(path, listener, method=method, status=403)
    assert (await house.json("/api/v1/scan", admin, method="DELETE", status=202))["state"] == "idle"
    started = await house.json("/api/v1/scan", admin, method="POST", status=202)
    assert started["state"] == "scanning"
    await house.json("/api/v1/scan", admin, method="DELETE", status=202)
    again = await house.json("/api/v1/scan", admin, method="POST", status=202)
    assert again["state"] == "scanning"
    await house.server.scanner.wait()
    last = (await house.json("/api/v1/scan", admin))["last"]
    assert last["outcome"] == "done"


async def test_health_says_without_names_that_a_folder_is_away(
    seeded_library: Path, tmp_path: Path, database_url: str
) -> None:
    music = Path(shutil.copytree(seeded_library, tmp_path / "music"))
    music_away = tmp_path / "away"
    async with running(music, tmp_path / "d", database_url) as house:
        music.rename(music_away)
        from tests.library.music import until

        async def is_told() -> bool:
            async with house.client.get(f"{house.base}/healthz", headers=bearer("")) as answer:
                return bool((await answer.json())["warnings"] == ["A folder of music is away."])

        await until(is_told, "health to say so")
