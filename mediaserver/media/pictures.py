"""Pictures in and beside audio files: which one is the cover, and its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import PurePath

from mediaserver.core.errors import Damaged
from mediaserver.core.passing import is_passing, passed
from mediaserver.media import regular, tags
from mediaserver.media.digest import short
from mediaserver.media.facts import PictureFacts
from mediaserver.media.raw import EmbeddedPicture

_LARGEST_BYTES = 32 * 1024 * 1024
_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp"}
_STEMS = ("cover", "folder", "front", "album", "albumart")  # in this order, as every rival looks for them
_MAGIC = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


def media_type(data: bytes) -> str | None:
    """By the first bytes, whatever the name or tag claims; None for what is no picture that is known here."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((mime for magic, mime in _MAGIC if data.startswith(magic)), None)


def digest_of(data: bytes) -> str:
    return short(hashlib.sha256(data).digest())


def embedded_cover(pictures: Iterable[EmbeddedPicture]) -> bytes | None:
    """The front cover, or the first picture where none is called that; None where nothing is a picture."""
    known = [picture for picture in pictures if media_type(picture.data) is not None]
    known.sort(key=lambda picture: not picture.is_front)
    return known[0].data if known else None


def facts_of(data: bytes) -> PictureFacts | None:
    mime = media_type(data)
    return PictureFacts(digest_of(data), mime, len(data)) if mime is not None else None


def folder_cover(names: Iterable[str]) -> str | None:
    """Which of a folder's file names is its cover: cover.*, folder.*, front.*, in that order; None for none."""
    best: tuple[int, str] | None = None
    for name in names:
        pure = PurePath(name)
        if pure.suffix.lower() in _SUFFIXES and pure.stem.lower() in _STEMS:
            found = (_STEMS.index(pure.stem.lower()), name)
            best = min(best, found) if best is not None else found
    return best[1] if best is not None else None


def read(path: str, *, is_embedded: bool) -> bytes:
    """The bytes of a picture file, or of the cover inside an audio file. Raises Damaged, and Unavailable where it
    cannot be read now.
    """
    try:
        with regular.opened(path) as file:
            data = embedded_cover(tags.read(file).pictures) if is_embedded else file.read(_LARGEST_BYTES + 1)
    except OSError as error:
        if is_passing(error):
            raise passed(error) from error
        raise Damaged(f"the picture is not to be read: {error.strerror}") from error
    if data is None or not data or len(data) > _LARGEST_BYTES or media_type(data) is None:
        raise Damaged("there is no picture in it")
    return data
