"""Notices what changes in the folders, and has just that looked at. Where inotify is not to be had, it polls.

Threads tell changes (`watches`, `mounts`), a pure part decides when a folder is due (`debounce`), `look` takes it.
Nothing here wakes up while nothing happens, but for roots that have to be polled.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from mediaserver.core.clock import Clock
from mediaserver.core.errors import MediaServerError
from mediaserver.core.folders import Beat, FolderAway
from mediaserver.core.seldom import Seldom
from mediaserver.library.debounce import Debouncer, Due, folder_of
from mediaserver.library.look import Looked
from mediaserver.library.mounts import Mount, MountWatch, is_remote, mounts_of
from mediaserver.library.scan import Scanner
from mediaserver.library.status import silent
from mediaserver.library.walk import walk
from mediaserver.library.watching import Limits, Mode, Reason, WatchStatus, limits, told

if TYPE_CHECKING:
    from watchdog.observers.inotify_c import InotifyFD

    from mediaserver.library.watches import Change, Watches

log = logging.getLogger(__name__)
_seldom = Seldom(log)


class Looker(Protocol):
    """Takes in what changed in folders: `library.look`."""

    async def look(self, due: Mapping[Path, Due], settled_for_s: Mapping[Path, float]) -> Looked: ...


POLL_S = 60.0
_RECENT_S = 20.0
"""Where nobody tells that a file is closed, one is taken once it has not changed for so long."""
_AWAY_S = 30.0
_STAND_S = 2.0  # a scan waits so long for the watches
_RETRY_S = 5.0
_SHARE = 100  # a poll computes at most for this part of the time,
_SHARE_WALL = 10  # and waits for its disk at most for this part


@dataclass(slots=True)
class _Root:
    path: Path
    debouncer: Debouncer = field(default_factory=Debouncer)
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
    logged: str = ""
    """Why it was away when that was last logged."""

    @property
    def polls(self) -> bool:
        return self.mode == "polling" or (self.mode == "watching" and self.reason == "remote")


class Watcher:
    def __init__(
        self, scanner: Scanner, looker: Looker, clock: Clock, *, poll_s: float = POLL_S, recent_s: float = _RECENT_S
    ) -> None:
        self._scanner = scanner
        self._looker = looker
        self._clock = clock
        self._poll_s, self._recent_s = poll_s, recent_s
        self._roots: list[_Root] = []
        self._arrived: deque[tuple[_Root, Change]] = deque()
        self._wake = asyncio.Event()
        self._stands = asyncio.Event()
        self._is_told = False
        self._mounts_changed = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._descriptor: InotifyFD | None = None
        self._descriptor_reason: Reason = ""

    def statuses(self) -> list[WatchStatus]:
        """How each root is watched, and what would mend it where it is not."""
        if self._loop is None:
            return [WatchStatus(str(root), "off", "", 0, "", "") for root in self._scanner.roots]
        return [
            told(str(one.path), one.mode, one.reason, one.watches.count if one.watches else 0, one.message, one.limits)
            for one in self._roots
        ]

    async def stand(self) -> None:
        """Until the watches stand, or a little while."""
        try:
            async with asyncio.timeout(_STAND_S):
                await self._stands.wait()
        except TimeoutError:
            log.info("the watches take long to be set: a scan goes ahead")

    async def run(self) -> None:
        """For ever."""
        self._loop = asyncio.get_running_loop()
        self._scanner.on_end = self._scan_ended
        self._scanner.on_unsettled = self._unsettled
        self._roots = [_Root(root) for root in self._scanner.roots]
        mounts = MountWatch(self._on_mounts)
        try:
            await asyncio.to_thread(self._open)
            mounts.start()
            for one in self._roots:
                await self._set_up(one)
            self._stands.set()
            while True:
                self._drain()
                await self._work()
                wait_s = self._wait_s()
                try:
                    async with asyncio.timeout(wait_s):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                self._wake.clear()
        finally:
            self._stands.set()
            await asyncio.shield(asyncio.to_thread(self._close, mounts))

    def _open(self) -> None:
        try:
            from watchdog.observers.inotify_c import InotifyFD

            self._descriptor = InotifyFD()
            self._descriptor.start()
            self._descriptor_reason = ""
        except OSError as error:
            self._descriptor = None
            self._descriptor_reason = "instances" if error.errno == errno.EMFILE else "no-inotify"
        except Exception:  # watchdog says so in its own ways where the system has none
            log.info("there is no inotify here", exc_info=True)
            self._descriptor, self._descriptor_reason = None, "no-inotify"

    def _close(self, mounts: MountWatch) -> None:
        mounts.stop()
        for one in self._roots:
            if one.watches is not None:
                one.watches.fell()
        if self._descriptor is not None:
            self._descriptor.stop()
            self._descriptor.join()

    # What happens ------------------------------------------------------------------------------------------------

    def _tell(self, root: _Root, change: Change) -> None:
        """Called from the threads."""
        self._arrived.append((root, change))
        if not self._is_told:
            self._is_told = True
            self._wake_up()

    def _on_mounts(self) -> None:
        self._mounts_changed = True
        self._wake_up()

    def _wake_up(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake.set)

    def _scan_ended(self) -> None:
        now_s = self._clock.monotonic_s()
        for one in self._roots:
            for folder, is_deep in one.again.items():
                one.debouncer.touch(folder, now_s, is_deep=is_deep)
            one.again.clear()
        self._wake.set()

    def _unsettled(self, root: Path, paths: list[str]) -> None:
        """Files that were being written as a scan or a look read them: again, a little later every time."""
        for one in self._roots:
            if one.path == root:
                delay_s = min(15.0, 0.5 * 2**one.retries)
                one.retries += 1
                for path in paths:
                    one.debouncer.touch(folder_of(path), self._clock.monotonic_s() + delay_s)
        self._wake.set()

    def _drain(self) -> None:
        now_s = self._clock.monotonic_s()
        self._is_told = False  # before the first is taken: what comes now is told anew
        while self._arrived:
            one, change = self._arrived.popleft()
            kind, path = change
            match kind:
                case "writing":
                    one.debouncer.wrote(path, now_s)
                case "closed":
                    one.debouncer.closed(path, now_s)
                    one.retries = 0
                case "changed":
                    one.debouncer.changed(path, now_s)
                case "left":
                    one.debouncer.left(path, now_s, is_folder=False)
                case "folder-left":
                    one.debouncer.left(path, now_s, is_folder=True)
                case "folder":
                    one.debouncer.touch(path, now_s, is_deep=True)
                    one.debouncer.touch(folder_of(path), now_s)
                case "overflow":
                    log.warning("more happened in %s than could be told: it is looked at whole", one.path)
                    self._again(one, now_s)
                case "away":
                    self._again(one, now_s)
                case "out-of-watches":
                    self._give_up(one, "watches", now_s)

    def _again(self, one: _Root, now_s: float) -> None:
        """Set the watches anew, and look at everything."""
        one.debouncer.lost_track()
        one.mode, one.next_s = "starting", now_s

    def _give_up(self, one: _Root, reason: Reason, now_s: float) -> None:
        """Watches are no longer to be had: polling takes over."""
        one.debouncer.lost_track()
        if one.watches is not None:
            one.watches.fell()
        one.watches, one.mode, one.reason, one.limits = None, "polling", reason, limits()
        one.next_s, one.seen = now_s, b""
        log.warning("%s", told(str(one.path), one.mode, reason, 0, "", one.limits).message)

    async def _set_up(self, one: _Root) -> None:
        """Watch a root, or learn why not."""
        is_first = one.mode == "starting" and one.next_s is None
        if one.watches is not None:
            await asyncio.to_thread(one.watches.fell)
            self._drain()
            one.debouncer.lost_track()  # of what the old ones have told to the last
        folders, beat = self._scanner.folders, Beat()
        try:
            one.mounts = await folders.ask(str(one.path), mounts_of, one.path)
        except FolderAway:
            self._away(one, silent(one.path))
            return
        now_s = self._clock.monotonic_s()
        one.watches, one.seen, one.message, one.next_s = None, b"", "", None
        if self._descriptor is None:
            self._give_up(one, self._descriptor_reason, now_s)
        else:
            from mediaserver.library.watches import Watches  # needs inotify

            watches = Watches(self._descriptor, str(one.path), lambda change: self._tell(one, change))
            try:
                await folders.long(str(one.path), beat, watches.plant, beat)
            except FolderAway:  # these watches are left to the thread that sets them
                self._away(one, silent(one.path))
                return
            except OSError as error:
                watches.fell()
                if error.errno == errno.ENOSPC:
                    self._give_up(one, "watches", now_s)
                else:
                    self._away(one, f"{one.path} cannot be listed ({error.strerror}): its tracks are left as they are")
                    return
            else:
                one.watches, one.mode, one.limits = watches, "watching", None
                one.reason = "remote" if any(is_remote(mount.kind) for mount in one.mounts) else ""
                one.next_s = now_s + self._poll_s if one.reason else None
        if self._scanner.walks or not is_first:  # which may have come by before the watches stood
            one.debouncer.touch("", self._clock.monotonic_s() - 1, is_deep=True)

    def _away(self, one: _Root, message: str) -> None:
        if message != one.logged:
            log.warning("%s", message)
        one.mode, one.reason, one.message, one.logged = "away", "away", message, message
        one.next_s = self._clock.monotonic_s() + min(_AWAY_S, self._poll_s)

    # What is done about it ---------------------------------------------------------------------------------------

    async def _work(self) -> None:
        if self._mounts_changed:
            self._mounts_changed = False
            for one in self._roots:
                try:
                    now = await self._scanner.folders.ask(str(one.path), mounts_of, one.path)
                except FolderAway:
                    self._away(one, silent(one.path))
                    continue
                if now != one.mounts:
                    self._again(one, self._clock.monotonic_s())
        for one in self._roots:
            if one.next_s is not None and self._clock.monotonic_s() >= one.next_s:
                await self._turn(one)
        now_s = self._clock.monotonic_s()
        due = {one.path: due for one in self._roots if (due := one.debouncer.take(now_s)) is not None}
        if due:
            polled = [one.path for one in self._roots if one.mode == "polling"]
            await self._look(due, dict.fromkeys(polled, self._recent_s))

    async def _turn(self, one: _Root) -> None:
        """The moment that a root waited for has come."""
        if one.limits is not None and one.limits != limits():
            if self._descriptor is None:
                await asyncio.to_thread(self._open)
            one.mode = "starting"
        if one.mode in ("starting", "away"):
            await self._set_up(one)
        elif one.polls:
            await self._poll(one)

    async def _poll(self, one: _Root) -> None:
        try:
            beat = Beat()
            root = str(one.path)
            seen, computed_s, took_s = await self._scanner.folders.long(root, beat, _glance, root, beat)
        except FolderAway:
            self._away(one, silent(one.path))
            return
        except OSError as error:
            self._away(one, f"{one.path} cannot be listed ({error.strerror}): its tracks are left as they are")
            return
        pause_s = max(self._poll_s, computed_s * _SHARE, took_s * _SHARE_WALL)
        if seen != one.seen:
            one.seen = seen
            one.next_s = None
            await self._look({one.path: Due({"": True}, frozenset())}, {one.path: self._recent_s})
        if one.mode != "away":
            next_s = self._clock.monotonic_s() + pause_s
            one.next_s = next_s if one.next_s is None else min(next_s, one.next_s)

    async def _look(self, due: dict[Path, Due], settled_for_s: dict[Path, float]) -> None:
        roots = {one.path: one for one in self._roots}
        if self._scanner.status().state != "idle":
            for path, one_due in due.items():
                for folder, is_deep in one_due.folders.items():
                    roots[path].again[folder] = roots[path].again.get(folder, False) or is_deep
            # Everything of a root is being read already: twice at once helps nobody.
            due = {path: one_due for path, one_due in due.items() if not one_due.folders.get("")}
            if not due:
                return
        try:
            looked = await self._looker.look(due, settled_for_s)
        except MediaServerError as error:
            _seldom.say(logging.WARNING, "a change could not be taken in and is tried again: %s", error)
            for path, one_due in due.items():
                for folder, is_deep in one_due.folders.items():
                    roots[path].debouncer.touch(folder, self._clock.monotonic_s() + _RETRY_S, is_deep=is_deep)
            return
        for path in due:
            one = roots[path]
            if path in looked.away:
                self._away(one, looked.away[path])
                continue
            if one.logged:
                log.info("%s is back", path)
                one.logged = ""
            if path in looked.unsettled:
                self._unsettled(path, looked.unsettled[path])
            else:
                one.retries = 0
            if path in looked.recent:
                one.seen, one.next_s = b"", self._clock.monotonic_s() + self._recent_s

    def _wait_s(self) -> float | None:
        now_s = self._clock.monotonic_s()
        waits = [one.debouncer.wait_s(now_s) for one in self._roots]
        waits += [max(0.0, one.next_s - now_s) for one in self._roots if one.next_s is not None]
        return min((wait for wait in waits if wait is not None), default=None)


def _glance(root: str, beat: Beat) -> tuple[bytes, float, float]:
    """A digest of everything that a scan would see, and the seconds computed and taken. Raises OSError."""
    began_s, computed_s = time.monotonic(), time.thread_time()
    walked = walk(root, is_stopped=beat)
    digest = hashlib.blake2b(digest_size=16)
    for listed in (walked.files, walked.covers, [problem.path for problem in walked.problems]):
        digest.update(repr(listed).encode("utf-8", "surrogateescape"))
    return digest.digest(), time.thread_time() - computed_s, time.monotonic() - began_s
