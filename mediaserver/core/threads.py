"""Threads of one's own for calls that may never return: their number is bounded, and the process ends without them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

from mediaserver.core.errors import Unavailable

P = ParamSpec("P")
R = TypeVar("R")

_IDLE_S = 10.0


class Threads:
    """At most `most` at a time; what is more waits its turn. Who has nothing to do ends after a while.

    They are daemons, which nobody joins: those of asyncio and concurrent.futures hold up the end of the process.
    """

    def __init__(self, name: str, most: int, *, now_s: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._most = most
        self._now_s = now_s
        self._jobs: deque[Callable[[], None]] = deque()
        self._changed = threading.Condition()  # jobs and the two counts are of one moment
        self._count = self._free = 0
        self._began_s: dict[int, float] = {}

    def start(self, call: Callable[P, R], *args: P.args, **named: P.kwargs) -> Future[R]:
        """Do `call(...)` in one of them; a future that is cancelled before its turn is never begun.

        Raises Unavailable where there is no thread, and the system gives none.
        """
        future: Future[R] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            me = threading.get_ident()
            self._began_s[me] = self._now_s()
            try:
                result = call(*args, **named)
            except BaseException as error:  # whatever it is, it is for who waits
                future.set_exception(error)
            else:
                future.set_result(result)
            finally:
                del self._began_s[me]

        with self._changed:
            self._jobs.append(work)
            if self._free < len(self._jobs) and self._count < self._most:
                self._one_more()
            else:
                self._changed.notify()
        return future

    def longest_s(self) -> float:
        """For how long the longest of what is being done goes on; 0 where nothing is."""
        began_s = list(self._began_s.values())
        return self._now_s() - min(began_s) if began_s else 0.0

    def _one_more(self) -> None:
        """Raises Unavailable, with the newest job taken back, where nobody would ever come to it."""
        try:
            threading.Thread(target=self._run, name=self._name, daemon=True).start()
        except (RuntimeError, MemoryError) as error:  # out of threads or of memory for one
            if not self._count:
                self._jobs.pop()
                raise Unavailable(f"no thread is to be had: {error}") from error
        else:
            self._count += 1

    def _run(self) -> None:
        while (work := self._next()) is not None:
            work()
            del work  # what it holds is not kept while nothing is to be done

    def _next(self) -> Callable[[], None] | None:
        """The next job; None where none came for a while: then this thread is not counted any more."""
        with self._changed:
            self._free += 1
            self._changed.wait_for(lambda: self._jobs, timeout=_IDLE_S)
            self._free -= 1
            if self._jobs:
                return self._jobs.popleft()
            self._count -= 1
            return None
