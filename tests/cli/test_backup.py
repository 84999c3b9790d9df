"""`mediaserver backup`: what is in it, whose it is, and that one that failed leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import stat
import tarfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.command import Command


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    folder.mkdir()
    return folder


def unpacked(file: Path, into: Path) -> Path:
    with tarfile.open(file) as tar:
        tar.extractall(into, filter="data")
    return into


async def test_it_holds_everything_but_what_can_be_made_anew_and_is_its_owner_s_alone(
    command: Command, seeded_library: Path, shelf: Path, tmp_path: Path
) -> None:
    command.data_dir.mkdir()
    (command.data_dir / "config.toml").write_text('[server]\ntls = "own"\n[log]\nfile = true\n')
    umask = os.umask(0)
    try:
        async with command.serving(seeded_library, "--host", "127.0.0.1"):
            ended = await command.run("backup", shelf / "music.tar")
    finally:
        os.umask(umask)
    assert (ended.code, ended.err) == (0, "")
    assert list(shelf.iterdir()) == [shelf / "music.tar"]
    assert stat.S_IMODE((shelf / "music.tar").stat().st_mode) == 0o600
    with tarfile.open(shelf / "music.tar") as tar:
        names = {name for name in tar.getnames() if "/" not in name}
    assert names - {"identity.json"} == {"config.toml", "tls", *([] if command.database_url else ["mediaserver.db"])}
    assert ("pg_dump" in ended.out) == bool(command.database_url)
    there = unpacked(shelf / "music.tar", tmp_path / "there")
    assert [path.read_bytes() for path in sorted((there / "tls").iterdir())] == [
        path.read_bytes() for path in sorted((command.data_dir / "tls").iterdir())
    ]


async def test_it_is_of_one_moment_however_much_is_written_meanwhile(
    command: Command, shelf: Path, tmp_path: Path
) -> None:
    """Every row refers to the one before: a copy of two moments has one that refers to none, or a broken page."""
    if command.database_url:
        pytest.skip("not here: of SQLite")
    assert (await command.run("user", "list")).code == 0
    path = command.data_dir / "mediaserver.db"
    stop = asyncio.Event()

    def write(n: int) -> None:
        with closing(sqlite3.connect(path, timeout=60)) as writer, writer:
            writer.execute("CREATE TABLE IF NOT EXISTS chain (n INTEGER PRIMARY KEY, before INTEGER, stuff BLOB)")
            writer.executemany(
                "INSERT INTO chain VALUES (?, ?, zeroblob(3000))", [(one, one - 1) for one in range(n, n + 20)]
            )

    async def go_on() -> int:
        n = 1
        while not stop.is_set():
            await asyncio.to_thread(write, n)
            n += 20
        return n - 1

    writing = asyncio.create_task(go_on())
    counts = []
    for n in range(3):
        ended = await command.run("backup", shelf / f"{n}.tar")
        assert (ended.code, ended.err) == (0, "")
        there = unpacked(shelf / f"{n}.tar", tmp_path / f"there {n}")
        with closing(sqlite3.connect(there / "mediaserver.db")) as copy:
            assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            count, last = copy.execute("SELECT COUNT(*), MAX(n) FROM chain").fetchone()
        assert count == last
        assert count % 20 == 0, "a transaction is in it whole, or not at all"
        counts.append(count)
    stop.set()
    assert await writing >= counts[-1] > counts[0]


async def test_what_cannot_be_done_is_told_in_one_line_and_leaves_nothing(
    command: Command, shelf: Path, seeded_library: Path
) -> None:
    ended = await command.run("backup", shelf / "x.tar")
    assert (ended.code, ended.err) == (1, f"mediaserver: there is no data directory {command.data_dir}\n")
    assert (await command.run("scan", seeded_library)).code == 0
    (shelf / "there.tar").write_text("an older one")
    ended = await command.run("backup", shelf / "there.tar")
    assert (ended.code, ended.err) == (1, f"mediaserver: {shelf}/there.tar is there already: name another file\n")
    (shelf.parent / "link").symlink_to(command.data_dir)
    for inside in (command.data_dir, shelf.parent / "link"):
        ended = await command.run("backup", inside / "x.tar")
        assert ended.code == 2
        assert "best on another disk" in ended.err
    ended = await command.run("backup", shelf / "nowhere" / "x.tar")
    assert ended.code == 1
    assert ended.err.count("\n") == 1
    assert [path.read_text() for path in shelf.iterdir()] == ["an older one"]


async def test_what_links_lead_to_is_in_it_and_what_can_be_made_anew_is_not_wherever_it_stands(
    command: Command, shelf: Path, tmp_path: Path
) -> None:
    elsewhere, cache = tmp_path / "elsewhere", command.data_dir / "big" / "cache"
    for folder in (elsewhere / "tls", elsewhere / "ssd", cache / "segments", command.data_dir / "certificates"):
        folder.mkdir(parents=True)
    (elsewhere / "tls" / "key.pem").write_text("a key")
    (elsewhere / "config.toml").write_text(f'[streaming]\ncache_dir = "{cache}"\n')
    for file in (elsewhere / "ssd" / "old", cache / "segments" / "new", cache.parent / "kept"):
        file.write_text("x")
    links = {"tls": "tls", "config.toml": "config.toml", "cache": "ssd", "certificates/live.pem": "tls/key.pem"}
    for name, to in links.items():
        (command.data_dir / name).symlink_to(elsewhere / to)
    (command.data_dir / "certificates" / "same.pem").hardlink_to(elsewhere / "tls" / "key.pem")
    ended = await command.run("backup", shelf / "x.tar")
    assert (ended.code, ended.err) == (0, "")
    there = unpacked(shelf / "x.tar", tmp_path / "there")
    assert {str(path.relative_to(there)) for path in there.rglob("*") if path.is_file() and not path.is_symlink()} == {
        *("tls/key.pem", "config.toml", "certificates/live.pem", "certificates/same.pem", "big/kept"),
    }
    assert (there / "certificates" / "live.pem").read_text() == "a key"


async def test_the_data_directory_itself_may_be_the_cache(command: Command, shelf: Path) -> None:
    (command.data_dir / "segments").mkdir(parents=True)
    (command.data_dir / "segments" / "one").write_text("x")
    (command.data_dir / "config.toml").write_text(f'[streaming]\ncache_dir = "{command.data_dir}"\n')
    assert (await command.run("backup", shelf / "x.tar")).code == 0
    with tarfile.open(shelf / "x.tar") as tar:
        assert tar.getnames() == ["config.toml"]


@pytest.mark.parametrize(("to", "told"), [("nowhere", "leads nowhere"), ("link", "leads nowhere"), (".", "leads back")])
async def test_a_link_that_cannot_be_followed_is_told_and_nothing_is_made(
    command: Command, shelf: Path, to: str, told: str
) -> None:
    command.data_dir.mkdir()
    (command.data_dir / "link").symlink_to(command.data_dir / to)
    ended = await command.run("backup", shelf / "x.tar")
    assert (ended.code, ended.err.count("\n")) == (2, 1)
    assert f"{command.data_dir}/link {told}" in ended.err.replace("link/link", "link")
    assert list(shelf.iterdir()) == []


@pytest.mark.parametrize("has_links", [True, False])
@pytest.mark.skipif(shutil.which("strace") is None, reason="left out: a file that comes meanwhile: install strace")
async def test_a_file_that_comes_meanwhile_is_not_written_over(command: Command, shelf: Path, has_links: bool) -> None:
    """Also where a disk knows no hard links, as FAT: strace refuses them, or keeps them waiting."""
    command.data_dir.mkdir()
    (command.data_dir / "config.toml").write_text("")
    refused = [] if has_links else ["error=EPERM"]

    def under(*injected: str) -> Command:
        how = ":".join(["inject=link,linkat", *injected])
        return replace(command, program=("strace", "-f", "-qq", "-o", os.devnull, "-e", how, *command.program))

    packing = asyncio.create_task(under(*refused, "delay_enter=3000000").run("backup", shelf / "x.tar"))
    while not list(shelf.iterdir()) and not packing.done():
        await asyncio.sleep(0.01)
    (shelf / "x.tar").write_text("of somebody else")
    ended = await packing
    assert (ended.code, ended.err) == (1, f"mediaserver: {shelf}/x.tar is there already: name another file\n")
    assert [path.read_text() for path in shelf.iterdir()] == ["of somebody else"]
    ended = await under(*refused, "delay_enter=0").run("backup", shelf / "y.tar")
    assert (ended.code, ended.err) == (0, "")
    assert {path.name for path in shelf.iterdir()} == {"x.tar", "y.tar"}


async def test_a_damaged_database_makes_no_backup_that_one_would_rely_on(
    command: Command, seeded_library: Path, shelf: Path
) -> None:
    if command.database_url:
        pytest.skip("not here: of SQLite")
    assert (await command.run("scan", seeded_library)).code == 0
    path = command.data_dir / "mediaserver.db"
    whole = path.read_bytes()
    middle = len(whole) // 4096 // 2 * 4096
    path.write_bytes(whole[:middle] + b"\xff" * 4096 + whole[middle + 4096 :])
    ended = await command.run("backup", shelf / "x.tar")
    assert ended.code == 1
    assert "is damaged and was not backed up" in ended.err
    assert list(shelf.iterdir()) == []
