"""Python, packages, memory, clock, codecs and watches: judged, and looked at for real."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime

import pytest

from mediaserver.checkup import clock, codecs, machine, watches
from mediaserver.checkup.clock import Clock
from mediaserver.checkup.findings import State
from mediaserver.checkup.machine import Memory
from mediaserver.library.watching import Limits

MB = 1_000_000
TODAY = date(2026, 11, 26)


@pytest.mark.parametrize(
    ("version", "bits", "today", "state"),
    [
        ((3, 10), 64, TODAY, "bad"),
        ((3, 11), 64, TODAY, "ok"),
        ((3, 11), 64, date(2027, 11, 1), "warning"),
        ((3, 13), 32, TODAY, "bad"),
        ((3, 19), 64, TODAY, "ok"),
    ],
)
def test_an_old_python_is_told(version: tuple[int, int], bits: int, today: date, state: State) -> None:
    assert machine.judged_python(version, "CPython", bits, today).state == state


def test_packages_that_are_missing_or_old_are_named() -> None:
    there = {"aiohttp": "3.14.1", "av": "15.0.0"}
    found = machine.judged_packages(["aiohttp>=3.14", "av>=16.0,<19", "numpy>=2.0"], there.get)
    assert (found.state, found.told) == ("bad", "missing: numpy")
    found = machine.judged_packages(["aiohttp>=3.14", "av>=16.0,<19"], there.get)
    assert (found.state, found.told) == ("bad", "too old: av 15.0.0 (at least 16.0)")
    assert machine.packages().state == "ok"


@pytest.mark.parametrize(
    ("total", "available", "state"),
    [(2000, 900, "ok"), (2000, 150, "warning"), (2000, 20, "bad"), (500, 300, "warning")],
)
def test_little_memory_is_told(total: int, available: int, state: State) -> None:
    assert machine.judged_memory(Memory(total * MB, available * MB)).state == state


def test_this_machine_has_memory() -> None:
    found = machine.memory()
    assert found is not None
    assert 0 < found.available_bytes <= found.total_bytes


@pytest.mark.parametrize(
    ("at", "is_synchronized", "state"),
    [
        ("2026-11-26", True, "ok"),
        ("2026-11-26", None, "ok"),
        ("2026-11-26", False, "warning"),
        ("1970-01-01", True, "bad"),
        ("2099-01-01", True, "bad"),
    ],
)
def test_a_clock_that_cannot_be_believed_is_told(at: str, is_synchronized: bool | None, state: State) -> None:
    now_ms = int(datetime.fromisoformat(at).replace(tzinfo=UTC).timestamp() * 1000)
    assert clock.judged(Clock(now_ms, is_synchronized)).state == state
    assert clock.judged(Clock(1 << 62, None)).state == "bad"


def test_asking_for_the_clock_leaves_it_alone() -> None:
    before = time.time()
    clock.look(0)
    assert 0 <= time.time() - before < 60


def test_this_machine_reads_every_kind_of_music_and_one_that_does_not_is_told() -> None:
    assert {one.state for one in codecs.look()} == {"ok"}
    reading, making = codecs.judged("PyAV", ["APE"], [])
    assert (reading.state, making.state) == ("bad", "ok")
    assert "APE" in reading.told and reading.remedy


def test_limits_of_watches_are_told_with_the_command_that_raises_them() -> None:
    assert watches.judged(Limits(524_288, 128), 20_000).state == "ok"
    short = watches.judged(Limits(8192, 128), 20_000)
    assert short.state == "warning"
    assert "fs.inotify.max_user_watches=524288" in short.remedy
    assert watches.judged(Limits(524_288, 2), 10).state == "warning"
    assert watches.judged(None, 10).state == "warning"


def test_many_open_files_are_told_before_nobody_more_can_be_let_in() -> None:
    for count, state in ((100, "ok"), (910, "warning"), (1000, "bad"), (1001, "bad")):
        found = machine.judged_files(machine.Files(count, 1001))
        assert (found.state, bool(found.remedy)) == (state, state != "ok")
    now = machine.files()
    assert now is not None
    assert 3 <= now.open < now.most
