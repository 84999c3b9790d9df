"""`mediaserver scan`, by the server that runs or without one."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.cli.command import Command

ROOT = Path(__file__).parent.parent.parent


async def test_without_a_server_it_scans_here(command: Command, seeded_library: Path) -> None:
    first = await command.run("scan", seeded_library)
    assert first.code == 0
    assert ", 0 problems." in first.out
    assert " 0 new," not in first.out
    again = await command.run("scan")
    assert " 0 new, 0 changed, 0 missing, 0 problems." in again.out


async def test_a_running_server_does_the_scan(command: Command, seeded_library: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(seeded_library, tmp_path / "music")
    async with command.serving(folder, MEDIASERVER_LIBRARY__WATCH="false"):  # which would be quicker
        one = next(path for path in sorted(folder.rglob("*.mp3")))
        shutil.copy(one, one.with_name("99 Another.mp3"))
        ended = await command.run("scan")
        assert (ended.code, ended.err) == (0, "")
        assert " 1 new, 0 changed, 0 missing" in ended.out
        refused = await command.run("scan", folder)
        assert refused.code == 2
        assert refused.err == "mediaserver: a server runs and scans its own folders: leave the folders out\n"


async def test_with_no_folder_to_be_found_it_asks_for_one(command: Command) -> None:
    ended = await command.run("scan")
    assert ended.code == 2
    assert "and it knows no folder: name one, or set library.folders\n" in ended.err


async def test_an_emptied_folder_is_told_and_loses_nothing(
    command: Command, seeded_library: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(seeded_library, tmp_path / "music")
    assert (await command.run("scan", folder)).code == 0
    shutil.move(folder, tmp_path / "away")
    folder.mkdir()
    emptied = await command.run("scan")
    assert emptied.code == 1
    assert "is the disk mounted?" in emptied.out
    assert " 0 missing" in emptied.out


async def test_a_scan_is_cancelled_where_a_server_runs(command: Command, seeded_library: Path) -> None:
    nobody = await command.run("scan", "--cancel")
    assert (nobody.code, nobody.out) == (0, "No server runs here, so no scan does.\n")
    async with command.serving(seeded_library):
        idle = await command.run("scan", "--cancel")
        assert (idle.code, idle.out) == (0, "No scan runs.\n")
        refused = await command.run("scan", "--cancel", seeded_library)
        assert refused.code == 2


async def test_problems_are_listed_with_their_reasons_and_command_no_terminal(
    command: Command, seeded_library: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(seeded_library, tmp_path / "music")
    (folder / "bad\x1b[2J.mp3").touch()
    scanned = await command.run("scan", folder)
    said, _, hint = scanned.out.removesuffix("\n").rpartition("\nWhich, and why: ")
    assert said.endswith(", 1 problem.")
    environment = {
        **os.environ,
        **({"MEDIASERVER_DATABASE__URL": command.database_url} if command.database_url else {}),
    }
    copied = subprocess.run(hint, shell=True, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    assert copied.stdout.startswith("empty\t")
    for _ in range(2):
        listed = await command.run("scan", "--problems")
        assert listed.code == 0
        reason, path, detail = listed.out.removesuffix("\n").split("\t")
        assert (reason, path) == ("empty", f"{folder}/bad\N{REPLACEMENT CHARACTER}[2J.mp3")
        assert detail
    assert (await command.run("scan", "--problems", folder)).code == 2


async def test_who_asks_for_the_problems_of_what_was_never_scanned_is_told_and_nothing_is_made(
    tmp_path: Path,
) -> None:
    command = Command(tmp_path / "nothing here", "")
    ended = await command.run("scan", "--problems")
    assert (ended.code, ended.out) == (1, "")
    assert f"nothing was scanned into {command.data_dir}" in ended.err
    assert not command.data_dir.exists()
