"""Notices what changes in the folders, and has just that looked at. Where inotify is not to be had, it polls.

Roots are minded side by side: one whose disk hangs keeps none of the others waiting. Threads tell changes (`watches`,
`mounts`), a pure part decides when a folder is due (`debounce`), `look` takes it. Nothing here wakes up while nothing
happens, but for roots that have to be polled.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mediaserver.core.clock import Clock
from mediaserver.core.errors import MediaServerError
from mediaserver.core.folders import Beat, FolderAway
from mediaserver.core.seldom import Seldom
from mediaserver.library.debounce import Due, folder_of
from mediaserver.library.look import Looked
from mediaserver.library.mounts import MountWatch, is_remote, mounts_of
from mediaserver.library.root import Root
from mediaserver.library.scan import Scanner
from mediaserver.library.status import not_listed, silent
from mediaserver.library.walk import glance
from mediaserver.library.watching import Reason, WatchStatus, limits

if TYPE_CHECKING:
    from mediaserver.library.watches import Change, Watches

log = logging.getLogger(__name__)
_seldom = Seldom(log)


class Looker(Protocol):
    """Takes in what changed in folders: `library.look`."""

    async def look(
        self, due: Mapping[Path, Due], settled_for_s: Mapping[Path, float], early: Callable[[Looked], None]
    ) -> Looked: ...


POLL_S = 60.0
_RECENT_S = 20.0
"""Where nobody tells that a file is closed, one is taken once it has not changed for so long."""
_AWAY_S = 30.0
_STAND_S = 2.0  # a scan waits so long for the watches
_RETRY_S = 5.0
_END_S = 1.0  # how long the end waits for watches to be given back
_SHARE = 100  # a poll computes at most for this part of the time,
_SHARE_WALL = 10  # and waits for its disk at most for this part


class Watcher:
    def __init__(
        self, scanner: Scanner, looker: Looker, clock: Clock, *, poll_s: float = POLL_S, recent_s: float = _RECENT_S
    ) -> None:
        self._scanner = scanner
        self._looker = looker
        self._clock = clock
        self._poll_s, self._recent_s = poll_s, recent_s
        self._roots: list[Root] = []
        self._arrived: deque[tuple[Root, Watches, Change]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._looking: asyncio.Task[None] | None = None
        """The look that the next one waits for, so that both ends of a move are seen together."""
        self._wake = asyncio.Event()
        self._stands = asyncio.Event()
        self._is_told = False
        self._mounts_changed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def statuses(self) -> list[WatchStatus]:
        """How each root is watched, and what would mend it where it is not."""
        if self._loop is None:
            return [WatchStatus(str(root), "off", "", 0, "", "") for root in self._scanner.roots]
        return [one.status() for one in self._roots]

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
        self._roots = [Root(root) for root in self._scanner.roots]
        mounts = MountWatch(self._on_mounts)
        try:
            mounts.start()
            setting_up = [self._begin([one], self._set_up(one)) for one in self._roots]
            while True:
                self._drain()
                self._reap()
                if all(task.done() for task in setting_up):
                    self._stands.set()
                self._work()
                try:
                    async with asyncio.timeout(self._wait_s()):
                        await self._wake.wait()
                except TimeoutError:
                    pass
                self._wake.clear()
        finally:
            self._stands.set()
            await asyncio.shield(self._close(mounts))

    def _begin(self, roots: list[Root], work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name="watch:root")
        for one in roots:
            one.task = task
        self._tasks.add(task)
        task.add_done_callback(lambda _: self._wake.set())
        return task

    def _reap(self) -> None:
        """Raises what went wrong in them and nobody foresaw."""
        done = {task for task in self._tasks if task.done()}
        self._tasks -= done
        for one in self._roots:
            if one.task in done:
                one.task = None
        if self._looking in done:
            self._looking = None
        for task in done:
            task.result()

    async def _close(self, mounts: MountWatch) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await asyncio.to_thread(mounts.stop)
        closing = []
        for one in self._roots:
            if one.watches is not None:
                one.watches.abandon()
                closing.append(self._scanner.folders.ask(str(one.path), one.watches.close))
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await asyncio.gather(*closing, return_exceptions=True)

    # What happens ------------------------------------------------------------------------------------------------

    def _tell(self, root: Root, watches: Watches, change: Change) -> None:
        """Called from the threads."""
        self._arrived.append((root, watches, change))
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
            one, watches, (kind, path) = self._arrived.popleft()
            if watches.is_abandoned:  # others stand, or will, and everything is looked at then
                continue
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
                    one.lose()
                case "away":
                    one.lose()
                case "out-of-watches" if one.task is None:
                    one.give_up(self._scanner.folders, "watches", now_s)
                case "out-of-watches":
                    one.lose()  # which will find out

    async def _set_up(self, one: Root) -> None:
        """Watch a root, or learn why not."""
        is_first, one.is_known, one.is_lost = not one.is_known, True, False
        one.drop(self._scanner.folders)
        folders, beat = self._scanner.folders, Beat()
        try:
            one.mounts = await folders.ask(str(one.path), mounts_of, one.path)
        except FolderAway:
            self._away(one, silent(one.path))
            return
        one.seen, one.message, one.next_s = b"", "", None
        watches, reason = await asyncio.to_thread(self._opened, one)
        if watches is None:
            one.give_up(self._scanner.folders, reason, self._clock.monotonic_s())
        else:
            one.watches = watches
            try:
                await folders.long(str(one.path), beat, watches.plant, beat)
            except FolderAway:
                one.drop(self._scanner.folders)
                self._away(one, silent(one.path))
                return
            except OSError as error:
                one.drop(self._scanner.folders)
                if error.errno != errno.ENOSPC:
                    self._away(one, not_listed(one.path, error))
                    return
                one.give_up(self._scanner.folders, "watches", self._clock.monotonic_s())
            else:
                one.mode, one.limits = "watching", None
                one.reason = "remote" if any(is_remote(mount.kind) for mount in one.mounts) else ""
                one.next_s = self._clock.monotonic_s() + self._poll_s if one.reason else None
        if self._scanner.walks or not is_first:  # which may have come by before the watches stood
            one.debouncer.touch("", self._clock.monotonic_s() - 1, is_deep=True)

    def _opened(self, one: Root) -> tuple[Watches | None, Reason]:
        """Watches of its own for a root; None, and why, where there are none."""
        try:
            from mediaserver.library.watches import Watches  # needs inotify

            watches: Watches = Watches(str(one.path), lambda change: self._tell(one, watches, change))
        except OSError as error:
            return None, "instances" if error.errno == errno.EMFILE else "no-inotify"
        except Exception:  # watchdog says so in its own ways where the system has none
            log.info("there is no inotify here", exc_info=True)
            return None, "no-inotify"
        return watches, ""

    def _away(self, one: Root, message: str) -> None:
        one.away(message, self._clock.monotonic_s() + min(_AWAY_S, self._poll_s))

    # What is done about it ---------------------------------------------------------------------------------------

    def _work(self) -> None:
        """Begin what is due of roots about which nothing is being done."""
        if self._mounts_changed:
            self._mounts_changed = False
            for one in self._roots:
                one.mounts_changed = True
        for one in self._free():
            if one.is_lost:
                self._begin([one], self._set_up(one))
            elif one.mounts_changed:
                one.mounts_changed = False
                self._begin([one], self._remount(one))
            elif one.next_s is not None and self._clock.monotonic_s() >= one.next_s:
                self._begin([one], self._turn(one))
        if self._looking is not None:
            return
        now_s = self._clock.monotonic_s()
        due = {one.path: due for one in self._free() if (due := one.debouncer.take(now_s)) is not None}
        if due:
            taken = [one for one in self._roots if one.path in due]
            settled_for_s = {one.path: self._recent_s for one in taken if one.mode == "polling" or one.is_polled}
            for one in taken:
                one.is_polled = False
            self._looking = self._begin(taken, self._look(due, settled_for_s))

    def _free(self) -> list[Root]:
        return [one for one in self._roots if one.task is None]

    async def _remount(self, one: Root) -> None:
        """Something was mounted or unmounted somewhere."""
        try:
            now = await self._scanner.folders.ask(str(one.path), mounts_of, one.path)
        except FolderAway:
            self._away(one, silent(one.path))
            return
        if now != one.mounts:
            one.lose()

    async def _turn(self, one: Root) -> None:
        """The moment that a root waited for has come."""
        if one.limits is not None and one.limits != limits():
            one.mode = "starting"
        if one.mode in ("starting", "away"):
            await self._set_up(one)
        elif one.polls:
            await self._poll(one)

    async def _poll(self, one: Root) -> None:
        try:
            beat = Beat()
            root = str(one.path)
            seen, computed_s, took_s = await self._scanner.folders.long(root, beat, glance, root, beat)
        except FolderAway:
            self._away(one, silent(one.path))
            return
        except OSError as error:
            self._away(one, not_listed(one.path, error))
            return
        now_s = self._clock.monotonic_s()
        one.next_s = now_s + max(self._poll_s, computed_s * _SHARE, took_s * _SHARE_WALL)
        if seen != one.seen:
            one.seen, one.is_polled = seen, True
            one.debouncer.touch("", now_s - 1, is_deep=True)

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
        waiting = dict(due)

        def early(looked: Looked) -> None:
            """The others are waited for here; these are done with, and changes of theirs need not wait."""
            for path in looked.roots:
                del waiting[path]
            for one in self._roots:
                if one.task is mine and one.path not in waiting:
                    one.task = None
            self._looked(roots, looked)
            if self._looking is mine:
                self._looking = None
            self._wake.set()

        mine = asyncio.current_task()
        try:
            self._looked(roots, await self._looker.look(due, settled_for_s, early))
        except MediaServerError as error:
            _seldom.say(logging.WARNING, "a change could not be taken in and is tried again: %s", error)
            for path, one_due in waiting.items():
                for folder, is_deep in one_due.folders.items():
                    roots[path].debouncer.touch(folder, self._clock.monotonic_s() + _RETRY_S, is_deep=is_deep)

    def _looked(self, roots: Mapping[Path, Root], looked: Looked) -> None:
        for path in looked.roots:
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
                again_s = self._clock.monotonic_s() + self._recent_s
                one.seen, one.next_s = b"", again_s if one.next_s is None else min(again_s, one.next_s)

    def _wait_s(self) -> float | None:
        """Until something is due; what is being done wakes up by its end."""
        now_s = self._clock.monotonic_s()
        free = self._free()
        if any(one.is_lost or one.mounts_changed for one in free):
            return 0.0
        waits = [one.debouncer.wait_s(now_s) for one in free] if self._looking is None else []
        waits += [max(0.0, one.next_s - now_s) for one in free if one.next_s is not None]
        return min((wait for wait in waits if wait is not None), default=None)
