"""No secret stands in any log: everything that handles one is done at level debug, then all that was written is read.

Searched are both outputs of the server with its workers and of every command, each file of the data directory (the
database and log files with it), and the command lines of all processes.
"""

from __future__ import annotations

import asyncio
import base64
import re
import sqlite3
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.cli.command import Command, Ended, Served
from tests.tls.test_given import made

PASSWORD, WRONG, SECOND, MISTYPED = "correct-Zz7-horse", "wrong-Qq8-staple", "newer-Ww9-battery", "as-name-Vv6-typed"
LONG = "ms_" + "L0ng-Token_" * 4
DATABASE_PASSWORD = "db-Pp5-secret"


@dataclass(slots=True)
class Kept:
    """All that must be found nowhere, by what it is."""

    secrets: dict[str, str] = field(default_factory=dict)

    def found_in(self, text: bytes) -> list[str]:
        """Also in the forms in which addresses and dumps write them."""
        return [
            what
            for what, secret in self.secrets.items()
            if any(form in text for form in (secret.encode(), quote(secret, safe="").encode(), ascii(secret).encode()))
        ]


def processes_of(pid: int) -> Iterator[int]:
    """A process and all that it started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text(encoding="ascii").split():
            yield from processes_of(int(child))


class Visitor:
    """Does with a running server whatever has to do with secrets."""

    def __init__(self, served: Served, client: aiohttp.ClientSession, kept: Kept) -> None:
        self.served, self.client, self.kept = served, client, kept
        self.headers: dict[str, str] = {}

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The answer as JSON, or text; of any status."""
        async with self.client.request(
            method, self.served.base + path, json=body, headers=headers, allow_redirects=False
        ) as answer:
            cookie = answer.cookies.get("mediaserver_session")
            if cookie is not None and cookie.value:
                self.headers = {"Cookie": f"mediaserver_session={cookie.value}"}
                self.kept.secrets[f"cookie {len(self.kept.secrets)}"] = cookie.value
            return await answer.json() if answer.content_type == "application/json" else await answer.text()

    async def sign(self, path: str, **body: str) -> None:
        """By the set-up link or by a password; the cookie and CSRF token are those of the session from now on."""
        told = await self.ask("POST", path, body)
        self.kept.secrets[f"csrf {len(self.kept.secrets)}"] = told["csrf"]
        self.headers["X-CSRF-Token"] = told["csrf"]

    async def come_in(self) -> None:
        link = re.search(r"setup\?link=(\S+)", self.served.out)
        assert link is not None
        self.kept.secrets["set-up link"] = link[1]
        await self.ask("GET", f"/setup?link={link[1]}")
        await self.ask("POST", "/api/v1/setup", {"link": link[1], "name": "anna", "password": "short"})
        await self.sign("/api/v1/setup", link=link[1], name="anna", password=PASSWORD)
        await self.ask("GET", f"/setup?link={link[1]}")
        await self.ask("POST", "/api/v1/setup", {"link": link[1], "name": "eve", "password": PASSWORD})
        await self.ask("POST", "/api/v1/session", {"name": "anna", "password": WRONG})
        await self.ask("POST", "/api/v1/session", {"name": MISTYPED, "password": WRONG})
        await self.ask("POST", "/api/v1/session", {"name": "anna", "passwort": WRONG})
        await self.sign("/api/v1/session", name="anna", password=PASSWORD)
        await self.ask("PUT", "/api/v1/me/password", {"current": WRONG, "new": SECOND}, **self.headers)
        await self.ask("PUT", "/api/v1/me/password", {"current": PASSWORD, "new": SECOND}, **self.headers)
        await self.ask("POST", "/api/v1/users", {"name": "ben", "password": PASSWORD}, **self.headers)

    async def use_tokens(self) -> str:
        """In the header, and wherever else people put them."""
        token: str = (await self.ask("POST", "/api/v1/tokens", {"name": "phone"}, **self.headers))["token"]
        self.kept.secrets["token"] = token
        assert (await self.ask("GET", "/api/v1/me", Authorization=f"Bearer {token}"))["user"]["name"] == "anna"
        basic = base64.b64encode(f"anna:{SECOND}".encode()).decode()
        self.kept.secrets["basic"] = basic
        for one in (token, LONG, self.headers["Cookie"].partition("=")[2], SECOND):
            for name in ("token", "access_token", "apiKey", "p", "q", "cursor"):
                await self.ask("GET", f"/api/v1/albums?{name}={one}")
                await self.ask("GET", f"/api/v1/albums?{name}={one}", Authorization=f"Bearer {token}")
            for path in (f"/{one}", f"/api/v1/{one}", f"/api/v1/albums/{one}", f"/e/{one}/a/b/c", f"/static/x/{one}"):
                await self.ask("GET", path)
                await self.ask("GET", path, Accept="text/html")
            for header in ("X-Api-Key", "Cookie", "Referer", "User-Agent", "If-None-Match", "Range", "X-Forwarded-For"):
                await self.ask("GET", "/api/v1/me", **{header: f"mediaserver_session={one}"})
            for value in (f"Basic {one}", f"Bearer  {one} x", one, f"Token {one}"):
                await self.ask("GET", "/api/v1/me", Authorization=value)
        await self.ask("GET", "/api/v1/me", Authorization=f"Basic {basic}")
        await self.ask("GET", f"/sign-in?name=anna&password={SECOND}")
        await self.ask("POST", f"/api/v1/session?password={SECOND}", [SECOND])
        await self.ask("DELETE", "/api/v1/albums", {"password": SECOND}, **self.headers)
        return token

    async def play(self, token: str) -> None:
        """Every kind of signed address, whole, wrong and cut off."""
        bearer = {"Authorization": f"Bearer {token}"}
        for track in (await self.ask("GET", "/api/v1/tracks", **bearer))["items"][:3]:
            playback = await self.ask("GET", f"/api/v1/tracks/{track['id']}/playback", **bearer)
            main = playback["hls"]["aac"]
            signed = main.split("/")[2]
            self.kept.secrets["signed address"] = signed
            self.kept.secrets["signature"] = signed.rpartition(".")[2]
            playlist = await self.ask("GET", main)
            media = next(line for line in playlist.splitlines() if not line.startswith("#"))
            folder = f"{main.rsplit('/', 2)[0]}/{media.split('/')[1]}"
            for path in (f"{folder}/media.m3u8", f"{folder}/9999.m4s", f"{folder}/x", f"/e/{signed}", f"/e//{signed}"):
                await self.ask("GET", path)
                await self.ask("POST", path)
            async with self.client.get(f"{self.served.base}{folder}/0.m4s") as answer:
                assert answer.status == 200
                await answer.read()
            async with self.client.get(self.served.base + playback["direct"], headers={"Range": "bytes=5-9"}) as answer:
                assert answer.status == 206
                await answer.read()

    async def break_it(self, database: Path, token: str) -> None:
        """What the server needs is taken from under it, secrets being on their way: it fails unforeseen."""
        with sqlite3.connect(database, timeout=30) as other:
            for table in ("tokens", "sessions", "setup_links", "login_failures", "track_genres", "signing_keys"):
                other.execute(f"DROP TABLE IF EXISTS {table}")
        other.close()
        signed = self.kept.secrets["signed address"]
        statuses = []
        for method, path, body, headers in (
            ("GET", f"/setup?link={LONG}{'x' * 20}", None, {}),
            ("GET", f"/api/v1/me?token={token}", None, {"Authorization": f"Bearer {token}"}),
            ("GET", f"/albums?token={token}", None, self.headers),
            ("POST", "/api/v1/session", {"name": "anna", "password": SECOND}, {}),
            ("GET", f"/e/{signed}/{'A' * 22}/aac.10.abc/0.m4s", None, {}),
        ):
            async with self.client.request(
                method, self.served.base + path, json=body, headers=headers, allow_redirects=False
            ) as answer:
                statuses.append(answer.status)
        assert set(statuses) & {500, 503}, f"nothing failed: {statuses}"


async def test_no_secret_stands_in_any_log(seeded_library: Path, tmp_path: Path) -> None:
    pair = await asyncio.to_thread(made, tmp_path, "given")
    settings = {
        "MEDIASERVER_SERVER__TLS": "given",
        "MEDIASERVER_SERVER__TLS_CERTIFICATE": str(pair.certificate),
        "MEDIASERVER_SERVER__TLS_KEY": str(pair.key),
        "MEDIASERVER_LOG__LEVEL": "debug",
    }
    named = {"password": PASSWORD, "wrong": WRONG, "new password": SECOND, "mistyped": MISTYPED, "long": LONG}
    kept = Kept(named)
    kept.secrets["key of TLS"] = pair.key.read_text(encoding="ascii").splitlines()[1]
    command = Command(tmp_path / "data", "")
    commands: list[Ended] = []
    async with command.serving(seeded_library, "--host", "127.0.0.1", **settings) as served:
        context = ssl.create_default_context(cafile=str(pair.certificate))
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(cookie_jar=jar, connector=aiohttp.TCPConnector(ssl=context)) as client:
            visitor = Visitor(served, client, kept)
            await visitor.come_in()
            token = await visitor.use_tokens()
            await visitor.play(token)
            with_words = {**settings, "stdin": f"{SECOND}\n".encode()}
            commands.append(await command.run("user", "add", "cleo", "--password-stdin", **with_words))  # type: ignore[arg-type]
            commands.append(await command.run("user", "password", "cleo", "--password-stdin", **with_words))  # type: ignore[arg-type]
            made_token = await command.run("token", "create", "cleo", "--name", "car", **settings)
            kept.secrets["token of the command"] = made_token.out.split()[-1]
            commands.append(Ended(made_token.code, "", made_token.err))  # printing it is its purpose
            for words in (("token", "list"), ("user", "list"), ("scan",), ("check-config",)):
                commands.append(await command.run(*words, **settings))
            for path in ("/api/v1/sessions", "/api/v1/tokens", "/api/v1/users", "/healthz", "/api/v1/scan"):
                told = await visitor.ask("GET", path, Authorization=f"Bearer {token}")
                assert kept.found_in(str(told).encode()) == [], path
            lines = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in processes_of(served.process.pid)]
            assert len(lines) > 1, "no worker was seen"
            assert kept.found_in(b"\n".join(lines)) == []
            await visitor.break_it(command.data_dir / "mediaserver.db", token)
        ended = await served.stopped()
    # Only the line with the link for its owner has the link.
    printed = (served.out + ended.out).replace(f"setup?link={kept.secrets['set-up link']}", "")
    assert ended.err.count(" /api/v1/me 200 ") >= 1, "the requests were logged"
    assert "/e/-/" in ended.err
    assert "Traceback" in ended.err, "nothing failed that was not foreseen"
    assert all(one.code == 0 for one in commands), commands
    written = {"output": printed + ended.err} | {f"command {n}": one.out + one.err for n, one in enumerate(commands)}
    found = {name: kept.found_in(text.encode()) for name, text in written.items()}
    for path in command.data_dir.rglob("*"):
        if path.is_file():
            found[path.name] = kept.found_in(path.read_bytes())
    assert "mediaserver.db" in found
    assert {name: what for name, what in found.items() if what} == {}
    # That the search finds what is there.
    assert kept.found_in(f"GET /x?token={token}".encode()) == ["token"]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("DATABASE__URL", f"postgresql://music:{DATABASE_PASSWORD}@127.0.0.1:1/music"),
        ("DATABASE__URL", f"postgresql://music:{DATABASE_PASSWORD}@127.0.0.1:none/music"),
        ("DATABASE__URL", f"postgres//music:{DATABASE_PASSWORD}@127.0.0.1"),
        ("DATABASE__URL", f"postgresql://music:{DATABASE_PASSWORD}@nowhere.invalid/music?sslmode=odd"),
        ("DATABASE__PASSWORD", DATABASE_PASSWORD),
        ("DATABSE__URL", f"postgresql://music:{DATABASE_PASSWORD}@127.0.0.1/music"),
    ],
)
async def test_a_database_that_is_away_or_misspelt_keeps_its_password(
    tmp_path: Path, variable: str, value: str
) -> None:
    command = Command(tmp_path / "data", "")
    settings = {f"MEDIASERVER_{variable}": value, "MEDIASERVER_LOG__LEVEL": "debug"}
    for words in (("serve", "--port", "0"), ("user", "list"), ("check-config",)):
        ended = await command.run(*words, **settings)
        assert ended.code != 0 or words == ("check-config",)
        assert DATABASE_PASSWORD not in ended.out + ended.err, words


@pytest.mark.parametrize(
    "text",
    [
        f'[database]\nurl = "postgresql://music:{DATABASE_PASSWORD}@127.0.0.1:1/music"\n',
        f"[database]\nurl = postgresql://music:{DATABASE_PASSWORD}@127.0.0.1/music\n",
        f'[database]\nurl = ["postgresql://music:{DATABASE_PASSWORD}@127.0.0.1/music"]\n',
        f'[database]\npassword = "{DATABASE_PASSWORD}"\n',
        f'database = "postgresql://music:{DATABASE_PASSWORD}@127.0.0.1/music"\n',
    ],
)
async def test_a_settings_file_that_is_wrong_keeps_its_password(tmp_path: Path, text: str) -> None:
    command = Command(tmp_path / "data", "")
    file = tmp_path / "my.toml"
    file.write_text(text, encoding="utf-8")
    for words in (("serve", "--port", "0"), ("user", "list"), ("check-config",)):
        ended = await command.run(*words, "--config", str(file))
        assert DATABASE_PASSWORD not in ended.out + ended.err, words
