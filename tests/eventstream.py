"""Reads a stream of Server-Sent Events as a browser does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Heard:
    kind: str
    """ "comment" for a sign of life, "" for the end of the stream."""
    id: str = ""
    data: Any = None


class Ear:
    """Of one open stream."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer
        self.first = Heard("")

    async def next(self) -> Heard:
        """The next event or comment, whatever it is."""
        fields: dict[str, str] = {}
        async with asyncio.timeout(LIMIT_S):
            while True:
                line = (await self.answer.content.readline()).decode()
                if not line:
                    return Heard("")
                line = line.removesuffix("\n")
                if line.startswith(":"):
                    fields["event"] = "comment"
                elif line:
                    name, _, value = line.partition(": ")
                    fields[name] = value
                elif fields:
                    data = msgspec.json.decode(fields["data"]) if "data" in fields else None
                    return Heard(fields.get("event", "message"), fields.get("id", ""), data)

    async def until(self, *kinds: str) -> Heard:
        """The next of these kinds; fails where the stream ends before."""
        while True:
            heard = await self.next()
            if heard.kind in kinds:
                return heard
            assert heard.kind, f"the stream ended before {kinds}"


@asynccontextmanager
async def listening(
    client: aiohttp.ClientSession, address: str, headers: Mapping[str, str], *, first: str = "ready"
) -> AsyncIterator[Ear]:
    """Open, its first event heard."""
    timeout = aiohttp.ClientTimeout(total=None, sock_read=LIMIT_S)
    async with client.get(address, headers=headers, timeout=timeout) as answer:
        assert answer.status == 200, await answer.text()
        ear = Ear(answer)
        ear.first = await ear.next()
        assert ear.first.kind == first
        yield ear
