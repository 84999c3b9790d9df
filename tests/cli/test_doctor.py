"""`mediaserver doctor`, with a server and without; and the bundle, in which nothing secret may be."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import stat
import zipfile
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.cli.command import Command, Ended

PASSWORD = "correct horse battery s3cr3t"


def is_long(value: object) -> bool:
    return isinstance(value, str | bytes) and len(value) > 15


def rows(ended: Ended) -> dict[str, Any]:
    return {one["name"]: one for one in json.loads(ended.out)["findings"]}


async def test_before_the_first_start_it_finds_nothing_wrong_and_makes_nothing(command: Command) -> None:
    ended = await command.run("doctor", MEDIASERVER_SERVER__PORT="0")
    assert (ended.code, ended.err) == (0, "")
    for word in ("Python", "Reading music", "Database", "Data directory", "Disk", "Memory", "Clock", "Port 0"):
        assert re.search(rf"^ ?\S+ +{word} ", ended.out, re.M), word
    assert not command.data_dir.exists()


async def test_beside_a_running_server_it_knows_port_folders_and_discovery(
    command: Command, seeded_library: Path
) -> None:
    async with command.serving(seeded_library) as served:
        ended = await command.run("doctor", "--json")
        told = json.loads(ended.out)
        found = rows(ended)
        assert (ended.code, told["running"]) == (0, True)
        assert found[f"Port {served.base.rpartition(':')[2]}"]["told"] == "the server listens there"
        assert found["Folder 1"]["told"] == f"{seeded_library} can be read"
        assert "discovery.enabled" in found["Discovery"]["told"]
        assert found["Database"]["state"] == found["Data directory"]["state"] == "ok"
    ended = await command.run("doctor", "--json", MEDIASERVER_SERVER__PORT="0")
    assert not json.loads(ended.out)["running"]
    assert rows(ended)["Folder 1"]["told"] == f"{seeded_library} can be read"


async def test_what_is_bad_is_told_with_its_remedy_and_a_code(command: Command, tmp_path: Path) -> None:
    command.data_dir.mkdir(mode=0o700)
    command.data_dir.chmod(0o777)
    (command.data_dir / "config.toml").write_text("[library]\nfolder = []\n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = await command.run("doctor", MEDIASERVER_SERVER__PORT="nonsense")
        assert ended.code == 1
        assert f"chmod 700 '{command.data_dir}'" in ended.out  # whole, on one line
        assert "you mean folders?" in re.sub(r"\s+", " ", ended.out)
        (command.data_dir / "config.toml").unlink()
        ended = await command.run("doctor", "--json", MEDIASERVER_SERVER__PORT=str(port))
        assert ended.code == 1
        assert rows(ended)[f"Port {port}"]["state"] == "bad"
    command.data_dir.chmod(0o700)


async def test_a_damaged_database_is_told_and_left_as_it_is(command: Command, seeded_library: Path) -> None:
    if command.database_url:
        pytest.skip("not here: the database is another server's")
    assert (await command.run("scan", seeded_library)).code == 0
    path = command.data_dir / "mediaserver.db"
    whole = path.read_bytes()
    middle = len(whole) // 4096 // 2 * 4096
    damaged = whole[:middle] + b"\xff" * 8192 + whole[middle + 8192 :]
    path.write_bytes(damaged)
    ended = await command.run("doctor", "--json", MEDIASERVER_SERVER__PORT="0")
    assert ended.code == 1
    assert "damaged" in rows(ended)["Database"]["told"]
    assert path.read_bytes() == damaged


async def test_a_bundle_holds_no_secret_and_no_name_of_music(
    command: Command, seeded_library: Path, tmp_path: Path
) -> None:
    secrets = [PASSWORD]
    async with command.serving(seeded_library, MEDIASERVER_LOG__LEVEL="debug") as served:
        link = re.search(r"/setup\?link=(\S+)", served.out)
        assert link is not None
        secrets.append(link[1])
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
            body = {"link": link[1], "name": "anna", "password": PASSWORD}
            async with client.post(f"{served.base}/api/v1/setup", json=body) as answer:
                csrf = (await answer.json())["csrf"]
                secrets += [csrf, answer.cookies["mediaserver_session"].value]
            headers = {"X-CSRF-Token": csrf}
            async with client.post(f"{served.base}/api/v1/tokens", json={"name": "x"}, headers=headers) as answer:
                secrets.append((await answer.json())["token"])
            bearer = {"Authorization": f"Bearer {secrets[-1]}"}
            async with client.get(f"{served.base}/api/v1/tracks?limit=1", headers=bearer) as answer:
                track = (await answer.json())["items"][0]
            async with client.get(f"{served.base}/api/v1/tracks/{track['id']}/playback", headers=bearer) as answer:
                address = (await answer.json())["direct"]
                secrets.append(address.split("/")[2])
            async with client.get(served.base + address) as answer:
                assert answer.status == 200
            async with client.get(f"{served.base}/setup?link={link[1]}"):
                pass
        log = command.data_dir / "logs" / "mediaserver.jsonl"
        quoted = {
            "message": f"cannot read {seeded_library}/Some Band/x y.flac",
            "fields": {"asked": "password=s3cr3t-1"},
        }
        log.with_name("mediaserver.jsonl.1").write_text(json.dumps(quoted) + "\n{cut", encoding="utf-8")
        bundle = tmp_path / "for help.zip"
        ended = await command.run("doctor", "--bundle", bundle)
        assert ended.code == 0, ended.err
    if not command.database_url:
        with sqlite3.connect(command.data_dir / "mediaserver.db") as opened:
            for table in ("signing_keys", "users", "sessions", "tokens", "setup_links"):
                kept = [one for row in opened.execute(f"SELECT * FROM {table}") for one in row]
                secrets += [one.hex() if isinstance(one, bytes) else one for one in kept if is_long(one)]
            assert len(secrets) >= 12
    assert stat.S_IMODE(bundle.stat().st_mode) == 0o600
    with zipfile.ZipFile(bundle) as packed:
        inside = {name: packed.read(name).decode() for name in packed.namelist()}
    assert set(inside) == {
        *("README.txt", "doctor.json", "settings.json", "versions.json", "scans.json"),
        *("logs/mediaserver.jsonl", "logs/mediaserver.jsonl.1"),
    }
    assert "GET /setup 403" in inside["logs/mediaserver.jsonl"]  # what was asked stands in it
    assert json.loads(inside["doctor.json"])["findings"]
    assert json.loads(inside["scans.json"])["last"]["outcome"] == "done"
    for name, text in inside.items():
        assert str(seeded_library) not in text, name
    for word in ("Some Band", "x y", "s3cr3t-1", "{cut"):
        assert word not in inside["logs/mediaserver.jsonl.1"]
    assert "cannot read <folder 1>" in inside["logs/mediaserver.jsonl.1"]
    inside["the log itself"] = (command.data_dir / "logs" / "mediaserver.jsonl").read_text()
    for name, text in inside.items():
        for secret in secrets:
            assert secret not in text, (name, secret)
        for path in seeded_library.rglob("*") if name != "the log itself" else ():
            assert path.name not in text or len(path.name) < 4, (name, path.name)
    await command.run("doctor", "--bundle", tmp_path / "named.zip", "--with-names")
    with zipfile.ZipFile(tmp_path / "named.zip") as packed:
        text = packed.read("logs/mediaserver.jsonl.1").decode()
    assert f"{seeded_library}/Some Band/x y.flac" in text
    assert "s3cr3t-1" not in text
    again = await command.run("doctor", "--bundle", bundle)
    assert (again.code, "is there already" in again.err) == (1, True)


async def test_the_password_of_a_database_stays_out_of_the_bundle_however_odd_it_is(
    tmp_path: Path,
) -> None:
    command = Command(tmp_path / "data", "postgresql://music:p%40ss@dbs3cr3t:/x@127.0.0.1:1/none?password=dbs3cr3t")
    bundle = tmp_path / "bundle.zip"
    ended = await command.run("doctor", "--json", "--bundle", bundle)
    assert ended.code == 1
    with zipfile.ZipFile(bundle) as packed:
        text = " ".join(packed.read(name).decode() for name in packed.namelist()) + ended.out
    assert "dbs3cr3t" not in text
    assert "p%40ss" not in text
