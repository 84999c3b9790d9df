from __future__ import annotations

import asyncio
import io
import logging
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import active_children, get_context
from pathlib import Path

import pytest

from mediaserver.core.errors import Damaged, Unavailable, WorkerFailed
from mediaserver.core.workers import Workers
from tests.core.test_threads import no_thread_to_be_had
from tests.drives import ON_ANOTHER, drives, held_for_good, needs_fuse, stop
from tests.faults.houses import mounted


def double(number: int) -> int:
    return 2 * number


def niceness() -> int:
    return os.nice(0)


def die() -> None:
    time.sleep(0.5)  # in the midst of its work, as a decoder does: the pool's keeper has heard by then who has it
    os._exit(9)


def slowly() -> int:
    time.sleep(0.3)
    return os.getpid()


def hang(begun: Path | None = None) -> None:
    if begun is not None:
        begun.touch()
    time.sleep(600)


def refuse() -> None:
    raise Damaged("not audio")


async def test_work_is_done_in_other_processes_and_background_work_is_niced(workers: Workers) -> None:
    assert await workers.urgent(double, 21) == 42
    assert await workers.urgent(os.getpid) != os.getpid()
    assert await workers.background(niceness) == min(19, await workers.urgent(niceness) + 10)  # 19 is the nicest


def warn() -> str:
    sys.stderr = io.StringIO()
    logging.getLogger("some.room").warning("a file\nis broken")
    return sys.stderr.getvalue()


async def test_what_a_worker_warns_of_is_a_line_with_its_time(workers: Workers) -> None:
    said = await workers.urgent(warn)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} WARNING some\.room: a file[^\n]*is broken\n", said), said


async def test_a_crash_a_hang_and_an_error_are_told_apart_and_others_go_on(workers: Workers) -> None:
    results = await asyncio.gather(
        workers.urgent(die),
        workers.urgent(hang, timeout_s=0.3),
        workers.urgent(refuse),
        *(workers.urgent(double, n) for n in range(20)),
        return_exceptions=True,
    )
    assert isinstance(results[0], WorkerFailed)
    assert "died" in str(results[0])
    assert isinstance(results[1], WorkerFailed)
    assert "longer" in str(results[1])
    assert isinstance(results[2], Damaged)
    assert results[3:] == [2 * n for n in range(20)]
    assert (workers.died_within(3600), workers.died_within(-1)) == (2, 0)


async def test_where_memory_runs_out_a_worker_goes_before_the_server(workers: Workers) -> None:
    score = Path("/proc/self/oom_score_adj")
    assert int(await workers.urgent(score.read_text)) == 500 > int(score.read_text())


async def test_closing_ends_busy_processes_and_tells_those_who_wait(tmp_path: Path) -> None:
    workers, begun = Workers(processes=1), tmp_path / "begun"
    busy = asyncio.ensure_future(workers.urgent(hang, begun, timeout_s=600))
    async with asyncio.timeout(60):
        while not begun.exists():
            await asyncio.sleep(0.01)
    await asyncio.wait_for(workers.close(), 60)  # the work itself would last ten minutes
    with pytest.raises(WorkerFailed, match="stopping"):
        await asyncio.wait_for(asyncio.shield(busy), 60)


async def test_a_quiet_pool_is_closed_and_opens_again_when_asked() -> None:
    workers = Workers(processes=1, idle_s=0.01)
    first = await workers.urgent(os.getpid)
    deadline = time.monotonic() + 60
    while _alive(first) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert not _alive(first)
    assert await workers.urgent(double, 4) == 8
    await workers.close()


@pytest.mark.parametrize("story", ["leaves_and_comes_back", "answers_while_it_leaves", "waits_for_the_last_process"])
def test_where_nobody_asks_for_long_no_process_is_left(story: str) -> None:
    """In a process of its own: there is one forkserver in each, and other tests leave workers behind."""
    code = f"import asyncio; from tests.core import test_workers; asyncio.run(test_workers.{story}())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert told.returncode == 0, told.stderr


async def test_processes_that_do_not_answer_are_given_up_and_others_do_the_tasks(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A stopped one stands for all that keeps a task from being begun: pebble counts from its beginning only."""
    workers = Workers(processes=2, late_s=0.5)
    held = await asyncio.gather(workers.urgent(slowly), workers.urgent(slowly))
    assert len(set(held)) == 2
    for process in held:
        os.kill(process, signal.SIGSTOP)
    first = asyncio.ensure_future(workers.urgent(double, 1, timeout_s=0.1))
    others = [asyncio.ensure_future(workers.urgent(double, number, timeout_s=60)) for number in range(5)]
    with pytest.raises(WorkerFailed, match="no answer came in double"):
        await asyncio.wait_for(first, 60)
    assert await asyncio.wait_for(asyncio.gather(*others), 60) == [0, 2, 4, 6, 8]
    await _until(lambda: not any(map(_alive, held)))
    assert [record.getMessage() for record in caplog.records] == [
        "the urgent workers do not answer: others take their place"
    ]
    await workers.close()


async def test_what_is_cancelled_before_its_turn_never_reaches_a_process(tmp_path: Path) -> None:
    workers, begun = Workers(processes=1), tmp_path / "begun"
    assert await workers.urgent(double, 1) == 2
    slow = asyncio.ensure_future(workers.urgent(slowly))
    waits = asyncio.ensure_future(workers.urgent(begun.touch))
    await asyncio.sleep(0.1)
    waits.cancel()
    await slow
    assert await workers.urgent(double, 1) == 2
    assert not begun.exists()
    assert workers.pools()["urgent"].tasks == 0
    await workers.close()


async def test_where_processes_cannot_be_started_it_is_said_once_and_tried_a_second_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    workers = Workers(processes=1)
    with no_thread_to_be_had():
        for _ in range(50):
            workers.expect()
            await asyncio.sleep(0.001)
    assert ["no thread is to be had" in record.getMessage() for record in caplog.records] == [True]
    assert await workers.urgent(double, 1) == 2
    await workers.close()


def test_where_the_process_to_fork_from_cannot_be_started_it_is_said_once_and_comes_later() -> None:
    """In a process of its own, for it must not be there before."""
    code = "import asyncio; from tests.core import test_workers; asyncio.run(test_workers.lacks_files())"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=240, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stderr.count("the process that workers are forked from") == 1, told.stderr


async def lacks_files() -> None:
    workers = Workers(processes=1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    for _ in range(100):
        workers.expect()
        await asyncio.sleep(0.005)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    async with asyncio.timeout(60):
        while not _forkservers():
            workers.expect()
            await asyncio.sleep(0.05)
    await workers.close()


@needs_fuse
def test_a_process_that_cannot_be_killed_holds_up_nobody_else(tmp_path: Path) -> None:
    disk, music = tmp_path / "disk", tmp_path / "music"
    for folder in (disk, music):
        folder.mkdir()
    (disk / "song").write_bytes(bytes(1 << 20))
    code = f"import asyncio; from tests.core import test_workers; asyncio.run(test_workers.is_held({str(music)!r}))"
    command = [*mounted(ON_ANOTHER, disk, music), sys.executable, "-c", code]
    told = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert told.returncode == 0, told.stderr


async def is_held(music: str) -> None:
    workers, song = Workers(processes=2), Path(music) / "song"
    family = drives(os.getpid())
    try:
        assert len(await workers.urgent(song.read_bytes)) == 1 << 20
        (Path(f"{music}/../disk") / "other").write_bytes(b"not remembered by the kernel")
        stop(family[0])
        song = song.with_name("other")
        held = asyncio.ensure_future(workers.urgent(song.read_bytes, timeout_s=1))
        left = asyncio.ensure_future(workers.urgent(song.read_bytes, timeout_s=600))
        await asyncio.sleep(0.5)
        left.cancel()
        for number in range(4):
            assert await asyncio.wait_for(workers.urgent(double, number), 20) == 2 * number
        with pytest.raises(WorkerFailed, match="longer than 1 s"):
            await asyncio.wait_for(held, 20)
        assert held_for_good(os.getpid()), "it could be killed, and so this shows nothing"
        await asyncio.wait_for(workers.close(), 20)
    finally:
        for drive in family:
            os.kill(drive, signal.SIGKILL)


async def leaves_and_comes_back() -> None:
    workers = Workers(processes=1, idle_s=0.01, rest_s=1.0)
    assert await workers.urgent(double, 4) == 8
    assert _forkservers()
    await _until(lambda: not _forkservers())

    def is_back() -> bool:
        workers.expect()  # as everybody who comes says: what is said while it still leaves is not remembered
        return bool(_forkservers())

    await _until(is_back)
    assert await workers.urgent(double, 5) == 10
    await workers.close()


async def answers_while_it_leaves() -> None:
    """What leaves is stopped before its time has come, so that its end surely lasts until somebody asks."""
    rest_s = 2.5
    workers = Workers(processes=1, idle_s=0.01, rest_s=rest_s)
    assert await workers.urgent(double, 1) == 2
    await _until(lambda: workers.pools()["urgent"].alive == 0 and not active_children())
    leaving = _forkservers()
    for process in leaving:
        os.kill(process, signal.SIGSTOP)
    try:
        assert len(leaving) == 2, "it has left before it could be stopped"
        await asyncio.sleep(rest_s + 0.5)
        asked = asyncio.ensure_future(workers.urgent(double, 2))
        await asyncio.sleep(0.2)
        assert not asked.done()
    finally:
        for process in leaving:
            os.kill(process, signal.SIGCONT)
    assert await asyncio.wait_for(asked, 60) == 4
    await workers.close()


async def waits_for_the_last_process() -> None:
    """It would not end before a process that cannot be ended, and nobody could be answered until then."""
    held = get_context("forkserver").Process(target=hang)
    held.start()
    workers = Workers(processes=1, idle_s=0.01, rest_s=0.1)
    for number in range(4):
        assert await asyncio.wait_for(workers.urgent(double, number), 60) == 2 * number
        await asyncio.sleep(0.3)
    assert _forkservers()
    held.kill()
    await _until(lambda: not _forkservers())
    await workers.close()


async def leaves_a_busy_worker_behind(told: str) -> None:
    workers = Workers(processes=1)
    busy = asyncio.ensure_future(workers.urgent(tell_and_hang, told, timeout_s=600))
    await _until(Path(told).exists)
    os.kill(os.getpid(), signal.SIGKILL)
    await busy


def tell_and_hang(told: str) -> None:
    aside = Path(f"{told}.part")
    aside.write_text(str(os.getpid()))
    aside.rename(told)
    time.sleep(600)


async def test_a_busy_worker_ends_with_a_server_that_was_killed(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    left = f"test_workers.leaves_a_busy_worker_behind({str(told)!r})"
    code = f"import asyncio; from tests.core import test_workers; asyncio.run({left})"
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", code)
    assert await asyncio.wait_for(ended.wait(), 120) == -signal.SIGKILL
    worker = int(told.read_text())
    await _until(lambda: not _alive(worker))


async def test_where_no_process_is_to_be_had_it_is_told_and_passes() -> None:
    workers = Workers(processes=1, idle_s=0.01)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(Unavailable):
            await workers.urgent(double, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    worker = await workers.urgent(os.getpid)
    deadline = time.monotonic() + 20
    while _alive(worker) and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    assert not _alive(worker), "what was refused is not counted as running"
    await workers.close()


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.02)


def _forkservers() -> list[int]:
    """This process's own, with its tracker."""
    children = [int(child) for one in Path("/proc/self/task").glob("*/children") for child in one.read_text().split()]
    return [one for one in children if _alive(one) and b"multiprocessing" in Path(f"/proc/{one}/cmdline").read_bytes()]


def _alive(pid: int) -> bool:
    try:
        with Path(f"/proc/{pid}/stat").open(encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # it may end between opening and reading
        return False
