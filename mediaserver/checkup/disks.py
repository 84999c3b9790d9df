"""Watches the room on the disks while the server runs, so that it is told before it hurts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from mediaserver.checkup import disk
from mediaserver.checkup.disk import Space
from mediaserver.checkup.findings import Finding, State

log = logging.getLogger(__name__)

LOOK_EVERY_S = 180.0
_LEVELS: Mapping[State, int] = {"ok": logging.INFO, "warning": logging.WARNING, "bad": logging.ERROR}


class Disks:
    """`places`: what lies where, as {"Disk": data_dir}. Those on one file system are told once."""

    def __init__(self, places: Mapping[str, Path], look: Callable[[Path], Space | None] = disk.look) -> None:
        self._places = places
        self._look = look
        self._before: dict[str, State] = {}
        self.found: list[Finding] = []
        """As last looked at."""

    async def run(self) -> None:
        """Without end, a look every three minutes; nothing is written."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> list[Finding]:
        """Now. What has become worse or better is logged."""
        # In a thread: a network drive that is gone lets one wait.
        spaces = await asyncio.to_thread(lambda: {name: self._look(path) for name, path in self._places.items()})
        found, devices = [], set()
        for name, path in self._places.items():
            space = spaces[name]
            if space is not None and space.device in devices:
                continue
            devices.add(space.device if space is not None else None)
            one = disk.judged(name, path, space, self._before.get(name, "ok"))
            if one.state != self._before.get(name, "ok"):
                back = "" if one.state != "ok" else ": there is room again"
                log.log(_LEVELS[one.state], "%s%s", one.told, back, extra={"disk": name, "state": one.state})
            self._before[name] = one.state
            found.append(one)
        self.found = found
        return found

    def warnings(self) -> list[str]:
        """For everybody: without paths and figures."""
        told = {"warning": "A disk is almost full.", "bad": "A disk is full or cannot be written."}
        return list(dict.fromkeys(told[one.state] for one in self.found if one.state != "ok"))
