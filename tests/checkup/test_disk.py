"""Room on disks: when it is little, and when it is enough again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mediaserver.checkup import disk
from mediaserver.checkup.disk import Space
from mediaserver.checkup.findings import State

GB, MB = 1_000_000_000, 1_000_000


def space(free: int, total: int = 32 * GB, *, files: int | None = None, is_read_only: bool = False) -> Space:
    return Space(total, free, files, is_read_only, 1)


@pytest.mark.parametrize(
    ("free", "total", "state"),
    [
        (10 * GB, 32 * GB, "ok"),
        (1_500 * MB, 32 * GB, "warning"),  # less than 5 %
        (900 * MB, 4 * GB, "warning"),  # less than 1 GB
        (100 * GB, 4000 * GB, "ok"),  # less than 5 %, and plenty
        (4 * GB, 4000 * GB, "warning"),
        (199 * MB, 32 * GB, "bad"),
        (0, 32 * GB, "bad"),
    ],
)
def test_little_room_is_told_before_there_is_none(free: int, total: int, state: State) -> None:
    found = disk.judged("Disk", Path("/data"), space(free, total))
    assert found.state == state
    assert bool(found.remedy) == (state != "ok")


def test_a_disk_that_breathes_about_its_limit_is_not_told_of_again_and_again() -> None:
    before: State = "ok"
    told = []
    for free in (1_700, 1_590, 1_620, 1_590, 1_800):  # MB; the limit is 1,600
        before = disk.level(space(free * MB), before)
        told.append(before)
    assert told == ["ok", "warning", "warning", "warning", "ok"]
    assert disk.level(space(210 * MB), "bad") == "bad"
    assert disk.level(space(230 * MB), "bad") == "warning"


def test_a_disk_without_room_for_files_or_only_to_be_read_is_bad() -> None:
    assert disk.judged("Disk", Path("/data"), space(10 * GB, files=3)).state == "bad"
    assert "only be read" in disk.judged("Disk", Path("/data"), space(10 * GB, is_read_only=True)).told
    assert disk.judged("Disk", Path("/data"), None).state == "bad"


def test_a_real_disk_is_looked_at_also_before_its_folder_is_made(tmp_path: Path) -> None:
    found = disk.look(tmp_path / "not" / "yet")
    assert found is not None
    assert found.device == tmp_path.stat().st_dev
    assert 0 < found.free_bytes <= found.total_bytes == os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize
    assert list(tmp_path.iterdir()) == []


def test_how_fast_a_disk_writes_is_measured_and_nothing_stays(tmp_path: Path) -> None:
    speed = disk.measure(tmp_path)
    assert speed.written_bytes_s > 0 and speed.sync_s >= 0
    assert list(tmp_path.iterdir()) == []
    assert disk.judged_speed("Disk", disk.Speed(40 * MB, 0.01)).state == "ok"
    assert disk.judged_speed("Disk", disk.Speed(1 * MB, 0.01)).state == "warning"
    assert disk.judged_speed("Disk", disk.Speed(40 * MB, 0.9)).state == "warning"


def test_a_disk_that_the_kernel_has_given_up_can_only_be_read(tmp_path: Path) -> None:
    table = tmp_path / "mountinfo"
    line = "45 28 {} / /data rw,relatime shared:1 - ext4 /dev/mmcblk0p2 {}\n"
    device = os.makedev(179, 2)
    for told, is_given_up in (
        ("rw,errors=remount-ro", False),
        ("rw,emergency_ro", True),
        ("ro", True),
        ("rw,row=1", False),
    ):
        table.write_text(line.format("8:1", "ro") + line.format("179:2", told))
        assert disk.is_given_up(device, table) is is_given_up
    assert not disk.is_given_up(os.makedev(7, 7), table)
    assert not disk.is_given_up(device, tmp_path / "not there")
