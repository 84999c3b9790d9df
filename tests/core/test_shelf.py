"""A shelf keeps its limit over everything that lies on it, whoever put it there."""

from __future__ import annotations

import os
from pathlib import Path

from mediaserver.core.shelf import Shelf, has_room


def put(shelf: Shelf, key: str, size_bytes: int) -> None:
    shelf.path(key).parent.mkdir(parents=True, exist_ok=True)
    shelf.path(key).write_bytes(bytes(size_bytes))


async def test_what_is_read_for_the_first_time_counts_and_keeps_the_limit(tmp_path: Path) -> None:
    """Files of an earlier run may be asked for before stock is taken."""
    shelf = Shelf(tmp_path, limit_bytes=10_000)
    for n in range(30):
        put(shelf, f"d/{n}", 1000)
        await shelf.used(f"d/{n}")
        assert shelf.size_bytes <= shelf.limit_bytes
    assert len(list(tmp_path.rglob("[0-9]*"))) <= 10


async def test_a_held_file_stays_however_large_until_another_is_held(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, limit_bytes=10_000)
    put(shelf, "large", 20_000)
    await shelf.used("large", is_held=True)
    for n in range(5):
        put(shelf, str(n), 1000)
        await shelf.added(str(n))
    assert shelf.path("large").exists()
    put(shelf, "next", 5000)
    await shelf.used("next", is_held=True)
    assert not shelf.path("large").exists()
    assert shelf.path("next").exists()
    assert shelf.size_bytes <= shelf.limit_bytes


async def test_folders_that_are_not_its_own_are_left_alone(tmp_path: Path) -> None:
    other = Shelf(tmp_path, limit_bytes=10_000)
    put(other, "other/x", 50_000)
    put(other, "mine/a", 4000)
    put(other, "too/b", 4000)
    put(other, "too/c.77.part", 4000)
    os.utime(tmp_path / "too/c.77.part", ns=(0, 0))
    shelf = Shelf(tmp_path, limit_bytes=10_000, within=("mine", "too", "missing"))
    await shelf.open()
    assert shelf.size_bytes == 8000
    assert (tmp_path / "other/x").exists()
    assert not (tmp_path / "too/c.77.part").exists()


def test_a_reserve_of_the_disk_is_left_to_others() -> None:
    gib = 1 << 30
    assert has_room(free_bytes=2 * gib, total_bytes=1000 * gib, size_bytes=gib)
    assert not has_room(free_bytes=2 * gib, total_bytes=1000 * gib, size_bytes=gib + 1)
    assert has_room(free_bytes=gib // 5 + 10, total_bytes=4 * gib, size_bytes=9)
    assert not has_room(free_bytes=gib // 5 + 10, total_bytes=4 * gib, size_bytes=11)
