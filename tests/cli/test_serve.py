"""`mediaserver serve`: what it prints, and how it begins and ends."""

from __future__ import annotations

import re
import shutil
import signal
import stat
from pathlib import Path

import aiohttp
import pytest

from tests.cli.command import Command


async def test_the_printed_link_makes_the_first_administrator_once(command: Command, seeded_library: Path) -> None:
    async with command.serving(seeded_library) as served, aiohttp.ClientSession() as client:
        link = re.search(r"^  http://\S+/setup\?link=(\S+)$", served.out, re.M)
        assert link is not None
        body = {"link": link.group(1), "name": "anna", "password": "correct horse"}
        async with client.post(f"{served.base}/api/v1/setup", json=body) as answer:
            assert answer.status == 201
        async with client.post(f"{served.base}/api/v1/setup", json=body) as answer:
            assert answer.status == 403
    async with command.serving(seeded_library) as served:
        assert "/setup" not in served.out


async def test_it_prints_its_address_a_picture_of_it_and_what_the_scan_found(
    command: Command, seeded_library: Path
) -> None:
    async with command.serving(seeded_library, MEDIASERVER_SERVER__NAME="Attic") as served:
        assert "Attic is at\n  http://" in served.out
        assert f"  {served.base.replace('127.0.0.1', 'localhost')}\n" in served.out
        assert re.search(r"^Scanned: \d\d files, \d\d new, 0 changed, 0 missing, 0 problems\.$", served.out, re.M)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(command: Command, seeded_library: Path, number: signal.Signals) -> None:
    async with command.serving(seeded_library) as served:
        ended = await served.stopped(number)
    assert ended.code == 0
    assert ended.out.endswith("Stopped.\n")
    assert "Traceback" not in ended.err
    assert not (command.data_dir / "control.sock").exists()


async def test_the_data_directory_is_for_its_owner_alone(command: Command, seeded_library: Path) -> None:
    async with command.serving(seeded_library):
        assert stat.S_IMODE(command.data_dir.stat().st_mode) == 0o700
        files = [path for path in command.data_dir.iterdir() if path.name != "cache"]
        assert files
        assert {path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077 and path.is_file()} == set()


async def test_a_second_server_on_the_same_data_is_refused(command: Command, seeded_library: Path) -> None:
    async with command.serving(seeded_library):
        ended = await command.run("serve", "--port", "0", seeded_library)
    assert ended.code == 1
    assert ended.err == f"mediaserver: another server runs on {command.data_dir}\n"


async def test_a_port_in_use_is_told_in_one_line(command: Command, seeded_library: Path, tmp_path: Path) -> None:
    async with command.serving(seeded_library, "--host", "127.0.0.1") as served:
        port = served.base.rpartition(":")[2]
        other = Command(tmp_path / "other", command.database_url)
        ended = await other.run("serve", seeded_library, "--host", "127.0.0.1", "--port", port)
    assert ended.code == 1
    lines = [line for line in ended.err.splitlines() if "storage.migrate" not in line]
    assert lines == [
        f"mediaserver: cannot listen on 127.0.0.1 port {port}: address already in use; --port chooses another"
    ]


async def test_folders_that_cannot_be_scanned_are_told_before_anything_is_made(
    command: Command, tmp_path: Path
) -> None:
    file = tmp_path / "file.flac"
    file.touch()
    (tmp_path / "a" / "b").mkdir(parents=True)
    for folders, told in (
        ([tmp_path / "none"], f"there is no folder {tmp_path / 'none'}"),
        ([file], f"{file} is not a folder"),
        ([tmp_path / "a", tmp_path / "a" / "b"], f"{tmp_path / 'a' / 'b'} lies in {tmp_path / 'a'}"),
    ):
        ended = await command.run("serve", *folders)
        assert ended.code == 2
        assert ended.err.startswith("mediaserver: ")
        assert told in ended.err
    assert not command.data_dir.exists()


async def test_a_folder_that_may_only_be_read_is_served(command: Command, seeded_library: Path, tmp_path: Path) -> None:
    """Root may write anywhere: that nothing was written, the times of the files and folders tell."""
    folder = shutil.copytree(seeded_library, tmp_path / "read only")
    inside = [folder, *(path for path in folder.rglob("*"))]
    for path in inside:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = {path: path.stat().st_mtime_ns for path in inside}
    try:
        async with command.serving(folder) as served:
            assert "0 problems" in served.out
        after = {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}
        assert after == before
    finally:
        for path in inside:
            path.chmod(0o755)


async def test_without_a_folder_those_of_before_are_scanned(command: Command, seeded_library: Path) -> None:
    async with command.serving() as served:
        assert "No folder is scanned yet" in served.out
    async with command.serving(seeded_library) as served:
        first = re.search(r"Scanned: (\d+) files", served.out)
    async with command.serving() as served:
        again = re.search(r"Scanned: (\d+) files", served.out)
    assert first is not None
    assert again is not None
    assert int(first.group(1)) == int(again.group(1)) > 0


async def test_where_only_this_machine_reaches_it_it_says_so(command: Command) -> None:
    async with command.serving("--host", "127.0.0.1") as served:
        assert "Only this machine reaches it there" in served.out


async def test_a_database_that_others_could_read_is_taken_back_with_a_word(
    command: Command, seeded_library: Path
) -> None:
    if command.database_url:
        pytest.skip("not here: the database is another server's")
    async with command.serving(seeded_library):
        pass
    database = command.data_dir / "mediaserver.db"
    database.chmod(0o644)
    command.data_dir.chmod(0o777)
    async with command.serving(seeded_library) as served:
        assert stat.S_IMODE(database.stat().st_mode) == 0o600
        assert not any(stat.S_IMODE(file.stat().st_mode) & 0o077 for file in command.data_dir.glob("mediaserver.db*"))
        ended = await served.stopped()
    assert "could be read by others (mode 644)" in ended.err
    assert "others may write in" in ended.err
    command.data_dir.chmod(0o700)
    async with command.serving(seeded_library) as served:
        ended = await served.stopped()
    assert "others" not in ended.err


async def test_a_server_that_was_killed_leaves_nothing_that_keeps_the_next_from_starting(
    command: Command, seeded_library: Path
) -> None:
    async with command.serving(seeded_library) as served:
        served.process.kill()
        await served.process.wait()
        assert {"lock", "control.sock"} <= {path.name for path in command.data_dir.iterdir()}
    async with command.serving(seeded_library) as served:
        assert "Scanned: " in served.out
