"""kill -9 at random moments of start, scan, write and encode, again and again: nothing acknowledged is lost.

`Ledger` keeps what the server has acknowledged; what was under way when it was killed may have happened or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests import audio
from tests.faults.houses import LIMIT_S, ROOT, admin_token, ask, process, scanned
from tests.server import PASSWORD

LONGEST_LIFE_S = 1.2
START_S = 0.8
Headers = dict[str, str]


@dataclass(slots=True)
class Ledger:
    """Of every fact the values that it may have now: one where it was acknowledged, two where that was in doubt."""

    ranks: dict[str, set[int | None]] = field(default_factory=dict)
    """By the person's name; None: there is no such person."""
    passwords: dict[str, set[str]] = field(default_factory=dict)
    """By the person's name, of the latest life."""
    secrets: dict[str, set[bool]] = field(default_factory=dict)
    """By the secret of a token or session: whether it lets in."""
    segments: dict[str, str] = field(default_factory=dict)
    """By digest, recipe and file: the SHA-256 of what was served."""
    acknowledged: int = 0


def of_token(secret: str) -> Headers:
    return {"Authorization": f"Bearer {secret}"}


def of_secret(secret: str) -> Headers:
    return of_token(secret) if secret.startswith("ms_") else {"Cookie": f"mediaserver_session={secret}"}


@dataclass(slots=True)
class Life:
    """What goes on in the house between a start and a kill."""

    base: str
    admin: Headers
    ledger: Ledger
    music: Path
    album: Path
    chance: random.Random
    client: aiohttp.ClientSession
    number: int

    async def send(
        self, method: str, path: str, status: int, *, headers: Headers | None = None, body: Any = None
    ) -> Any:
        """The acknowledged answer. Raises aiohttp.ClientError where the server died over it."""
        async with self.client.request(method, self.base + path, headers=headers or self.admin, json=body) as answer:
            read = await answer.read()
            assert answer.status == status, f"{method} {path}: {answer.status} {read!r}"
            self.ledger.acknowledged += method != "GET"
            if "Set-Cookie" in answer.headers:
                return (await answer.json())["csrf"], answer.cookies["mediaserver_session"].value
            return await answer.json() if read else None

    async def people(self) -> None:
        ranks = self.ledger.ranks
        for n in range(1000):
            name = f"person {self.number} {n}"
            ranks[name] = {None, 99}
            made = await self.send("POST", "/api/v1/users", 201, body={"name": name, "password": PASSWORD})
            ranks[name] = {99}
            ranks[name] = {99, 30}
            await self.send("PATCH", f"/api/v1/users/{made['id']}", 200, body={"max_rank": 30})
            ranks[name] = {30}
            if n % 2:
                ranks[name] = {30, None}
                await self.send("DELETE", f"/api/v1/users/{made['id']}", 204)
                ranks[name] = {None}

    async def person(self, name: str) -> int:
        """One of this life alone: a kill amid a sign-in counts as a failure, and who has many of them has to wait."""
        self.ledger.ranks[name] = {None, 99}
        self.ledger.passwords[name] = {PASSWORD}
        made = await self.send("POST", "/api/v1/users", 201, body={"name": name, "password": PASSWORD})
        self.ledger.ranks[name] = {99}
        return int(made["id"])

    async def password(self) -> None:
        name = f"walker {self.number}"
        user_id = await self.person(name)
        for n in range(1000):
            new = f"{PASSWORD} {self.number} {n}"
            self.ledger.passwords[name].add(new)
            await self.send("PATCH", f"/api/v1/users/{user_id}", 200, body={"password": new})
            self.ledger.passwords[name] = {new}

    async def tokens(self) -> None:
        secrets = self.ledger.secrets
        for n in range(1000):
            made = await self.send("POST", "/api/v1/tokens", 201, body={"name": f"{self.number} {n}"})
            secrets[made["token"]] = {True}
            if n % 2:
                secrets[made["token"]] = {True, False}
                await self.send("DELETE", f"/api/v1/tokens/{made['id']}", 204)
                secrets[made["token"]] = {False}

    async def sessions(self) -> None:
        secrets, name = self.ledger.secrets, f"guest {self.number}"
        await self.person(name)
        for n in range(1000):
            csrf, cookie = await self.send("POST", "/api/v1/session", 200, body={"name": name, "password": PASSWORD})
            secrets[cookie] = {True}
            if n % 2:
                secrets[cookie] = {True, False}
                sent = {"Cookie": f"mediaserver_session={cookie}", "X-CSRF-Token": csrf}
                await self.send("DELETE", "/api/v1/session", 204, headers=sent)
                secrets[cookie] = {False}

    async def folders(self) -> None:
        """Albums come, change and go; whole scans beside the watches."""
        for n in range(1000):
            new = self.music / f"{self.number} {n}"
            await asyncio.to_thread(shutil.copytree, self.album, new)
            albums = sorted(path for path in self.music.iterdir() if path.is_dir())
            if len(albums) > 12:
                await asyncio.to_thread(shutil.rmtree, self.chance.choice(albums))
            await self.send("POST", "/api/v1/scan", 202)
            await asyncio.sleep(self.chance.uniform(0.05, 0.2))

    async def listen(self) -> None:
        while True:
            tracks = (await self.send("GET", "/api/v1/tracks?limit=500", 200))["items"]
            track = self.chance.choice(tracks)["id"]
            async with self.client.get(f"{self.base}/api/v1/tracks/{track}/playback", headers=self.admin) as answer:
                if answer.status != 200:  # it was taken away
                    continue
                playback = await answer.json()
            for segment in await segments_of(self.client, self.base, playback, self.chance):
                async with self.client.get(self.base + segment) as answer:
                    body = await answer.read()
                if answer.status == 200:
                    self.served(segment, body)

    def served(self, segment: str, body: bytes) -> None:
        key, digest = segment.split("/", 3)[3], hashlib.sha256(body).hexdigest()
        assert self.ledger.segments.setdefault(key, digest) == digest, f"other bytes under {key}"

    async def until_it_dies(self, seconds: float, server: asyncio.subprocess.Process) -> None:
        doing = [self.people(), self.password(), self.tokens(), self.sessions(), self.folders(), self.listen()]
        tasks = [asyncio.create_task(one) for one in doing]
        await asyncio.sleep(seconds)
        server.send_signal(signal.SIGKILL)
        await server.wait()
        async with asyncio.timeout(LIMIT_S):
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        for one in ended:
            assert isinstance(one, aiohttp.ClientError | OSError), one


async def segments_of(
    client: aiohttp.ClientSession, base: str, playback: dict[str, Any], chance: random.Random
) -> list[str]:
    """Of one quality, as paths."""
    main = playback["hls"][chance.choice(sorted(playback["hls"]))]
    async with client.get(base + main) as answer:
        if answer.status != 200:
            return []
        media = chance.choice([line for line in (await answer.text()).splitlines() if line.startswith("../")])
    folder = f"{main.rsplit('/', 2)[0]}/{media.split('/')[1]}"
    async with client.get(f"{base}{folder}/media.m3u8") as answer:
        lines = (await answer.text()).splitlines() if answer.status == 200 else []
    return [f"{folder}/{line}" for line in lines if line.endswith(".m4s")]


@asynccontextmanager
async def visitor(number: int) -> AsyncIterator[aiohttp.ClientSession]:
    """From an address of its own, for the same reason."""
    connector = aiohttp.TCPConnector(local_addr=(f"127.0.{1 + number // 200}.{1 + number % 200}", 0))
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as client:
        yield client


def check_what_lies_there(data_dir: Path, scratch: Path) -> set[Path]:
    """Before anybody mends it: the database is whole, and so is each segment. Returns what is half-written."""
    database = data_dir / "mediaserver.db"
    if database.exists():  # the copy is recovered, as the next start would do it; the original is left as it was
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        for name in ("mediaserver.db", "mediaserver.db-wal"):
            if (data_dir / name).exists():
                shutil.copyfile(data_dir / name, scratch / name)
        with contextlib.closing(sqlite3.connect(scratch / database.name)) as opened:
            assert opened.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert opened.execute("PRAGMA foreign_key_check").fetchall() == []
    for path in (data_dir / "cache").rglob("*.m4s"):
        raw = path.read_bytes()
        body = raw[12:]
        assert raw[:12] == b"MSC1" + len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big"), path
    return set((data_dir / "cache").rglob("*.part"))


async def check_what_was_acknowledged(life: Life, *, everything: bool) -> None:
    """As the next start tells it; what was in doubt is certain from now on."""
    ledger = life.ledger
    there = {one["name"]: one for one in (await life.send("GET", "/api/v1/users", 200))["items"]}
    for name, ranks in ledger.ranks.items():
        rank = there[name]["max_rank"] if name in there else None
        assert rank in ranks, f"{name} has {rank}, not one of {ranks}"
        ledger.ranks[name] = {rank}
    assert set(there) == {name for name, ranks in ledger.ranks.items() if ranks != {None}} | {"Admin"}
    for secret, answers in list(ledger.secrets.items())[0 if everything else -40 :]:
        async with life.client.get(f"{life.base}/api/v1/me", headers=of_secret(secret)) as answer:
            assert answer.status in (200, 401)
            assert (answer.status == 200) in answers, f"{answer.status}, not one of {answers}"
            ledger.secrets[secret] = {answer.status == 200}
    for name, passwords in ledger.passwords.items():
        right = []
        for password in passwords if name in there else ():
            body = {"name": name, "password": password}
            async with life.client.post(f"{life.base}/api/v1/session", json=body) as answer:
                assert answer.status in (200, 401)
                right += [password] if answer.status == 200 else []
        assert len(right) == (name in there), f"{len(right)} of {len(passwords)} passwords of {name} are right"
    ledger.passwords.clear()


async def kill_while_it_starts(music: Path, data_dir: Path, database_url: str, seconds: float) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDIASERVER_")}
    environment |= {"PYTHONPATH": str(ROOT), "MEDIASERVER_DISCOVERY__ENABLED": "false"}
    if database_url:
        environment["MEDIASERVER_DATABASE__URL"] = database_url
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "mediaserver", "serve", str(music)),
        *("--host", "127.0.0.1", "--port", "0", "--data-dir", str(data_dir)),
        stdout=asyncio.subprocess.DEVNULL,
        env=environment,
    )
    await asyncio.sleep(seconds)
    assert server.returncode is None, "it ended by itself"
    server.kill()
    await server.wait()


async def gone(paths: set[Path]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while any(path.exists() for path in paths):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("rounds", [4, pytest.param(100, marks=pytest.mark.long)])
async def test_kill_9_at_random_moments_loses_nothing_that_was_acknowledged(
    tmp_path: Path, seeded_library: Path, database_url: str, rounds: int
) -> None:
    seed = time.time_ns()
    print(f"\nseed {seed}")  # a failure tells it
    chance, ledger = random.Random(seed), Ledger()
    music, data_dir, album = tmp_path / "music", tmp_path / "data", seeded_library / "Björk" / "Homogenic"
    music.mkdir()
    shutil.copytree(album, music / "first")
    audio.write(music / "long.flac", seconds=30)
    async with process(music, data_dir, database_url) as (_, base, link):
        admin = await admin_token(base, link)
        await scanned(base, admin)
    half: set[Path] = set()
    for number in range(rounds):
        if number % 5 == 4:
            await kill_while_it_starts(music, data_dir, database_url, chance.uniform(0, START_S))
            half |= check_what_lies_there(data_dir, tmp_path / "copy")
        for path in (data_dir / "cache").rglob("*.m4s"):  # what is deleted is made anew
            if chance.random() < 0.3:
                path.unlink()
        async with (
            process(music, data_dir, database_url, has_people=True) as (server, base, _),
            visitor(number) as client,
        ):
            life = Life(base, admin, ledger, music, album, chance, client, number)
            await check_what_was_acknowledged(life, everything=False)
            await gone(half)
            await life.until_it_dies(chance.uniform(0, LONGEST_LIFE_S), server)
        half = check_what_lies_there(data_dir, tmp_path / "copy")
    async with (
        process(music, data_dir, database_url, has_people=True) as (_, base, _link),
        visitor(rounds) as client,
    ):
        life = Life(base, admin, ledger, music, album, chance, client, rounds)
        await check_what_was_acknowledged(life, everything=True)
        await gone(half)
        await scanned(base, admin)
        await ask("POST", f"{base}/api/v1/scan", 202, headers=admin)
        again = await scanned(base, admin)
        assert (again["files_read"], again["last"]["outcome"]) == (0, "done"), "all was taken in by the scan before"
        files = sum(1 for path in music.rglob("*.flac"))
        assert again["files_seen"] == files
        tracks = await all_tracks(life)
        assert sum(not one["missing"] for one in tracks) == files
        served, playbacks = await everything_served(life, tracks)
    aside = {"MEDIASERVER_STREAMING__CACHE_DIR": str(tmp_path / "other")}
    async with process(music, data_dir, database_url, has_people=True, **aside) as (_, base, _link):
        for segment in playbacks:
            async with aiohttp.ClientSession() as client, client.get(base + segment) as answer:
                made = hashlib.sha256(await answer.read()).hexdigest()
            assert served[segment.split("/", 3)[3]] == made, "the cache gave other bytes than are made anew"
    assert len(playbacks) > 20
    print(f"{rounds} kills, {ledger.acknowledged} acknowledged changes, {len(ledger.segments)} segments")


async def all_tracks(life: Life) -> list[Any]:
    items: list[Any] = []
    page = await life.send("GET", "/api/v1/tracks?limit=500", 200)
    items += page["items"]
    while page["next"]:
        page = await life.send("GET", f"/api/v1/tracks?limit=500&cursor={page['next']}", 200)
        items += page["items"]
    return items


async def everything_served(life: Life, tracks: list[Any]) -> tuple[dict[str, str], list[str]]:
    """Every segment of the different sounds, out of the cache that outlived the kills."""
    paths: list[str] = []
    for title in {one["title"] for one in tracks}:
        track = next(one for one in tracks if one["title"] == title and not one["missing"])
        playback = await life.send("GET", f"/api/v1/tracks/{track['id']}/playback", 200)
        for family in sorted(playback["hls"]):
            paths += await segments_of(life.client, life.base, {"hls": {family: playback["hls"][family]}}, life.chance)
    for segment in paths:
        async with life.client.get(life.base + segment) as answer:
            assert answer.status == 200
            life.served(segment, await answer.read())
    return life.ledger.segments, paths
