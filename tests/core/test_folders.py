"""Disks that hang are events that are not set; what stands on real ones is in tests/faults/test_away.py."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from mediaserver.core.errors import Damaged
from mediaserver.core.folders import Beat, FolderAway, Folders, node

LIMIT_S = 60


@pytest.fixture
def roots(tmp_path: Path) -> list[Path]:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "song.flac").write_bytes(b"music")
    return [tmp_path / "one", tmp_path / "two"]


def song(root: Path) -> str:
    return str(root / "song.flac")


async def until_it_answers(folders: Folders, path: str) -> None:
    async with asyncio.timeout(LIMIT_S):
        while True:
            try:
                await folders.ask(path, os.stat, path)
            except FolderAway:
                await asyncio.sleep(0.01)
            else:
                return


async def test_who_asks_a_disk_that_hangs_is_told_and_the_others_are_answered(
    roots: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    folders, answers = Folders(roots, patience_s=0.2), threading.Event()
    asked = [folders.ask(song(roots[0]), answers.wait) for _ in range(20)]
    told = await asyncio.gather(*asked, return_exceptions=True)
    assert {type(one) for one in told} == {FolderAway}
    assert (await folders.ask(song(roots[1]), os.stat, song(roots[1]))).st_size == 5
    with pytest.raises(FolderAway):
        folders.must_answer(song(roots[0]))
    folders.must_answer(song(roots[1]))
    answers.set()
    await until_it_answers(folders, song(roots[0]))
    assert [record.getMessage() for record in caplog.records] == [
        f"the disk of {roots[0]} does not answer",
        f"the disk of {roots[0]} answers again",
    ]


async def test_a_disk_that_hangs_holds_a_few_threads_and_no_more(roots: list[Path]) -> None:
    folders, answers, before = Folders(roots, patience_s=0.05), threading.Event(), threading.active_count()
    for _ in range(5):
        await asyncio.gather(*(folders.ask(song(roots[0]), answers.wait) for _ in range(10)), return_exceptions=True)
    assert threading.active_count() - before <= 4
    answers.set()


async def test_errors_and_results_are_those_of_the_call(roots: list[Path]) -> None:
    folders = Folders(roots)
    with pytest.raises(FileNotFoundError):
        await folders.ask(song(roots[0]), os.stat, str(roots[0] / "nothing"))
    with pytest.raises(TimeoutError):  # NFS says so, and it is no matter of patience
        await folders.ask(song(roots[0]), raised, TimeoutError(110, "Connection timed out"))
    assert await folders.ask(song(roots[0]), max, 1, 2) == 2


def raised(error: Exception) -> None:
    raise error


async def test_something_long_may_take_long_but_not_be_silent(roots: list[Path]) -> None:
    folders, answers, beat = Folders(roots, silence_s=0.3), threading.Event(), Beat()

    def steady() -> str:
        for _ in range(8):
            answers.wait(0.1)
            beat()
        return "done"

    assert await folders.long(song(roots[0]), beat, steady) == "done"
    with pytest.raises(FolderAway):
        await folders.long(song(roots[0]), Beat(), answers.wait)
    with pytest.raises(FolderAway):
        folders.must_answer(song(roots[0]))
    answers.set()
    await until_it_answers(folders, song(roots[0]))


async def test_a_disk_that_answers_again_is_well_at_once_also_while_what_was_given_up_goes_on(
    roots: list[Path],
) -> None:
    folders, answers, ends = Folders(roots, silence_s=0.2), threading.Event(), threading.Event()
    beat, told = Beat(), list[bool]()

    def walk() -> None:
        answers.wait(LIMIT_S)
        while not ends.is_set():
            told.append(beat())
            ends.wait(0.01)

    with pytest.raises(FolderAway):
        await folders.long(song(roots[0]), beat, walk)
    with pytest.raises(FolderAway):
        folders.must_answer(song(roots[0]))
    answers.set()
    await until_it_answers(folders, song(roots[0]))
    assert told[0], "it is told that it may end"
    ends.set()


async def test_what_waits_for_its_turn_is_not_silent_yet(roots: list[Path]) -> None:
    folders, ends = Folders(roots, silence_s=1.0), threading.Event()

    def busy(beat: Beat) -> str:
        while not ends.wait(0.01):
            if beat():
                break
        return "done"

    beats = [Beat() for _ in range(4)]
    walks = [asyncio.ensure_future(folders.long(song(roots[0]), beat, busy, beat)) for beat in beats]
    fifth = asyncio.ensure_future(folders.long(song(roots[0]), Beat(), lambda: "fifth"))
    await asyncio.wait({fifth}, timeout=1.5)
    folders.must_answer(song(roots[0]))
    ends.set()
    assert await asyncio.gather(*walks, fifth) == ["done"] * 4 + ["fifth"]


async def test_a_walk_that_is_cancelled_is_told_so(roots: list[Path]) -> None:
    folders, beat, ended = Folders(roots), Beat(), threading.Event()

    def walk() -> None:
        while not beat():
            pass
        ended.set()

    walking = asyncio.ensure_future(folders.long(song(roots[0]), beat, walk))
    async with asyncio.timeout(LIMIT_S):
        while not beat.has_begun:
            await asyncio.sleep(0.001)
    walking.cancel()
    assert await asyncio.to_thread(ended.wait, LIMIT_S)


async def test_an_empty_or_lost_root_is_away_and_one_with_music_is_not(roots: list[Path], tmp_path: Path) -> None:
    folders, before = Folders(roots), node(roots[0])
    await folders.check(str(roots[0] / "nothing"))
    await folders.check(str(tmp_path / "elsewhere"))
    Path(song(roots[0])).unlink()
    with pytest.raises(FolderAway, match="is its disk mounted"):
        await folders.check(song(roots[0]))
    assert node(roots[0]) == before
    roots[0].rename(tmp_path / "away")
    with pytest.raises(FolderAway):
        await folders.check(song(roots[0]))


async def test_work_elsewhere_ends_with_its_result_or_is_given_up_with_its_disk(roots: list[Path]) -> None:
    folders, answers = Folders(roots, patience_s=0.1, look_every_s=0.05), threading.Event()

    async def slow() -> str:
        await asyncio.sleep(0.3)
        return "done"

    assert await folders.guard(song(roots[0]), slow()) == "done"
    asyncio.get_running_loop().call_later(0.05, folders.later, song(roots[0]), answers.wait)
    with pytest.raises(FolderAway):
        await asyncio.wait_for(folders.guard(song(roots[0]), asyncio.sleep(600)), LIMIT_S)
    answers.set()


async def test_all_work_on_a_disk_is_given_up_in_the_moment_in_which_it_is_known_to_hang(roots: list[Path]) -> None:
    folders, answers = Folders(roots, patience_s=0.1, look_every_s=600), threading.Event()
    working = [asyncio.ensure_future(folders.guard(song(roots[0]), asyncio.sleep(600))) for _ in range(5)]
    other = asyncio.ensure_future(folders.guard(song(roots[1]), asyncio.sleep(1, "done")))
    async with asyncio.timeout(LIMIT_S):
        while not any(one.done() for one in working):  # a thread that began late is known to hang by the next question
            with pytest.raises(FolderAway):
                await folders.ask(song(roots[0]), answers.wait)
            await asyncio.sleep(0)
        told = await asyncio.gather(*working, return_exceptions=True)
    assert {type(one) for one in told} == {FolderAway}
    assert await other == "done"
    answers.set()


async def test_work_that_is_given_up_has_cleaned_up_before_one_goes_on(roots: list[Path]) -> None:
    folders, cleaned = Folders(roots), list[str]()

    async def work() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0.1)
            cleaned.append("all of it")

    working = asyncio.ensure_future(folders.guard(song(roots[0]), work()))
    await asyncio.sleep(0.05)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert cleaned == ["all of it"]


async def test_work_that_fails_while_its_disk_is_asked_leaves_no_line_of_the_loop(roots: list[Path]) -> None:
    folders, answers, told = Folders(roots, patience_s=0.3, look_every_s=0.1), threading.Event(), list[Any]()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: told.append(context))

    async def work() -> None:
        try:
            await asyncio.sleep(600)
        finally:
            raise Damaged("cut short")

    for _ in range(4):  # all its threads
        folders.later(song(roots[0]), answers.wait)
    with pytest.raises(FolderAway):
        await asyncio.wait_for(folders.guard(song(roots[0]), work()), LIMIT_S)
    gc.collect()
    await asyncio.sleep(0)
    answers.set()
    assert told == []


async def test_what_was_left_for_later_and_fails_is_told_once(
    roots: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    folders = Folders(roots)
    for _ in range(3):
        folders.later(song(roots[0]), lambda: raised(OSError(5, "Input/output error")))
    async with asyncio.timeout(LIMIT_S):
        while not caplog.records:
            await asyncio.sleep(0.01)
    assert [record.getMessage() for record in caplog.records] == [
        f"what was left for later at {roots[0]} failed: OSError(5, 'Input/output error')"
    ]
