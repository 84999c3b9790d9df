"""What is served under a picture's digest is that picture, whatever lies at its path by now."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from mediaserver.core.errors import NotFound
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
    covers = Covers(workers, Cache(tmp_path / "covers", limit_bytes=1_000_000))
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
