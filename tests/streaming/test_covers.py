"""What is served under a picture's digest is that picture, whatever lies at its path by now."""

from __future__ import annotations

import asyncio
import io
import os
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from mediaserver.core.errors import Damaged, NotFound
from mediaserver.core.folders import FolderAway, Folders
from mediaserver.core.workers import Workers
from mediaserver.media import pictures
from mediaserver.streaming.cache import Cache
from mediaserver.streaming.covers import Covers


def painted(path: Path, colour: str) -> str:
    """A picture of one colour; returns its digest."""
    Image.new("RGB", (400, 400), colour).save(path, "PNG")
    return pictures.digest_of(path.read_bytes())


async def test_a_replaced_picture_is_not_served_under_the_old_digest(workers: Workers, tmp_path: Path) -> None:
    path = tmp_path / "cover.png"
    red = painted(path, "red")
    covers = Covers(workers, Cache(tmp_path / "covers", limit_bytes=1_000_000), Folders())
    blue = painted(path, "blue")
    with pytest.raises(NotFound):
        await covers.get(red, str(path), is_embedded=False, size=96, fmt="webp")
    assert not list((tmp_path / "covers").rglob("96.webp")), "nothing may be kept under a digest that it has not"
    media = await covers.get(blue, str(path), is_embedded=False, size=96, fmt="webp")
    assert Image.open(io.BytesIO(media.body)).size == (96, 96)
    assert painted(path, "red") == red
    media = await covers.get(red, str(path), is_embedded=False, size=96, fmt="webp")
    pixel = Image.open(io.BytesIO(media.body)).convert("RGB").getpixel((48, 48))
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200 > pixel[2]


async def test_a_picture_that_became_a_pipe_is_refused_at_once_and_not_tried_again(
    workers: Workers, tmp_path: Path
) -> None:
    path = tmp_path / "folder.png"
    red = painted(path, "red")
    path.unlink()
    os.mkfifo(path)
    covers = Covers(workers, Cache(tmp_path / "covers", limit_bytes=1_000_000), Folders())
    async with asyncio.timeout(15):  # a worker that waits for a writer is ended after twenty seconds
        with pytest.raises(Damaged, match="not a regular file"):
            await covers.get(red, str(path), is_embedded=False, size=96, fmt="webp")
    path.unlink()
    assert painted(path, "red") == red
    with pytest.raises(Damaged, match="a moment ago"):
        await covers.get(red, str(path), is_embedded=False, size=48, fmt="webp")


async def test_sound_does_not_wait_for_pictures(tmp_path: Path) -> None:
    pool = Workers(processes=1)
    try:
        held = [asyncio.create_task(pool.pictures(time.sleep, 60.0)) for _ in range(4)]
        assert await pool.urgent(len, "abc", timeout_s=30.0) == 3
        assert not any(task.done() for task in held)
    finally:
        await pool.close()
        await asyncio.gather(*held, return_exceptions=True)


async def test_a_picture_on_a_disk_that_is_away_is_told_as_away_and_served_once_it_is_back(
    workers: Workers, tmp_path: Path
) -> None:
    root = tmp_path / "music"
    root.mkdir()
    red = painted(root / "cover.png", "red")
    covers = Covers(workers, Cache(tmp_path / "covers", limit_bytes=1_000_000), Folders([root], patience_s=0.2))

    async def get() -> bytes:
        return (await covers.get(red, str(root / "cover.png"), is_embedded=False, size=96, fmt="webp")).body

    root.rename(tmp_path / "away")
    with pytest.raises(FolderAway, match="is its disk mounted"):
        await get()
    (tmp_path / "away").rename(root)
    assert await get(), "nothing was held against it"


async def test_a_disk_that_hangs_is_asked_for_no_picture(workers: Workers, tmp_path: Path) -> None:
    root = tmp_path / "music"
    root.mkdir()
    red = painted(root / "cover.png", "red")
    folders, answers = Folders([root], patience_s=0.2), threading.Event()
    covers = Covers(workers, Cache(tmp_path / "covers", limit_bytes=1_000_000), folders)
    with pytest.raises(FolderAway):
        await folders.ask(str(root), answers.wait)
    with pytest.raises(FolderAway):
        async with asyncio.timeout(30):
            while True:  # its thread may have begun later than it was asked to
                folders.must_answer(str(root))
                await asyncio.sleep(0.01)
    with pytest.raises(FolderAway, match="does not answer"):
        await covers.get(red, str(root / "cover.png"), is_embedded=False, size=96, fmt="webp")
    assert workers.pools()["pictures"].alive == 0, "no process waits for it"
    answers.set()
