"""Disks that fill while the server runs are told once, and once more when there is room again."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mediaserver.checkup.disk import Space
from mediaserver.checkup.disks import Disks

GB, MB = 1_000_000_000, 1_000_000
PLACES = {"Disk": Path("/data"), "Disk of the cache": Path("/cache")}


class House:
    """How much is free, and on which of two disks each place lies."""

    def __init__(self) -> None:
        self.free = {1: 20 * GB, 2: 20 * GB}
        self.device = {Path("/data"): 1, Path("/cache"): 2}

    def look(self, path: Path) -> Space | None:
        device = self.device[path]
        return Space(32 * GB, self.free[device], None, False, device)


async def test_what_changes_is_logged_once_and_told_to_everybody_without_names(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    house = House()
    disks = Disks(PLACES, house.look)
    for free in (20 * GB, 900 * MB, 890 * MB, 100 * MB, 900 * MB, 20 * GB, 20 * GB):
        house.free[2] = free
        await disks.look()
        expected = (
            [] if free > GB else ["A disk is full or cannot be written." if free < GB / 4 else "A disk is almost full."]
        )
        assert disks.warnings() == expected
    assert [(record.levelname, record.message.partition(" of ")[0]) for record in caplog.records] == [
        ("WARNING", "900 MB"),
        ("ERROR", "100 MB"),
        ("WARNING", "900 MB"),
        ("INFO", "20 GB"),
    ]
    assert caplog.records[-1].message.endswith("there is room again")


async def test_two_places_on_one_disk_are_told_once() -> None:
    house = House()
    disks = Disks(PLACES, house.look)
    assert [one.name for one in await disks.look()] == ["Disk", "Disk of the cache"]
    house.device[Path("/cache")] = 1
    assert [one.name for one in await disks.look()] == ["Disk"]
