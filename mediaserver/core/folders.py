"""The folders of music, whose disks may hang or go away. Their files are asked here, with patience.

A network drive whose server is gone, or a disk that dies, holds whoever asks it for minutes or for ever. The threads of
the event loop serve everybody, and so each folder has a few of its own: where they are held, who asks is told so, and
the music of other folders, the cache and everything else go on. It is well again by itself once the disk answers.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from mediaserver.core.errors import MediaServerError, Unavailable
from mediaserver.core.seldom import Seldom
from mediaserver.core.threads import Threads

log = logging.getLogger(__name__)
_seldom = Seldom(log)

P = ParamSpec("P")
R = TypeVar("R")

PATIENCE_S = 10.0
"""A disk that slept turns again within less; players wait longer."""
SILENCE_S = 60.0
"""What reads a whole folder may take long, but not as long as this for a single step."""
_MOST_AT_ONCE = 4
_LOOK_EVERY_S = 5.0
_CLEAN_S = 1.0
_GRAIN_S = 0.001  # of what timers are exact to
_AWAY = "the folder of this music is away: is its disk mounted?"
_HANGS = "the disk of this music does not answer"


class FolderAway(Unavailable):
    """The folder that a file lies in is not mounted, or its disk does not answer: nothing is said of the file."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_s=10)


class Beat:
    """Told by something long, from its thread, that it goes on; who waits for it tells that nobody does any more."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._at_s = math.inf
        self.is_given_up = False

    def __call__(self) -> bool:
        """Whether nobody waits for it any more, which is what a walk wants to hear: it is stopped then."""
        self._at_s = self._now_s()
        return self.is_given_up

    @property
    def has_begun(self) -> bool:
        return self._at_s < math.inf

    def silent_s(self) -> float:
        """For how long nothing was heard of it; below 0 before its turn has come."""
        return self._now_s() - self._at_s

    def rest(self) -> None:
        """Its turn is still to come."""
        self._at_s, self.is_given_up = math.inf, False


class _Folder:
    def __init__(self, root: str, patience_s: float, silence_s: float, now_s: Callable[[], float]) -> None:
        self.root = root
        self.hanging = asyncio.Event()
        """Set from the moment in which it is known that the disk does not answer."""
        self._patience_s, self._silence_s = patience_s, silence_s
        self._short = Threads("folder", _MOST_AT_ONCE, now_s=now_s)
        self._long = Threads("folder-long", _MOST_AT_ONCE, now_s=now_s)
        self._out: dict[Future[Any], Beat] = {}

    def hangs(self) -> bool:
        """Whether somebody waits for it longer than one waits; also those count whom nobody waits for any more."""
        out = list(self._out.values())
        hangs = any(map(self._is_silent, out)) or self._short.longest_s() > self._patience_s
        if hangs is not self.hanging.is_set():
            log.warning("the disk of %s %s", self.root, "does not answer" if hangs else "answers again")
            if hangs:
                self.hanging.set()
            else:
                self.hanging.clear()
        return hangs

    async def ask(self, call: Callable[[], R]) -> R:
        if self.hangs():
            raise FolderAway(_HANGS)
        waiting = asyncio.wrap_future(self._short.start(call))
        try:
            done, _ = await asyncio.wait({waiting}, timeout=self._patience_s + _GRAIN_S)
            if done:
                return waiting.result()
        finally:
            waiting.cancel()  # where its turn has not come, it is not begun any more
        self.hangs()
        raise FolderAway(_HANGS)

    def later(self, call: Callable[[], object]) -> None:
        def told() -> None:
            try:
                call()
            except Exception as error:  # nobody waits who could be told
                _seldom.say(logging.WARNING, "what was left for later at %s failed: %r", self.root, error)

        try:
            self._short.start(told)
        except Unavailable as error:
            _seldom.say(logging.WARNING, "what was left for later at %s is not done: %s", self.root, error)

    async def long(self, call: Callable[[], R], beat: Beat) -> R:
        if self.hangs():
            raise FolderAway(_HANGS)
        beat.rest()

        def begun() -> R:
            beat()
            return call()

        asked = self._long.start(begun)
        self._out[asked] = beat
        asked.add_done_callback(self._out.pop)
        waiting = asyncio.wrap_future(asked)
        try:
            while not (self._is_silent(beat) or (not beat.has_begun and self.hangs())):
                left_s = self._silence_s - max(beat.silent_s(), 0.0)
                done, _ = await asyncio.wait({waiting}, timeout=left_s + _GRAIN_S)
                if done:
                    return waiting.result()
        finally:
            beat.is_given_up = not waiting.done()  # whatever the reason: its result is for nobody
            waiting.cancel()
        self.hangs()
        raise FolderAway(_HANGS)

    def _is_silent(self, beat: Beat) -> bool:
        return beat.silent_s() > self._silence_s


class Folders:
    """`roots` are absolute, without links. A path outside of all of them is asked beside them."""

    def __init__(
        self,
        roots: Sequence[Path] = (),
        *,
        patience_s: float = PATIENCE_S,
        silence_s: float = SILENCE_S,
        look_every_s: float = _LOOK_EVERY_S,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_every_s = look_every_s

        def folder(root: str) -> _Folder:
            return _Folder(root, patience_s, silence_s, now_s)

        self._by_root = {f"{str(root).rstrip('/')}/": folder(str(root)) for root in roots}
        self._elsewhere = folder("")

    async def ask(self, path: str, call: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        """Do `call(...)`, which asks for `path` or something below it and takes a moment, in a thread.

        Raises what it raises, and FolderAway where the disk does not answer.
        """
        return await self._of(path).ask(lambda: call(*args, **named))

    async def long(self, path: str, beat: Beat, call: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
        """The same for what may take as long as it likes, as long as it calls `beat` at least once in SILENCE_S.

        Where nobody waits for it any more, `beat()` says True, and it should end.
        """
        return await self._of(path).long(lambda: call(*args, **named), beat)

    async def check(self, path: str) -> None:
        """Raises FolderAway where the folder of `path` is not there, is empty, or does not answer."""
        folder = self._of(path)
        if folder is not self._elsewhere:
            try:
                is_there = await folder.ask(lambda: _is_there(folder.root, path))
            except OSError as error:
                raise FolderAway(_AWAY) from error
            if not is_there:
                raise FolderAway(_AWAY)

    def later(self, path: str, call: Callable[[], object]) -> None:
        """Do `call()`, which asks for `path`, whenever its disk lets one: nobody waits for it."""
        self._of(path).later(call)

    def must_answer(self, path: str) -> None:
        """Raises FolderAway where it is known already that the disk of `path` does not answer. Does not ask it."""
        if self._of(path).hangs():
            raise FolderAway(_HANGS)

    async def guard(self, path: str, working: Coroutine[Any, Any, R]) -> R:
        """The result of `working`, which reads the file `path` in another process, for as long as its disk answers.

        Raises what it raises. Where the disk hangs, it is cancelled and FolderAway is raised, once it has cleaned up
        or has had _CLEAN_S for it.
        """
        folder, task = self._of(path), asyncio.ensure_future(working)
        task.add_done_callback(_heard)
        hangs = asyncio.ensure_future(folder.hanging.wait())
        try:
            while True:
                await asyncio.wait({task, hangs}, timeout=self._look_every_s, return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    return task.result()
                try:
                    await self.ask(path, _opened, path)
                except OSError:
                    pass  # who reads it will say so too
                except FolderAway:
                    if not task.done():
                        raise
        finally:
            hangs.cancel()
            task.cancel()
            if not task.done():
                await asyncio.wait({task}, timeout=_CLEAN_S)

    async def reading(self, path: str, working: Coroutine[Any, Any, R]) -> R:
        """The same for what blames the file where it fails: FolderAway instead, where its disk is known not to answer,
        hangs meanwhile, or is not there by the time of the failure.
        """
        try:
            self.must_answer(path)
        except FolderAway:
            working.close()
            raise
        try:
            return await self.guard(path, working)
        except FolderAway:
            raise
        except (MediaServerError, OSError, MemoryError):
            await self.check(path)
            raise

    def _of(self, path: str) -> _Folder:
        below = f"{path}/"
        held = [root for root in self._by_root if below.startswith(root)]
        return self._by_root[max(held, key=len)] if held else self._elsewhere


def _heard(done: asyncio.Future[Any]) -> None:
    """Who does not wait any more has been told something else than how this failed."""
    if not done.cancelled():
        done.exception()


def node(path: Path) -> tuple[int, int]:
    """Which folder lies there: another one once something is mounted or unmounted. Raises OSError."""
    status = path.stat()
    return status.st_dev, status.st_ino


def _is_there(root: str, path: str) -> bool:
    """Whether there is anything in the root. Raises OSError where it cannot be listed; a disk that hangs hangs here."""
    with suppress(OSError):
        _opened(path)
    with os.scandir(root) as listing:
        return next(listing, None) is not None


def _opened(path: str) -> None:
    """Opening asks the other side even where looks are remembered (NFS, FUSE)."""
    os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
