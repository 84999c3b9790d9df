"""A whole server on a seeded library, as the tests of the doors use it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from mediaserver import app
from mediaserver.core.settings import Settings

PASSWORD = "correct horse"


@dataclass(frozen=True, slots=True)
class Running:
    server: app.Server
    base: str
    client: aiohttp.ClientSession
    """Of nobody: every test brings its own cookie or token."""
    data_dir: Path

    async def sign_up(self) -> str:
        """The first administrator, through the set-up link; returns a bearer token."""
        body = {"link": self.server.setup_link, "name": "Admin", "password": PASSWORD}
        async with self.client.post(f"{self.base}/api/v1/setup", json=body) as answer:
            assert answer.status == 201, await answer.text()
            csrf = (await answer.json())["csrf"]
            cookie = answer.cookies["mediaserver_session"].value
        headers = {"Cookie": f"mediaserver_session={cookie}", "X-CSRF-Token": csrf}
        return await self._token(headers)

    async def listener(self, by: str, name: str = "Listener", **fields: Any) -> str:
        """A person without rights; returns a bearer token."""
        body = {"name": name, "password": PASSWORD, **fields}
        async with self.client.post(f"{self.base}/api/v1/users", json=body, headers=bearer(by)) as answer:
            assert answer.status == 201, await answer.text()
        return await self.sign_in(name)

    async def sign_in(self, name: str) -> str:
        """A token of somebody who exists."""
        body = {"name": name, "password": PASSWORD}
        async with self.client.post(f"{self.base}/api/v1/session", json=body) as answer:
            assert answer.status == 200, await answer.text()
            csrf = (await answer.json())["csrf"]
            cookie = answer.cookies["mediaserver_session"].value
        return await self._token({"Cookie": f"mediaserver_session={cookie}", "X-CSRF-Token": csrf})

    async def _token(self, headers: dict[str, str]) -> str:
        async with self.client.post(f"{self.base}/api/v1/tokens", json={"name": "test"}, headers=headers) as answer:
            assert answer.status == 201, await answer.text()
            token: str = (await answer.json())["token"]
            return token

    async def json(self, path: str, token: str, *, method: str = "GET", status: int = 200, body: Any = None) -> Any:
        """Ask, expect this status, and return the JSON answer (None without a body)."""
        async with self.client.request(method, self.base + path, headers=bearer(token), json=body) as answer:
            text = await answer.text()
            assert answer.status == status, f"{method} {path}: {answer.status} {text}"
            return msgspec.json.decode(text) if text else None


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def running(folder: Path, data_dir: Path, database_url: str = "", **sections: Any) -> AsyncIterator[Running]:
    """Started, its first scan done. `sections` are settings by section, as in the file."""
    values: dict[str, Any] = {
        "server": {"host": "127.0.0.1", "port": 0},
        "database": {"url": database_url},
        "library": {"worker_processes": 1},
        "loudness": {"measure": False},  # it would change answers between two questions
        **sections,
    }
    settings = msgspec.convert(values, Settings)
    data_dir.mkdir(parents=True, exist_ok=True)
    async with app.running(settings, data_dir, [folder]) as server:
        await server.scanner.wait()
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
            yield Running(server, f"http://127.0.0.1:{server.port}", client, data_dir)
