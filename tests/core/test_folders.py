"""Disks that hang are events that are not set; what stands on real ones is in tests/faults/test_away.py."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import pytest

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
