"""Sounds over which a worker died or was ended: such parts are refused for a while, the others made one at a time.

A file may hold what brings a decoder down in every part of it, and a player asks for one part after the other. All
workers at once would be held by it, each until its time limit, and everybody else would wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from mediaserver.core.errors import Damaged

REFUSED_S = 60.0
SUSPECT_S = 600.0
_MOST = 1000


class Suspects:
    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._refused: dict[str, float] = {}
        self._turns: dict[str, tuple[asyncio.Lock, float]] = {}

    def must_not_have_failed(self, key: str) -> None:
        """Raises Damaged where this part brought a worker down during the last REFUSED_S."""
        if self._now_s() - self._refused.get(key, float("-inf")) < REFUSED_S:
            raise Damaged("this part of the sound could not be made a moment ago")

    def turn(self, digest: str) -> AbstractAsyncContextManager[None]:
        """To be held while a part of this sound is made; only those of a suspect wait for each other."""
        lock, at_s = self._turns.get(digest, (None, 0.0))
        return lock if lock is not None and self._now_s() - at_s < SUSPECT_S else nullcontext()

    def note(self, digest: str, key: str) -> None:
        """This part has brought a worker down."""
        now_s = self._now_s()
        _make_room(self._refused)
        self._refused[key] = now_s
        _make_room(self._turns)
        known = self._turns.pop(digest, None)
        self._turns[digest] = (known[0] if known is not None else asyncio.Lock(), now_s)


def _make_room(kept: dict[str, Any]) -> None:
    if len(kept) >= _MOST:
        del kept[next(iter(kept))]
