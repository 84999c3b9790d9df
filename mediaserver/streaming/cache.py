"""Made media on a shelf: bodies appear whole (written under a temporary name and renamed) and carry a checksum."""

from __future__ import annotations

import asyncio
import logging
import os
import zlib
from pathlib import Path

from mediaserver.core.seldom import Seldom
from mediaserver.core.shelf import PART, Shelf, keep_reserve

log = logging.getLogger(__name__)
_seldom = Seldom(log)

_MAGIC = b"MSC1"
_HEAD_BYTES = 12
_TRIES = 2


def put(path: Path, body: bytes) -> None:
    """Make `path` hold `body`, whole or not at all; also for worker processes. Raises OSError.

    So it does (ENOSPC) where the disk would have no reserve left.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{PART}")
    head = _MAGIC + len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big")
    for attempt in range(_TRIES):
        path.parent.mkdir(parents=True, exist_ok=True)
        keep_reserve(path.parent, len(body))
        try:
            with temporary.open("wb") as file:
                file.write(head)
                file.write(body)
            temporary.replace(path)
            return
        except FileNotFoundError:  # the folder was empty just now, and was removed for it
            if attempt == _TRIES - 1:
                raise
        except OSError:
            temporary.unlink(missing_ok=True)
            raise


def taken(path: Path) -> bytes | None:
    """What `put` wrote; None for a file that is not there, or not whole: a power cut may leave a renamed file empty.

    Raises OSError for other causes.
    """
    try:
        # Without waiting: in a pipe a thread of the server would wait for ever.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            head, body = file.read(_HEAD_BYTES), file.read()
    except FileNotFoundError:
        return None
    if head == _MAGIC + len(body).to_bytes(4, "big") + zlib.crc32(body).to_bytes(4, "big"):
        return body
    log.warning("a damaged file was removed from the cache")
    path.unlink(missing_ok=True)
    return None


class Cache(Shelf):
    """A shelf of bodies that `put` wrote."""

    async def read(self, key: str) -> bytes | None:
        """The whole body; None if it is not there."""
        try:
            body = await asyncio.to_thread(taken, self.path(key))
        except OSError as error:
            _seldom.say(logging.WARNING, "the cache could not be read: %s", error.strerror)
            body = None
        if body is None:
            self._forget(key)
        else:
            await self.used(key)
        return body

    async def write(self, key: str, body: bytes) -> None:
        """Keep `body`; a full disk is no error, it is then not kept."""
        try:
            await asyncio.to_thread(put, self.path(key), body)
        except OSError as error:
            _seldom.say(logging.WARNING, "the cache could not be written: %s", error.strerror)
            return
        await self.added(key)
