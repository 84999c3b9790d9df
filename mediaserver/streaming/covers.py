"""Pictures in the sizes that pages ask for: made once by a worker, then from the cache."""

from __future__ import annotations

import asyncio
import io
import warnings
from typing import Literal

from PIL import Image, ImageOps, UnidentifiedImageError

from mediaserver.core.errors import Damaged, Invalid, NotFound, WorkerFailed
from mediaserver.core.folders import Folders
from mediaserver.core.sharing import Shared
from mediaserver.core.workers import Workers
from mediaserver.media import pictures
from mediaserver.streaming.cache import Cache
from mediaserver.streaming.segments import Media

Format = Literal["webp", "jpeg"]

SIZES_PX = (48, 96, 160, 240, 300, 400, 600, 800, 1200)
_TYPES: dict[Format, str] = {"webp": "image/webp", "jpeg": "image/jpeg"}
_QUALITY = 82
_MOST_PIXELS = 36_000_000  # 6000 x 6000; decoded they take 150 MB of a small machine
_TIME_LIMIT_S = 20.0
_REFUSED_S = 60.0
_MOST_REFUSED = 1000


def size_px(asked_px: int) -> int:
    """The next size that is made. Raises Invalid below 1 and above the largest."""
    if not 1 <= asked_px <= SIZES_PX[-1]:
        raise Invalid(f"size must be between 1 and {SIZES_PX[-1]}", field="size")
    return next(size for size in SIZES_PX if size >= asked_px)


def resized(digest: str, path: str, is_embedded: bool, size: int, fmt: Format) -> bytes:
    """In a worker: the picture `digest` fitted into a square of `size`, never enlarged, upright, without metadata.

    Raises Damaged for what is no picture, is cut, or would fill the memory, and NotFound where another picture lies
    at `path` by now: what is served as `digest` is kept for a year.
    """
    raw = pictures.read(path, is_embedded=is_embedded)
    if pictures.digest_of(raw) != digest:
        raise NotFound("the picture has changed")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(raw)) as picture:
                if picture.width * picture.height > _MOST_PIXELS:
                    raise Damaged("the picture is too large")
                picture.draft("RGB", (size, size))
                upright = ImageOps.exif_transpose(picture)
                upright.thumbnail((size, size), Image.Resampling.LANCZOS)
                plain = _flattened(upright)
                out = io.BytesIO()
                if fmt == "webp":
                    plain.save(out, "WEBP", quality=_QUALITY, method=4)
                else:
                    plain.save(out, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
                return out.getvalue()
    except Damaged:
        raise
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise Damaged("the picture cannot be read") from error
    except Image.DecompressionBombWarning as error:
        raise Damaged("the picture is too large") from error


def _flattened(picture: Image.Image) -> Image.Image:
    """RGB on white: covers with transparency look as their makers saw them on paper."""
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return picture.convert("RGB")


class Covers:
    def __init__(self, workers: Workers, cache: Cache, folders: Folders) -> None:
        self._folders = folders
        self._workers = workers
        self._cache = cache
        self._making: Shared[bytes] = Shared("cover")
        self._refused: dict[tuple[str, str], float] = {}

    async def get(self, digest: str, path: str, *, is_embedded: bool, size: int, fmt: Format) -> Media:
        """The picture `digest`, whose bytes lie at `path`, in one of SIZES_PX.

        Raises Damaged, and NotFound where another picture lies there by now; FolderAway where the disk of `path` is
        not there or does not answer, which is held against no picture.
        """
        key = f"{digest[:2]}/{digest}/{size}.{fmt}"
        body = await self._cache.read(key)
        if body is None:
            body = await self._making.get(key, lambda: self._make(key, digest, path, is_embedded, size, fmt))
        return Media(body, _TYPES[fmt], is_immutable=True)

    async def close(self) -> None:
        """End what is being made; nothing begins any more."""
        await self._making.close()

    async def _make(self, key: str, digest: str, path: str, is_embedded: bool, size: int, fmt: Format) -> bytes:
        now_s = asyncio.get_running_loop().time()
        if self._refused.get((digest, path), 0.0) > now_s:
            raise Damaged("the picture could not be read a moment ago")
        try:
            making = self._workers.pictures(resized, digest, path, is_embedded, size, fmt, timeout_s=_TIME_LIMIT_S)
            body = await self._folders.reading(path, making)
        except WorkerFailed as error:
            self._refuse(digest, path)
            raise Damaged("the picture cannot be read") from error
        except Damaged:
            self._refuse(digest, path)
            raise
        await self._cache.write(key, body)
        return body

    def _refuse(self, digest: str, path: str) -> None:
        """For a minute, in every size: pages ask again and again, and what hangs holds a worker each time."""
        if len(self._refused) >= _MOST_REFUSED:
            self._refused.clear()
        self._refused[digest, path] = asyncio.get_running_loop().time() + _REFUSED_S
