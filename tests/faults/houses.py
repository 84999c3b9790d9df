"""Server processes of the tests' own, as a home has them: started, asked, watched and killed from outside."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.server import PASSWORD

ROOT = Path(__file__).parent.parent.parent
START_LIMIT_S = LIMIT_S = 60


@asynccontextmanager
async def process(
    folder: Path,
    data_dir: Path,
    database_url: str,
    *,
    has_people: bool = False,
    more: Sequence[str | Path] = (),
    before: Sequence[str] = (),
    stderr: int | None = None,
    **variables: str,
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, str]]:
    """A server process of its own: the process, its address and its set-up link ("" where `has_people`).

    `before` are words that stand before the command and end in running it, `more` stands behind the folder, and
    `variables` are added to the environment.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDIASERVER_")}
    environment |= {"PYTHONPATH": str(ROOT), "MEDIASERVER_LOG__LEVEL": "warning"}
    environment["MEDIASERVER_DISCOVERY__ENABLED"] = "false"  # the network that the tests run in is left alone
    if database_url:
        environment["MEDIASERVER_DATABASE__URL"] = database_url
    started = await asyncio.create_subprocess_exec(
        *(*before, sys.executable, "-m", "mediaserver", "serve", str(folder), *map(str, more)),
        *("--host", "127.0.0.1", "--port", "0", "--data-dir", str(data_dir)),
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
        env=environment | variables,
    )
    try:
        assert started.stdout is not None
        announced, awaited = "", "http://" if has_people else "setup?link="
        async with asyncio.timeout(START_LIMIT_S):
            while awaited not in announced:
                line = await started.stdout.readline()
                assert line, f"the server ended: {announced}"
                announced += line.decode()
        base = re.findall(r"http://[^/\s]+", announced)[0]
        yield started, base, "" if has_people else re.findall(r"link=(\S+)", announced)[0]
    finally:
        if started.returncode is None:
            started.kill()
        await started.communicate()


async def ask(method: str, url: str, status: int, **options: Any) -> Any:
    async with aiohttp.ClientSession() as client, client.request(method, url, **options) as answer:
        assert answer.status == status, await answer.text()
        return await answer.json() if answer.content_type.endswith("json") else None


async def scanned(base: str, headers: dict[str, str]) -> Any:
    """The state of the scan once there is none going on."""
    async with asyncio.timeout(2 * LIMIT_S):
        while (scan := await ask("GET", f"{base}/api/v1/scan", 200, headers=headers))["state"] != "idle":
            await asyncio.sleep(0.05)
    return scan


async def admin_token(base: str, link: str) -> dict[str, str]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        body = {"link": link, "name": "Admin", "password": PASSWORD}
        async with client.post(f"{base}/api/v1/setup", json=body) as answer:
            csrf = (await answer.json())["csrf"]
        headers = {"X-CSRF-Token": csrf}
        async with client.post(f"{base}/api/v1/tokens", json={"name": "t"}, headers=headers) as answer:
            return {"Authorization": f"Bearer {(await answer.json())['token']}"}


async def segments_of(base: str, playback: dict[str, Any], family: str = "aac") -> list[str]:
    """The addresses in full of all segments of the first quality."""
    main = playback["hls"][family]
    async with aiohttp.ClientSession() as client:
        async with client.get(base + main) as answer:
            media = next(line for line in (await answer.text()).splitlines() if line.startswith("../"))
        folder = f"{base}{main.rsplit('/', 2)[0]}/{media.split('/')[1]}"
        async with client.get(f"{folder}/media.m3u8") as answer:
            return [f"{folder}/{line}" for line in (await answer.text()).splitlines() if line.endswith(".m4s")]


async def digests(segments: list[str]) -> list[str]:
    """What is served there, by their SHA-256."""
    found = []
    async with aiohttp.ClientSession() as client:
        for one in segments:
            async with client.get(one) as answer:
                assert answer.status == 200, await answer.text()
                found.append(hashlib.sha256(await answer.read()).hexdigest())
    return found


async def taken_in(base: str, headers: dict[str, str], title: str) -> None:
    """Wait for a track of this title."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            items = (await ask("GET", f"{base}/api/v1/tracks", 200, headers=headers))["items"]
            if title in {one["title"] for one in items}:
                return
            await asyncio.sleep(0.1)


async def refusal(method: str, url: str, **options: Any) -> str:
    """The words of a 503."""
    async with aiohttp.ClientSession() as client, client.request(method, url, **options) as answer:
        told = await answer.json()
        assert (answer.status, answer.content_type) == (503, "application/problem+json"), told
        assert int(answer.headers["Retry-After"]) > 0
        return str(told["detail"])


def mounted(script: str, *arguments: str | Path) -> list[str]:
    """Words before a command: it runs after `script`, in a view of its own of what is mounted where."""
    owner = [] if os.geteuid() == 0 else ["--map-root-user"]
    apart = ["unshare", "--mount", *owner]
    tried = subprocess.run([*apart, "mount", "-t", "tmpfs", "tmpfs", str(arguments[0])], capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"left out: nothing can be mounted here ({tried.stderr.strip()})")
    follow = f'{script} && shift {len(arguments)} && exec "$@"'
    return [*apart, "sh", "-c", follow, "sh", *map(str, arguments)]


def inside(pid: int, *words: str | Path) -> None:
    """Run in that process's view of what is mounted where."""
    command = ["nsenter", "-t", str(pid), "--mount", *([] if os.geteuid() == 0 else ["--user"]), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


async def status_of(url: str, headers: dict[str, str], body: Any = None) -> int:
    """Of a GET, or of a POST of `body`."""
    method = "GET" if body is None else "POST"
    async with aiohttp.ClientSession() as client, client.request(method, url, json=body, headers=headers) as answer:
        return answer.status


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 16, 1 << 12, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def descendants(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if parent == pid:
                found += [int(entry.name), *descendants(int(entry.name))]
    return found


def is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
