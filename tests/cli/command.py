"""The command as a person runs it: a process of its own, with a data directory of its own."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

_LIMIT_S = 90.0


@dataclass(frozen=True, slots=True)
class Ended:
    code: int | None
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class Served:
    process: asyncio.subprocess.Process
    out: str
    """What it printed until it answered."""

    @property
    def base(self) -> str:
        port = re.search(r"(https?)://\S+?:(\d+)", self.out)
        assert port is not None, self.out
        return f"{port[1]}://127.0.0.1:{port[2]}"

    async def stopped(self, number: signal.Signals = signal.SIGTERM) -> Ended:
        """Send the signal and wait for the end."""
        self.process.send_signal(number)
        async with asyncio.timeout(_LIMIT_S):
            out, err = await self.process.communicate()
        return Ended(self.process.returncode, out.decode(), err.decode())


@dataclass(frozen=True, slots=True)
class Command:
    data_dir: Path
    database_url: str
    program: tuple[str, ...] = (sys.executable, "-m", "mediaserver")
    folder: str | None = None
    """Where it is started; None: here."""

    async def run(self, *arguments: str | Path, stdin: bytes = b"", **variables: str) -> Ended:
        """Run `mediaserver ARGUMENTS --data-dir DIR` to its end. `variables` are added to the environment."""
        process = await self._started(arguments, variables)
        async with asyncio.timeout(_LIMIT_S):
            out, err = await process.communicate(stdin)
        return Ended(process.returncode, out.decode(), err.decode())

    @asynccontextmanager
    async def serving(self, *arguments: str | Path, **variables: str) -> AsyncIterator[Served]:
        """A server on a free port, from the moment it has said where it is and how its first scan went."""
        process = await self._started(("serve", "--port", "0", *arguments), variables)
        assert process.stdout is not None
        out = ""
        try:
            async with asyncio.timeout(_LIMIT_S):
                while not re.search(r"^(Scanned:|No folder)", out, re.M):
                    line = await process.stdout.readline()
                    if not line:
                        _, err = await process.communicate()
                        raise AssertionError(f"the server ended: {out}{err.decode()}")
                    out += line.decode()
            yield Served(process, out)
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()

    async def _started(
        self, arguments: tuple[str | Path, ...], variables: dict[str, str]
    ) -> asyncio.subprocess.Process:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDIASERVER_")}
        environment["MEDIASERVER_DISCOVERY__ENABLED"] = "false"  # the network that the tests run in is left alone
        if self.database_url:
            environment["MEDIASERVER_DATABASE__URL"] = self.database_url
        words = [str(argument) for argument in arguments]
        return await asyncio.create_subprocess_exec(
            *(*self.program, *words, "--data-dir", str(self.data_dir)),
            cwd=self.folder,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**environment, "PYTHONUNBUFFERED": "1", **variables},
        )
