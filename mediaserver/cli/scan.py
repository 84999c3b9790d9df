"""`mediaserver scan`: by the server that runs, or here where none does."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

import msgspec

from mediaserver.cli import problems, progress
from mediaserver.cli.asking import STARTING_S, server
from mediaserver.cli.surroundings import FAILURE, USAGE, again, fail, made_data_dir, settings_of
from mediaserver.core import logs
from mediaserver.core.errors import Conflict
from mediaserver.core.lock import only_one
from mediaserver.core.settings import Settings


async def run(args: argparse.Namespace) -> int:
    """Returns 1 where a folder could not be scanned."""
    settings = settings_of(args)
    if args.problems:
        if args.folders or args.cancel:
            fail("--problems tells of the last scan: leave everything else out", USAGE)
        return await problems.show(args)
    data_dir = made_data_dir(args)
    logs.set_up(settings.log.level)
    if args.cancel:
        return await _cancel(data_dir, args.folders)
    try:
        with only_one(data_dir):
            status = await _here(settings, data_dir, args.folders)
    except Conflict:
        if args.folders:
            fail("a server runs and scans its own folders: leave the folders out", USAGE)
        status = await _by_server(data_dir)
    print(progress.summary(status))
    if status["problems"]:
        print(f"Which, and why: {again(args, 'scan', '--problems')}")
    return FAILURE if status["message"] else 0


async def _here(settings: Settings, data_dir: Path, folders: list[Path]) -> progress.Status:
    from mediaserver import floors, storage  # the whole server: not needed where one runs already
    from mediaserver.cli.folders import checked

    chosen = checked(folders, is_new=storage.is_new(settings.database.url, data_dir))
    async with floors.rooms(settings, data_dir, chosen) as rooms:
        scanner = rooms.library.scanner
        if not scanner.roots:
            fail(f"no server runs in {data_dir}, and it knows no folder: name one, or set library.folders", USAGE)
        scanner.start()

        async def status() -> progress.Status:
            told: dict[str, Any] = msgspec.to_builtins(scanner.status())
            return told

        return await progress.follow(status)


async def _cancel(data_dir: Path, folders: list[Path]) -> int:
    """Returns 1 where the scan does not stop."""
    if folders:
        fail("--cancel stops the scan of all folders: leave them out", USAGE)
    try:
        with only_one(data_dir):
            print("No server runs here, so no scan does.")
            return 0
    except Conflict:
        pass
    async with server(data_dir) as ask:
        before = await ask("GET", "/scan")
        now = await ask("DELETE", "/scan")
        async with asyncio.timeout(STARTING_S):
            while now["state"] != "idle":
                await asyncio.sleep(0.1)
                now = await ask("GET", "/scan")
    if before["state"] == "idle":
        print("No scan runs.")
    else:
        print(f"Cancelled: {now['files_read']:,} files were read and are kept. The next scan goes on from there.")
    return 0


async def _by_server(data_dir: Path) -> progress.Status:
    async with server(data_dir) as ask:
        await ask("POST", "/scan")
        return await progress.follow(lambda: ask("GET", "/scan"))
