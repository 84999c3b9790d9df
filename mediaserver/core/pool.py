"""One pool of worker processes: started by its first task, closed after a quiet while, given up where it is stuck.

pebble has the processes; here stands how many tasks are in their hands at a time. What waits its turn waits on this
side: where a disk hangs, what was cancelled meanwhile never reaches a process, which it would take with it.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import select
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, TypeVar

from pebble import ProcessPool

from mediaserver.core import logs
from mediaserver.core.errors import Unavailable, WorkerFailed
from mediaserver.core.threads import Threads

log = logging.getLogger(__name__)

R = TypeVar("R")
Event = Callable[[], None]

STOPPING = "the server is stopping"
LATE_S = 10.0
"""For a process to start, and for one to be ended at the time limit; whoever is later than this is not expected."""
_GC_THRESHOLD = 20_000
_MOST_MEMORY_BYTES = 1 << 30  # of address space: a hostile file must not take the machine's memory, but fail alone
_TASKS_PER_WORKER = 5000  # a worker is replaced then, so that what a decoder leaks does not grow for ever
_CLOSE_S = 3.0  # the server itself must end within five


def _begin(nice: int, server: int) -> None:
    """In a worker, which ends with the process `server`, whatever it is at: nobody else would end it."""
    threading.Thread(target=_end_with, args=(server,), name="ends-with-server", daemon=True).start()
    logs.show()  # its warnings are lines as all others
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; ending workers is the server's part
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY_BYTES, _MOST_MEMORY_BYTES))
    with suppress(OSError):  # where memory runs out, a worker goes before the server
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD, 20, 50)  # tags are many small objects: collecting seldom saves a tenth of a scan
    if nice:
        os.nice(nice)


def _end_with(server: int) -> None:
    try:
        ended = os.pidfd_open(server)
    except ProcessLookupError:
        os._exit(1)
    except (AttributeError, OSError):  # only Linux has it, from 5.3 on
        return
    select.select([ended], [], [])
    os._exit(1)


@dataclass(frozen=True, slots=True)
class PoolStatus:
    alive: int
    """Processes."""
    tasks: int
    """Being done, or waiting."""


class GivenUp(Exception):
    """The processes that had a task are not expected to answer any more."""


@dataclass(eq=False, slots=True)
class _Opened:
    processes: ProcessPool
    given_up: asyncio.Future[None]
    """Done once nothing is expected of them any more."""


class Pool:
    """`endings` are threads in which processes are ended: it may last, and is never waited for by a task."""

    def __init__(
        self,
        name: str,
        context: ForkServerContext,
        endings: Threads,
        *,
        processes: int,
        nice: int,
        idle_s: float,
        late_s: float,
        on_idle: Event,
    ) -> None:
        self.name = name
        self._context, self._endings, self._on_idle = context, endings, on_idle
        self._processes, self._nice, self._idle_s, self._late_s = processes, nice, idle_s, late_s
        self._turns = asyncio.Semaphore(processes)
        self._opened: _Opened | None = None
        self._tasks = 0
        self._closing: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Future[None]] = set()
        self._is_stopped = False

    async def run(self, call: Callable[..., R], args: tuple[object, ...], timeout_s: float) -> R:
        """`call(*args)`, done in a process; again, once, where another task made the processes be given up.

        Raises what it raises and what pebble does (ProcessExpired, TimeoutError, BrokenProcessPool), GivenUp where no
        answer came at all, WorkerFailed once this is stopped, and Unavailable where no process is to be had.
        """
        self._tasks += 1
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
        try:
            async with self._turns:
                try:
                    return await self._once(call, args, timeout_s, is_last=False)
                except GivenUp:
                    return await self._once(call, args, timeout_s, is_last=True)
        finally:
            self._tasks -= 1
            if self._tasks == 0 and self._opened is not None:
                self._closing = asyncio.get_running_loop().call_later(self._idle_s, self._close_idle)

    def status(self) -> PoolStatus:
        return PoolStatus(len(_processes(self._opened.processes)) if self._opened is not None else 0, self._tasks)

    @property
    def is_closed(self) -> bool:
        """Whether it has no process, none on its way and none on its way out."""
        return self._opened is None and not self._ending

    async def stop(self) -> None:
        """End the processes, also busy ones, within three seconds; who still waits is told WorkerFailed."""
        self._is_stopped = True
        if self._closing is not None:
            self._closing.cancel()
        opened, self._opened = self._opened, None
        if opened is not None:
            self._end(lambda: _end(opened.processes))
        if self._ending:
            _, pending = await asyncio.wait(self._ending, timeout=_CLOSE_S)
            if pending:
                log.warning("the %s workers did not end in time", self.name)
        if opened is not None and not opened.given_up.done():
            opened.given_up.set_result(None)

    async def _once(self, call: Callable[..., R], args: tuple[object, ...], timeout_s: float, *, is_last: bool) -> R:
        try:
            opened = self._open()
            asked: Future[R] = opened.processes.schedule(call, args=args, timeout=timeout_s)
        except (OSError, RuntimeError) as error:  # out of file descriptors, threads or memory
            raise Unavailable(f"no worker process is to be had: {error}") from error
        answer = asyncio.wrap_future(asked)
        try:
            limit_s = timeout_s + self._late_s
            waited: set[asyncio.Future[Any]] = {answer, opened.given_up}
            done, _ = await asyncio.wait(waited, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if answer in done:
                return answer.result()
        finally:
            if not answer.cancel() and not answer.cancelled():
                answer.exception()  # who was cancelled in this very moment does not ask for it
        if self._is_stopped:
            raise WorkerFailed(STOPPING)
        if done and not is_last:
            raise GivenUp
        self._give_up(opened)
        raise WorkerFailed(f"no answer came in {call.__name__}, and its process was given up")

    def _open(self) -> _Opened:
        if self._is_stopped:
            raise WorkerFailed(STOPPING)
        if self._opened is not None and not self._opened.processes.active:  # it broke down, and has told its tasks so
            broken, self._opened = self._opened, None
            self._end(lambda: _kill(broken.processes))
        if self._opened is None:
            processes = ProcessPool(
                max_workers=self._processes,
                max_tasks=_TASKS_PER_WORKER,
                initializer=_begin,
                initargs=(self._nice, os.getpid()),
                context=self._context,
            )
            self._opened = _Opened(processes, asyncio.get_running_loop().create_future())
        return self._opened

    def _give_up(self, opened: _Opened) -> None:
        """Nothing is waited for: its other tasks are done by new processes, and what is left of the old ones ends."""
        if opened.given_up.done():
            return
        log.warning("the %s workers do not answer: others take their place", self.name)
        opened.given_up.set_result(None)
        if self._opened is opened:
            self._opened = None
        self._end(lambda: _kill(opened.processes))

    def _close_idle(self) -> None:
        self._closing = None
        if self._tasks == 0 and self._opened is not None:
            log.debug("closing the idle %s workers", self.name)
            opened, self._opened = self._opened, None
            self._end(lambda: _end(opened.processes))

    def _end(self, end: Callable[[], None]) -> None:
        try:
            ending = asyncio.wrap_future(self._endings.start(end))
        except Unavailable as error:  # their pipes are closed with the last word of them, and they end by that
            log.warning("the %s workers are not ended: %s", self.name, error)
            return
        self._ending.add(ending)
        ending.add_done_callback(self._ended)

    def _ended(self, ending: asyncio.Future[None]) -> None:
        self._ending.discard(ending)
        if not ending.cancelled() and (error := ending.exception()) is not None:
            log.warning("the end of the %s workers: %r", self.name, error)
        self._on_idle()


def _processes(pool: ProcessPool) -> list[BaseProcess]:
    """pebble keeps them to itself; a test notices where it keeps them elsewhere."""
    manager = getattr(pool, "_pool_manager", None)
    return list(getattr(getattr(manager, "worker_manager", None), "workers", {}).values())


def _end(pool: ProcessPool) -> None:
    """End the processes, also busy ones, and wait for them as long as it makes sense (core/forkserver.py)."""
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


def _kill(pool: ProcessPool) -> None:
    """The same of processes whose keeper may be stuck."""
    for process in _processes(pool):
        process.kill()
    _end(pool)
