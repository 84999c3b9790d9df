"""Threads of one's own for calls that may never return: their number is bounded, and the process ends without them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_IDLE_S = 10.0


class Threads:
    """At most `most` at a time; what is more waits its turn. Who has nothing to do ends after a while.

    They are daemons, which nobody joins: those of asyncio and concurrent.futures hold up the end of the process.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._jobs: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._count = self._free = 0
        self._began_s: dict[int, float] = {}

    def start(self, call: Callable[P, R], *args: P.args, **named: P.kwargs) -> Future[R]:
        """Do `call(...)` in one of them; a future that is cancelled before its turn is never begun."""
        future: Future[R] = Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            me = threading.get_ident()
            self._began_s[me] = time.monotonic()
            try:
                result = call(*args, **named)
            except BaseException as error:  # whatever it is, it is for who waits
                future.set_exception(error)
            else:
                future.set_result(result)
            finally:
                del self._began_s[me]

        with self._lock:
            self._jobs.put(work)
            if self._free < self._jobs.qsize() and self._count < self._most:
                self._count += 1
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
        return future

    def longest_s(self) -> float:
        """For how long the longest of what is being done goes on; 0 where nothing is."""
        began_s = list(self._began_s.values())
        return time.monotonic() - min(began_s) if began_s else 0.0

    def _run(self) -> None:
        while True:
            with self._lock:
                self._free += 1
            try:
                work = self._jobs.get(timeout=_IDLE_S)
            except queue.Empty:
                work = None
            with self._lock:
                self._free -= 1
                if work is None and self._jobs.empty():
                    self._count -= 1
                    return
            if work is not None:
                work()
