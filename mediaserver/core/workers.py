"""CPU and disk work outside the event loop: processes that may crash or hang without harm to the server.

Three pools: `urgent` for what somebody waits to hear, `pictures` for what somebody waits to see, `background` (niced)
for scans and analysis. The operating system gives the urgent ones the cores; pictures have processes of their own, so
that a wall of covers, or one on a disk that hangs, never stands before sound. A pool is started by its first task and
closed after a quiet while, for its processes cost memory and its keeper wakes ten times a second; where all have been
closed for long, the process goes that they are forked from (core/forkserver.py).
"""

from __future__ import annotations

import asyncio
import gc
import logging
import math
import os
import resource
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from pebble import CONSTS, ProcessExpired, ProcessPool

from mediaserver.core import forkserver
from mediaserver.core.errors import TookTooLong, Unavailable, WorkerFailed

log = logging.getLogger(__name__)

CONSTS.term_timeout = 1.0  # seconds from SIGTERM to SIGKILL: the server itself must end within five

P = ParamSpec("P")
R = TypeVar("R")
Event = Callable[[], None]

PRELOAD = ("av", "numpy")
GC_THRESHOLD = 20_000
_STOPPING = "the server is stopping"
MOST_MEMORY_BYTES = 1 << 30  # of address space: a hostile file must not take the machine's memory, but fail alone
TASKS_PER_WORKER = 5000  # a worker is replaced then, so that what a decoder leaks does not grow for ever


def _begin(nice: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; ending workers is the server's part
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY_BYTES, MOST_MEMORY_BYTES))
    with suppress(OSError):  # where memory runs out, a worker goes before the server
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 50)  # tags are many small objects: collecting seldom saves a tenth of a scan
    if nice:
        os.nice(nice)


@dataclass(frozen=True, slots=True)
class PoolStatus:
    alive: int
    """Processes."""
    tasks: int
    """Being done, or waiting."""


class _Pool:
    def __init__(
        self, name: str, context: ForkServerContext, *, processes: int, nice: int, idle_s: float, on_idle: Event
    ) -> None:
        self.name = name
        self._context, self._on_idle = context, on_idle
        self._processes, self._nice, self._idle_s = processes, nice, idle_s
        self._pool: ProcessPool | None = None
        self._running = 0
        self._closing: asyncio.TimerHandle | None = None
        self._ending: asyncio.Future[None] | None = None

    def schedule(self, call: Callable[..., R], args: tuple[object, ...], timeout_s: float) -> Future[R]:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None
        if self._pool is None or not self._pool.active:
            self._pool = ProcessPool(
                max_workers=self._processes,
                max_tasks=TASKS_PER_WORKER,
                initializer=_begin,
                initargs=(self._nice,),
                context=self._context,
            )
        self._running += 1
        try:
            future: Future[R] = self._pool.schedule(call, args=args, timeout=timeout_s)
        except BaseException:  # no process or thread was to be had
            self.done()
            raise
        return future

    def status(self) -> PoolStatus:
        # pebble keeps its processes to itself; a test notices where it keeps them elsewhere.
        manager = getattr(self._pool, "_pool_manager", None)
        workers = getattr(getattr(manager, "worker_manager", None), "workers", ())
        return PoolStatus(len(workers), self._running)

    def done(self) -> None:
        self._running -= 1
        if self._running == 0 and self._pool is not None:
            self._closing = asyncio.get_running_loop().call_later(self._idle_s, self._close_idle)

    def _close_idle(self) -> None:
        self._closing = None
        if self._running == 0 and self._pool is not None:
            log.debug("closing the idle %s workers", self.name)
            self._ending = asyncio.get_running_loop().run_in_executor(None, _end, self._pool)
            self._ending.add_done_callback(lambda _: self._on_idle())
            self._pool = None

    @property
    def is_closed(self) -> bool:
        """Whether it has no process, none on its way and none on its way out."""
        return self._pool is None and (self._ending is None or self._ending.done())

    async def stop(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
        if self._ending is not None:
            await self._ending
        if self._pool is not None:
            await asyncio.to_thread(_end, self._pool)
            self._pool = None


def _end(pool: ProcessPool) -> None:
    """End the processes, also busy ones, and wait for them."""
    pool.stop()  # type: ignore[no-untyped-call]
    pool.join()


class Workers:
    """Runs plain functions with picklable arguments in worker processes.

    `processes` is the size of the pools, of pictures half of it (0: one per core); `preload` names the modules that new
    processes find imported. A pool is closed after `idle_s` (urgent) or a quarter of it. With `rest_s`, the
    server is without processes so long after the last task or `expect`; only one Workers of a process may have it.
    """

    def __init__(
        self, *, processes: int = 0, idle_s: float = 60.0, rest_s: float = math.inf, preload: Sequence[str] = ()
    ) -> None:
        size = processes or os.cpu_count() or 1
        self.processes = size
        self._waiting: set[asyncio.Future[Any]] = set()
        self._is_closing = False
        self.killed = 0
        """Processes that died, or were ended at their time limit, with a task in their hands."""
        self._deaths_s: deque[float] = deque(maxlen=1000)
        self._rest_s, self._wanted_at_s = rest_s, time.monotonic()
        self._is_ready = False
        self._resting: asyncio.TimerHandle | None = None
        self._changing: asyncio.Future[bool] | None = None
        context = forkserver.context([*PRELOAD, *preload])

        def pool(name: str, processes: int, *, nice: int, idle_s: float) -> _Pool:
            return _Pool(name, context, processes=processes, nice=nice, idle_s=idle_s, on_idle=self._rest_later)

        self._urgent = pool("urgent", size, nice=0, idle_s=idle_s)
        self._pictures = pool("pictures", max(1, size // 2), nice=5, idle_s=idle_s / 4)
        self._background = pool("background", size, nice=10, idle_s=idle_s / 4)
        self._pools = (self._urgent, self._pictures, self._background)

    def expect(self) -> None:
        """Somebody is there who may want sound soon: what takes long to start is started. Costs next to nothing."""
        self._wanted_at_s = time.monotonic()
        if not self._is_ready and self._changing is None and not self._is_closing:
            self._change(forkserver.start)

    async def urgent(self, call: Callable[P, R], *args: P.args, timeout_s: float = 30.0) -> R:  # type: ignore[valid-type]
        """Do `call(*args)` at once.

        Raises what it raises; WorkerFailed if the process dies or hangs; Unavailable where none is to be had.
        """
        return await self._run(self._urgent, call, args, timeout_s)

    async def pictures(self, call: Callable[P, R], *args: P.args, timeout_s: float = 30.0) -> R:  # type: ignore[valid-type]
        """Do `call(*args)` beside the sound, never before it. Raises as `urgent` does."""
        return await self._run(self._pictures, call, args, timeout_s)

    async def background(self, call: Callable[P, R], *args: P.args, timeout_s: float = 300.0) -> R:  # type: ignore[valid-type]
        """Do `call(*args)` when the cores are not wanted elsewhere. Raises as `urgent` does."""
        return await self._run(self._background, call, args, timeout_s)

    async def _run(self, pool: _Pool, call: Callable[..., R], args: tuple[object, ...], timeout_s: float) -> R:
        self._wanted_at_s = time.monotonic()
        while self._changing is not None:
            await asyncio.wait([self._changing])
        if self._is_closing:
            raise WorkerFailed(_STOPPING)
        self._is_ready = True
        try:
            future = asyncio.wrap_future(pool.schedule(call, args, timeout_s))
        except (OSError, RuntimeError) as error:  # out of file descriptors, threads or memory
            raise Unavailable(f"no worker process is to be had: {error}") from error
        self._waiting.add(future)
        try:
            return await future
        except ProcessExpired as error:
            self._count_death()
            raise WorkerFailed(f"a worker process died in {call.__name__} (exit code {error.exitcode})") from error
        except TimeoutError as error:
            self._count_death()
            raise TookTooLong(f"{call.__name__} took longer than {timeout_s:g} s and was ended") from error
        except BrokenProcessPool as error:  # its keeper may still read from the pipes that closing has closed
            reason = _STOPPING if self._is_closing else f"the workers broke down in {call.__name__}"
            raise WorkerFailed(reason) from error
        finally:
            self._waiting.discard(future)
            pool.done()

    def died_within(self, seconds: float) -> int:
        """How many processes died, or were ended at their time limit, at most so long ago."""
        since_s = time.monotonic() - seconds
        return sum(at_s >= since_s for at_s in self._deaths_s)

    def pools(self) -> dict[str, PoolStatus]:
        """How each pool stands."""
        return {pool.name: pool.status() for pool in self._pools}

    def _rest_later(self) -> None:
        """Rest once nobody has wanted anything for long enough."""
        if self._resting is not None:
            self._resting.cancel()
            self._resting = None
        if self._is_closing or not self._is_ready or not all(pool.is_closed for pool in self._pools):
            return  # the last one to be closed comes here again
        left_s = self._wanted_at_s + self._rest_s - time.monotonic()
        if left_s > 0:
            if left_s < math.inf:
                self._resting = asyncio.get_running_loop().call_later(left_s, self._rest_later)
        elif self._changing is None:
            log.debug("nobody is there: the process that workers are forked from is ended")
            self._change(lambda: not forkserver.end())

    def _change(self, change: Callable[[], bool]) -> None:
        """`change` is run in a thread, and says whether the process is there then. What is asked meanwhile waits."""

        def changed(done: asyncio.Future[bool]) -> None:
            self._changing = None
            error = None if done.cancelled() else done.exception()
            if error is not None:
                log.warning("the process that workers are forked from: %s", error)
            elif not done.cancelled():
                self._is_ready = done.result()
            if self._is_ready:
                self._wanted_at_s = time.monotonic()
                self._rest_later()

        self._changing = asyncio.get_running_loop().run_in_executor(None, change)
        self._changing.add_done_callback(changed)

    def _count_death(self) -> None:
        self.killed += 1
        self._deaths_s.append(time.monotonic())

    async def close(self) -> None:
        """End all processes, also busy ones; who still waits for one is told WorkerFailed."""
        self._is_closing = True
        if self._resting is not None:
            self._resting.cancel()
        if self._changing is not None:
            await asyncio.wait([self._changing])
        await asyncio.gather(*(pool.stop() for pool in self._pools))
        for future in self._waiting:
            if not future.done():
                future.set_exception(WorkerFailed(_STOPPING))
