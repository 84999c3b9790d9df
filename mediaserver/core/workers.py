"""CPU and disk work outside the event loop: processes that may crash or hang without harm to the server.

Four pools: `urgent` for what somebody waits to hear, `pictures` for what somebody waits to see, `background` (niced)
for scans, and `analysis` (one process, niced most) for what goes on for days and holds up nothing. The operating
system gives the urgent ones the cores; pictures have processes of their own, so that a wall of covers, or one on a disk
that hangs, never stands before sound. A pool is started by its first task and closed after a quiet while, for its
processes cost memory and its keeper wakes ten times a second; where all have been closed for long, the process goes
that they are forked from (core/forkserver.py).
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from typing import ParamSpec, TypeVar

from pebble import ProcessExpired

from mediaserver.core import forkserver
from mediaserver.core.errors import TookTooLong, Unavailable, WasKilled, WorkerFailed
from mediaserver.core.pool import LATE_S, STOPPING, Pool, PoolStatus
from mediaserver.core.seldom import Seldom
from mediaserver.core.threads import Threads

log = logging.getLogger(__name__)
_seldom = Seldom(log)

P = ParamSpec("P")
R = TypeVar("R")

_PRELOAD = ("av", "numpy")
_AGAIN_S = 1.0  # where the process that workers are forked from did not start
_MOST_ENDINGS = 4  # threads in which processes are begun and ended
_CLOSE_S = 2.0
_LISTENERS_EVERY_S, _LONGEST_YIELD_S = 0.2, 30.0


class Workers:
    """Runs plain functions with picklable arguments in worker processes.

    `processes` is the size of the first three pools, of pictures half of it (0: one per core); `preload` names the
    modules that new processes find imported. A pool is closed after `idle_s` (urgent) or a quarter of it. With
    `rest_s`, the server is without processes so long after the last task or `expect`; only one Workers of a process may
    have it. A task that has no answer `late_s` after its time limit is not waited for.
    """

    def __init__(
        self,
        *,
        processes: int = 0,
        idle_s: float = 60.0,
        rest_s: float = math.inf,
        late_s: float = LATE_S,
        preload: Sequence[str] = (),
    ) -> None:
        size = processes or os.cpu_count() or 1
        self.processes = size
        self._is_closing = False
        self.killed = 0
        """Processes that died, or were ended at their time limit, with a task in their hands."""
        self._deaths_s: deque[float] = deque(maxlen=1000)
        self._rest_s, self._wanted_at_s = rest_s, time.monotonic()
        self._is_ready = False
        self._resting: asyncio.TimerHandle | None = None
        self._changing: asyncio.Future[bool] | None = None
        self._not_before_s = -math.inf
        self._endings = Threads("workers", _MOST_ENDINGS)
        context = forkserver.context([*_PRELOAD, *preload])

        def pool(name: str, processes: int, *, nice: int, idle_s: float) -> Pool:
            on_idle, endings = self._rest_later, self._endings
            return Pool(
                *(name, context, endings), processes=processes, nice=nice, idle_s=idle_s, late_s=late_s, on_idle=on_idle
            )

        self._urgent = pool("urgent", size, nice=0, idle_s=idle_s)
        self._pictures = pool("pictures", max(1, size // 2), nice=5, idle_s=idle_s / 4)
        self._background = pool("background", size, nice=10, idle_s=idle_s / 4)
        self._analysis = pool("analysis", 1, nice=19, idle_s=idle_s / 4)
        self._pools = (self._urgent, self._pictures, self._background, self._analysis)

    def expect(self) -> None:
        """Somebody is there who may want sound soon: what takes long to start is started. Costs next to nothing."""
        self._wanted_at_s = time.monotonic()
        is_soon = self._wanted_at_s < self._not_before_s
        if not self._is_ready and self._changing is None and not self._is_closing and not is_soon:
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

    async def analysis(self, call: Callable[P, R], *args: P.args, timeout_s: float = 300.0) -> R:  # type: ignore[valid-type]
        """Do `call(*args)` when nothing else is to be done at all, one at a time. Raises as `urgent` does."""
        return await self._run(self._analysis, call, args, timeout_s)

    async def _run(self, pool: Pool, call: Callable[..., R], args: tuple[object, ...], timeout_s: float) -> R:
        self._wanted_at_s = time.monotonic()
        while self._changing is not None:
            await asyncio.wait([self._changing])
        if self._is_closing:
            raise WorkerFailed(STOPPING)
        self._is_ready = True
        try:
            return await pool.run(call, args, timeout_s)
        except ProcessExpired as error:
            self._count_death()
            kind = WasKilled if error.exitcode == -signal.SIGKILL else WorkerFailed
            raise kind(f"a worker process died in {call.__name__} (exit code {error.exitcode})") from error
        except TimeoutError as error:
            self._count_death()
            raise TookTooLong(f"{call.__name__} took longer than {timeout_s:g} s and was ended") from error
        except BrokenProcessPool as error:  # its keeper may still read from the pipes that closing has closed
            reason = STOPPING if self._is_closing else f"the workers broke down in {call.__name__}"
            raise WorkerFailed(reason) from error

    def died_within(self, seconds: float) -> int:
        """How many processes died, or were ended at their time limit, at most so long ago."""
        since_s = time.monotonic() - seconds
        return sum(at_s >= since_s for at_s in self._deaths_s)

    def pools(self) -> dict[str, PoolStatus]:
        """How each pool stands."""
        return {pool.name: pool.status() for pool in self._pools}

    async def wait_for_listeners(self) -> None:
        """Until nothing urgent is to be done: at most half a minute, so that what can wait ends some day."""
        waited_s = 0.0
        while self.pools()["urgent"].tasks and waited_s < _LONGEST_YIELD_S:
            waited_s += _LISTENERS_EVERY_S
            await asyncio.sleep(_LISTENERS_EVERY_S)

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

        def failed(error: BaseException) -> None:
            self._not_before_s = time.monotonic() + _AGAIN_S
            _seldom.say(logging.WARNING, "the process that workers are forked from: %s", error)

        def changed(done: asyncio.Future[bool]) -> None:
            self._changing = None
            error = None if done.cancelled() else done.exception()
            if error is not None:
                failed(error)
            elif not done.cancelled():
                self._is_ready = done.result()
            if self._is_ready:
                self._wanted_at_s = time.monotonic()
                self._rest_later()

        try:
            self._changing = asyncio.wrap_future(self._endings.start(change))
        except Unavailable as error:
            failed(error)
            self._resting = asyncio.get_running_loop().call_later(_AGAIN_S, self._rest_later)
        else:
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
            await asyncio.wait([self._changing], timeout=_CLOSE_S)
        await asyncio.gather(*(pool.stop() for pool in self._pools))
