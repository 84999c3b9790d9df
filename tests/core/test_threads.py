from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from mediaserver.core.errors import Unavailable
from mediaserver.core.threads import Threads
from tests.clock import FakeClock

LIMIT_S = 60


@contextmanager
def no_thread_to_be_had() -> Iterator[None]:
    """The stack of a new one would be larger than all memory that can be addressed."""
    before = threading.stack_size(1 << 50)
    try:
        yield
    finally:
        threading.stack_size(before)


def test_where_the_system_gives_no_thread_it_is_told_and_passes() -> None:
    threads = Threads("test", 2)
    with no_thread_to_be_had():
        for _ in range(5):
            with pytest.raises(Unavailable, match="no thread"):
                threads.start(max, 1, 2)
    assert threads.start(max, 1, 2).result(LIMIT_S) == 2
    assert threads.start(max, 3, 2).result(LIMIT_S) == 3


def test_where_the_system_gives_no_further_thread_those_that_are_there_do_all_of_it() -> None:
    threads, goes = Threads("test", 4), threading.Event()
    first = threads.start(goes.wait, LIMIT_S)
    with no_thread_to_be_had():
        second = threads.start(max, 1, 2)
    goes.set()
    assert first.result(LIMIT_S)
    assert second.result(LIMIT_S) == 2


def test_a_job_never_waits_for_one_that_hangs_while_there_may_be_more_threads() -> None:
    """A thread that has been woken and has not come to its job yet is not free for another one."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for turn in range(1500):
            threads, hangs, done = Threads("test", 2), threading.Event(), threading.Event()
            threads.start(max, 1, 2).result(LIMIT_S)
            time.sleep(0.001)  # it is free by now, or the next job finds another thread: both are well
            held = threads.start(hangs.wait, LIMIT_S)
            for _ in range(turn % 40):  # until the free one stands between waking and its job
                pass
            threads.start(done.set)
            is_done = done.wait(LIMIT_S / 6)
            hangs.set()
            assert is_done, "it waited for the one that hangs"
            held.result(LIMIT_S)
    finally:
        sys.setswitchinterval(before_s)


def test_there_are_never_more_than_were_allowed_and_what_is_cancelled_is_never_begun() -> None:
    threads, goes, before = Threads("test", 3), threading.Event(), threading.active_count()
    begun: list[int] = []
    held = [threads.start(goes.wait, LIMIT_S) for _ in range(3)]
    waits = [threads.start(begun.append, number) for number in range(10)]
    assert threading.active_count() - before <= 3
    assert waits[4].cancel()
    goes.set()
    assert all(one.result(LIMIT_S) for one in held)
    for number in (0, 1, 2, 3, 5, 6, 7, 8, 9):
        waits[number].result(LIMIT_S)
    assert sorted(begun) == [0, 1, 2, 3, 5, 6, 7, 8, 9]


def test_how_long_the_longest_goes_on_is_told() -> None:
    clock, goes = FakeClock(), threading.Event()
    threads = Threads("test", 2, now_s=clock.monotonic_s)
    assert threads.longest_s() == 0
    held = threads.start(goes.wait, LIMIT_S)
    deadline_s = time.monotonic() + LIMIT_S
    while not held.running() and time.monotonic() < deadline_s:
        time.sleep(0.001)
    clock.advance(seconds=7)
    threads.start(max, 1, 2).result(LIMIT_S)
    assert threads.longest_s() == 7
    goes.set()
    held.result(LIMIT_S)
