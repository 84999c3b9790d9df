"""docs/operating.md: its commands do what it says. Taken out of the page and run, in a home of the test's own.

Those of the service and of a Raspberry Pi run on a machine of their own (tests/cli/test_service.py); encryption's in
tests/http/test_tls.py, the proxies' in tests/http/test_basepath.py, PostgreSQL's in tests/storage/test_postgres.py.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.cli.command import Command
from tests.faults.houses import admin_token, ask
from tests.nginx import OPERATING

LIMIT_S = 120.0


def section(title: str) -> str:
    return OPERATING.read_text(encoding="utf-8").partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(title: str, language: str = "sh") -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", section(title), re.M | re.S)


@dataclass(frozen=True, slots=True)
class Home:
    """Of somebody who has `mediaserver` and `.venv/bin/mediaserver`."""

    path: Path

    @property
    def command(self) -> Command:
        return Command(self.path / ".local" / "share" / "mediaserver", "")

    def run(self, text: str, *, stdin: str = "", code: int = 0) -> str:
        """The text as a shell runs it, which ends at the first command that fails; all that was printed."""
        environment = {"HOME": str(self.path), "PATH": f"{self.path}/.venv/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
        environment |= {"LANG": "C.UTF-8", "MEDIASERVER_DISCOVERY__ENABLED": "false"}
        ended = subprocess.run(
            ["sh", "-ec", f'sudo() {{ "$@"; }}\n{text}'],
            cwd=self.path,
            env=environment,
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        assert ended.returncode == code, f"{text}\n{ended.stdout}"
        return ended.stdout


@pytest.fixture
def home(tmp_path: Path) -> Home:
    path = tmp_path / "home"
    program = path / ".venv" / "bin" / "mediaserver"
    program.parent.mkdir(parents=True)
    root = OPERATING.parent.parent
    program.write_text(f'#!/bin/sh\nPYTHONPATH={root} exec {sys.executable} -m mediaserver "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return Home(path)


def test_a_pi_is_asked_what_it_is_and_a_disk_gets_its_place(home: Home, tmp_path: Path) -> None:
    which, disks, *_ = blocks("On a Raspberry Pi")
    assert re.fullmatch(r"[a-z0-9]+\n", home.run(which))
    assert home.run(disks).split()[:4] == ["NAME", "LABEL", "FSTYPE", "SIZE"]
    (line,) = blocks("On a Raspberry Pi", "fstab")
    label, place, kind, options, dump, check = line.split()
    assert (label, place, kind, dump, check) == ("LABEL=music", "/srv/music", "auto", "0", "0")
    assert options.split(",")[:2] == ["ro", "nofail"]
    (tmp_path / "fstab").write_text(line, encoding="utf-8")
    told = subprocess.run(
        ["findmnt", "--verify", "--tab-file", tmp_path / "fstab"], capture_output=True, text=True, check=False
    )
    assert "parse error" not in re.sub(r"\b0 parse errors", "", told.stdout), told


async def test_a_backup_made_while_it_runs_brings_back_people_tokens_and_the_catalogue(
    home: Home, seeded_library: Path
) -> None:
    make, _, bring_back, *_ = blocks("Backup")
    async with home.command.serving(seeded_library, "--host", "127.0.0.1") as served:
        link = re.search(r"link=(\S+)", served.out)
        assert link is not None
        headers = await admin_token(served.base, link[1])
        albums = await ask("GET", f"{served.base}/api/v1/albums", 200, headers=headers)
        assert len(albums["items"]) == 4
        assert "Backed up into" in await asyncio.to_thread(home.run, make)
        # What comes later is not in it.
        late = {"name": "Late", "password": "correct horse", "admin": False}
        await ask("POST", f"{served.base}/api/v1/users", 201, headers=headers, json=late)
        await served.stopped()
    (home.command.data_dir / "mediaserver.db-wal").write_bytes(b"of an older database")
    said = await asyncio.to_thread(home.run, bring_back)
    assert re.search(r"^ ?\S+ +Database +SQLite", said, re.M), said
    assert (home.path / ".local/share/mediaserver.before").is_dir()
    async with home.command.serving("--host", "127.0.0.1") as served:
        assert "setup?link=" not in served.out
        assert await ask("GET", f"{served.base}/api/v1/albums", 200, headers=headers) == albums
        people = await ask("GET", f"{served.base}/api/v1/users", 200, headers=headers)
        assert [one["name"] for one in people["items"]] == ["Admin"]
        last = (await ask("GET", f"{served.base}/api/v1/scan", 200, headers=headers))["last"]
        assert (last["files_seen"], last["files_read"], last["missing"]) == (10, 0, 0)


async def test_every_night_a_backup_is_made_and_old_ones_go(home: Home, seeded_library: Path) -> None:
    (line,) = blocks("Backup", "crontab")
    *times, command = line.split(maxsplit=5)
    assert all(re.fullmatch(r"[\d*]+", one) for one in times)
    assert not re.search(r"(?<!\\)%", command), "cron ends a command at a bare percent sign"
    assert (await home.command.run("scan", seeded_library)).code == 0
    backups = home.path / "backups"
    backups.mkdir()
    for name, days in (("music-2020-01-01.tar", 40), ("music-2020-01-02.tar", 2), ("others.tar", 400)):
        (backups / name).touch()
        changed = (backups / name).stat().st_mtime - days * 86_400
        os.utime(backups / name, (changed, changed))
    await asyncio.to_thread(home.run, command.replace("\\%", "%"))
    left = {path.name for path in backups.iterdir()}
    (new,) = left - {"music-2020-01-02.tar", "others.tar"}
    assert re.fullmatch(r"music-\d{4}-\d\d-\d\d\.tar", new)


async def test_what_is_said_to_whoever_seeks_what_is_wrong_can_be_done(home: Home, seeded_library: Path) -> None:
    looks, port, asks, name, problems, passwords = blocks("When something is wrong")
    shutil.copytree(seeded_library, home.path / "Music")
    (home.path / "Music" / "bad.flac").write_text("no music " * 100)
    async with home.command.serving(home.path / "Music", "--host", "127.0.0.1") as served:
        at = served.base.rpartition(":")[2]
        assert "Port" in await asyncio.to_thread(home.run, looks)
        with zipfile.ZipFile(home.path / "for-help.zip") as packed:
            assert "doctor.json" in packed.namelist()
        who, other = port.replace("4747", at).splitlines()
        assert f"pid={served.process.pid}" in await asyncio.to_thread(home.run, who)
        assert other == "mediaserver serve ~/Music --port 8080"
        curl, firewall = asks.replace("localhost:4747", f"127.0.0.1:{at}").splitlines()
        assert json.loads((await asyncio.to_thread(home.run, f"{curl} --silent")).strip())["status"] == "ok"
        assert firewall == "sudo ufw allow 4747/tcp"
        assert "bad.flac" in await asyncio.to_thread(home.run, problems)
    variable, _, words = name.strip().partition(" ")
    assert words == "mediaserver serve ~/Music"
    key, _, value = variable.partition("=")
    async with (
        home.command.serving(home.path / "Music", "--host", "127.0.0.1", **{key: value}) as served,
        aiohttp.ClientSession() as client,
    ):
        for host, status in (("elsewhere.example", 421), (value, 200)):
            async with client.get(f"{served.base}/healthz", headers={"Host": host}) as answer:
                assert answer.status == status
    new, another = passwords.splitlines()
    assert (
        await home.command.run("user", "add", "anna", "--admin", "--password-stdin", stdin=b"correct horse\n")
    ).code == 0
    for line in (new, another):
        await asyncio.to_thread(home.run, f"{line} --password-stdin", stdin="battery staple\n")
    assert await asyncio.to_thread(home.run, "mediaserver user list") == "anna\tadministrator\nben\tadministrator\n"
