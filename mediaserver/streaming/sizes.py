"""How large the parts of a rendition are that no arithmetic tells: learnt by making all of them once, at full speed."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from mediaserver.core.errors import NotFound, Unavailable
from mediaserver.core.sharing import Shared
from mediaserver.streaming import flacfile
from mediaserver.streaming.cache import Cache
from mediaserver.streaming.ladder import Recipe, Rendition
from mediaserver.streaming.segments import Segments, cache_key
from mediaserver.streaming.turns import Asker, Unwanted

_REMEMBERED = 64


class Sizes:
    """`lanes` parts are made at a time for one stream, in the turns of who asks."""

    def __init__(self, segments: Segments, cache: Cache, *, lanes: int) -> None:
        self._segments = segments
        self._cache = cache
        self._lanes = lanes
        self._making: Shared[Sequence[int]] = Shared("sizes")
        self._askers: dict[str, list[Asker]] = {}
        self._known: OrderedDict[str, Sequence[int]] = OrderedDict()

    async def of(
        self, digest: str, recipe: Recipe, rendition: Rendition, asker: Asker, *, patience_s: float
    ) -> Sequence[int] | None:
        """Bytes of the frames in each segment; None where they are not known in time.

        They are made on for as long as anybody who asked is connected. Raises as `Segments.segment` does.
        """
        key = cache_key(digest, recipe, "sizes")
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            return known
        known = await self._kept(key, rendition.segment_count)
        if known is not None:
            return known
        try:
            async with asyncio.timeout(patience_s):
                while True:
                    self._askers.setdefault(key, []).append(asker)
                    try:
                        return await self._making.get(key, lambda: self._make(key, digest, recipe, rendition))
                    except Unwanted:  # by those who asked before: it was given up in the moment in which this one came
                        if not asker.is_there():
                            raise
        except TimeoutError:
            return None

    async def close(self) -> None:
        """End what is being made; nothing begins any more."""
        await self._making.close()

    async def _kept(self, key: str, count: int) -> Sequence[int] | None:
        body = await self._cache.read(key)
        if body is None or len(body) != 4 * count:
            return None
        return self._remember(key, np.frombuffer(body, "<i4").tolist())

    def _remember(self, key: str, sizes: Sequence[int]) -> Sequence[int]:
        self._known[key] = sizes
        self._known.move_to_end(key)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return sizes

    async def _make(self, key: str, digest: str, recipe: Recipe, rendition: Rendition) -> Sequence[int]:
        try:
            sizes = await self._made(key, digest, recipe, rendition)
            await self._cache.write(key, np.array(sizes, "<i4").tobytes())
            return self._remember(key, sizes)
        finally:
            self._askers.pop(key, None)  # last of all: until then others join

    async def _made(self, key: str, digest: str, recipe: Recipe, rendition: Rendition) -> Sequence[int]:
        sizes = [0] * rendition.segment_count
        numbers = iter(range(rendition.segment_count))

        async def lane() -> None:
            for n in numbers:
                sizes[n] = len(flacfile.frames(await self._segment(key, digest, recipe, n)))

        lanes = [asyncio.ensure_future(lane()) for _ in range(self._lanes)]
        try:
            await asyncio.gather(*lanes)
        finally:
            for one in lanes:
                one.cancel()
        return sizes

    async def _segment(self, key: str, digest: str, recipe: Recipe, n: int) -> bytes:
        while True:
            there = [one for one in self._askers.get(key, ()) if one.is_there()]
            if not there:
                raise Unwanted("nobody waits for it any more")
            asker = Asker(there[0].who, lambda: any(one.is_there() for one in self._askers.get(key, ())))
            try:
                return await self._segments.segment(digest, recipe, n, asker)
            except Unavailable as error:  # others come first, or its disk is away
                await asyncio.sleep(error.retry_after_s)


def ends(sizes: Sequence[int]) -> list[int]:
    """Where each part ends. Raises NotFound for a sound without any."""
    if not sizes:
        raise NotFound("there is nothing at this address")
    total: list[int] = np.cumsum(np.array(sizes, np.int64)).tolist()
    return total
