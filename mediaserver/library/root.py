"""A root folder as it is minded: its watches, what waits to be looked at, and when it is polled or tried again."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mediaserver.core.folders import Folders
from mediaserver.library.debounce import Debouncer
from mediaserver.library.mounts import Mount
from mediaserver.library.watching import Limits, Mode, Reason, WatchStatus, limits, told

if TYPE_CHECKING:
    from mediaserver.library.watches import Watches

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Root:
    path: Path
    debouncer: Debouncer = field(default_factory=Debouncer)
    is_polled: bool = False
    """Whether a poll wants it looked at: what is young may be unfinished then."""
    mode: Mode = "starting"
    reason: Reason = ""
    message: str = ""
    watches: Watches | None = None
    mounts: list[Mount] = field(default_factory=list)
    next_s: float | None = None
    """When it is polled, or tried again, next."""
    seen: bytes = b""
    """A digest of what the last poll saw."""
    limits: Limits | None = None
    """As they were when inotify ran out of watches."""
    again: dict[str, bool] = field(default_factory=dict)
    """Folders that were looked at while a scan ran, which may have seen them earlier: once more when it is over."""
    retries: int = 0
    is_known: bool = False
    """Whether it was set up, or tried to be, before."""
    is_lost: bool = False
    """Whether its watches are to be set anew, and everything looked at."""
    mounts_changed: bool = False
    task: asyncio.Task[None] | None = None
    """What is being done about it: one thing at a time."""
    logged: str = ""
    """Why it was away when that was last logged."""

    @property
    def polls(self) -> bool:
        return self.mode == "polling" or (self.mode == "watching" and self.reason == "remote")

    def status(self) -> WatchStatus:
        folders = self.watches.count if self.watches is not None else 0
        return told(str(self.path), self.mode, self.reason, folders, self.message, self.limits)

    def lose(self) -> None:
        """Something was not told: the watches are set anew, and everything is looked at."""
        self.debouncer.lost_track()
        self.mode, self.is_lost = "starting", True

    def drop(self, folders: Folders) -> None:
        """Its watches are given back as soon as its disk lets one; nothing that they tell counts from now on."""
        watches, self.watches = self.watches, None
        if watches is not None:
            watches.abandon()
            folders.later(str(self.path), watches.close)
            self.debouncer.lost_track()

    def give_up(self, folders: Folders, reason: Reason, now_s: float) -> None:
        """Watches are not to be had, or no longer: polling takes over."""
        self.debouncer.lost_track()
        self.drop(folders)
        self.mode, self.reason, self.limits = "polling", reason, limits()
        self.next_s, self.seen = now_s, b""
        log.warning("%s", self.status().message)

    def away(self, message: str, next_s: float) -> None:
        """It is not there, or does not answer; it is tried again at `next_s`."""
        if message != self.logged:
            log.warning("%s", message)
        self.mode, self.reason, self.message, self.logged = "away", "away", message, message
        self.next_s = next_s
