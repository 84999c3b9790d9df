"""What is to be kept ready: its segments stay in the cache, and at night those that are missing are made.

What is wanted is a list of files, the one that was wanted last first. Their segments have a share of the cache; where
they are more than that, those go that were wanted first. Nothing is kept of a night but the segments: it goes on where
it was because what is there is not made again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from mediaserver.core.clock import Clock
from mediaserver.core.errors import MediaServerError, NotFound, Unavailable
from mediaserver.core.events import EventBus, LibraryChanged
from mediaserver.core.seldom import Seldom
from mediaserver.core.settings import Streaming as Chosen
from mediaserver.core.workers import Workers
from mediaserver.media.packets import PacketIndex
from mediaserver.sound.hours import Hours
from mediaserver.sound.index import Sounds
from mediaserver.streaming import offers
from mediaserver.streaming.cache import Cache
from mediaserver.streaming.ladder import RANK_FLAC_HIRES, Recipe, Rendition, Rung, parse_recipe
from mediaserver.streaming.segments import FOLDER, Segments, cache_key

log = logging.getLogger(__name__)
_seldom = Seldom(log)

RANKS = {"low": 19, "normal": 29, "high": 39}
"""The highest rank of each quality of the setting."""
_AGAIN_S = 900.0  # where something could not be made for now
LOOK_S = 12 * 3600.0
"""After a night in which all was there or was made; nothing that is wanted leaves the cache by itself."""

Wanted = Callable[[], Awaitable[Sequence[str]]]


@dataclass(frozen=True, slots=True)
class Status:
    """Counts of sounds; a recording that is wanted twice is one."""

    wanted: int = 0
    ready: int = 0
    failed: int = 0
    """That cannot be made, or could not for now."""
    left_out: int = 0
    """For which there is no room in the share of the cache."""
    share_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Piece:
    """One sound, as it is to be ready."""

    digest: str
    recipe: Recipe
    rendition: Rendition
    missing: tuple[int, ...]
    expected_bytes: int
    """Of what is missing, at most."""

    def key(self, n: int) -> str:
        return cache_key(self.digest, self.recipe, f"{n}.m4s")


def chosen(index: PacketIndex, family: str, quality: str) -> Rung:
    """The rung in which a sound is kept ready: the best of the family in this quality, or its lowest.

    A lossy source has no lossless one, and is kept as the best of the family.
    """
    if quality == "lossless" and (lossless := offers.permitted(index, "flac", RANK_FLAC_HIRES)):
        return lossless[-1]
    return (offers.permitted(index, family, RANKS.get(quality, 69)) or offers.rungs(index, family))[-1]


def protected(files: Mapping[str, int], digests: Sequence[str], share_bytes: int) -> set[str]:
    """Those of the digests, the first ones first, whose segments together take no more than the share. Pure.

    `files` has the sizes by key, in bytes.
    """
    sizes = _sizes(files)
    kept, total = set(), 0
    for digest in dict.fromkeys(digests):
        total += sizes.get(digest, 0)
        if total > share_bytes:
            break
        kept.add(digest)
    return kept


def digest_of(key: str) -> str:
    """Of a key as `segments.cache_key` makes them; "" of others."""
    parts = key.split("/")
    return parts[2] if len(parts) == 5 and parts[0] == FOLDER else ""


class Ready:
    def __init__(
        self,
        segments: Segments,
        sounds: Sounds,
        cache: Cache,
        workers: Workers,
        clock: Clock,
        wanted: Wanted,
        hours: Hours,
        settings: Chosen,
    ) -> None:
        """`wanted` tells the paths of the files, the one that was wanted last first."""
        self._segments, self._sounds, self._cache = segments, sounds, cache
        self._workers, self._clock, self._wanted, self._hours = workers, clock, wanted, hours
        self._family, self._quality = settings.ready_family, settings.ready_quality
        self._share_bytes = cache.limit_bytes * settings.ready_share // 100
        self._digests: tuple[str, ...] = ()
        self._changed = asyncio.Event()
        self._is_told = False
        self.status = Status(share_bytes=self._share_bytes)
        cache.keeps = self._keeps

    @property
    def is_on(self) -> bool:
        return self._quality != "off"

    def change(self) -> None:
        """What is wanted has changed, or the music has."""
        self._is_told = False
        self._changed.set()

    async def learn(self) -> list[str]:
        """Whose segments are to stay, as far as the sounds are known. The files."""
        paths = list(dict.fromkeys(await self._wanted()))
        known = await self._sounds.lookup.digests(paths)
        self._digests = tuple(dict.fromkeys(known[path] for path in paths if path in known))
        return paths

    async def run(self, events: EventBus) -> None:
        """For ever: what is wanted and missing is made in its hours; asleep while nothing is wanted."""

        async def wake(event: LibraryChanged) -> None:
            if self._may_work():  # else it is seen at night, and no disk is woken for it
                self.change()

        cancel = events.subscribe(LibraryChanged, wake, name="streaming.ready")
        try:
            await self._cache.opened.wait()
            while True:
                self._changed.clear()
                pause_s = await self.look()
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause_s):
                        await self._changed.wait()
        finally:
            cancel()

    async def look(self) -> float | None:
        """Make what is missing, where it may now; after how many seconds to look again, None: after a change."""
        may = self._may_work()
        if not may and self._is_told:
            return self._hours.wait_s(self._clock.now_ms())
        self._is_told = True
        paths = await self.learn()
        is_whole = await self._pass(paths)
        if not self.is_on or not paths:
            return None
        if not may:
            return self._hours.wait_s(self._clock.now_ms())
        return LOOK_S if is_whole else _AGAIN_S

    async def _pass(self, paths: Sequence[str]) -> bool:
        """Through all that is wanted; whether nothing is left that could be made later."""
        used_bytes, put_off, made = 0, 0, 0
        done: set[str] = set()
        status = Status(share_bytes=self._share_bytes)
        sizes = _sizes(self._cache.sizes())
        for path in paths:
            try:
                piece = await self._piece(path)
            except MediaServerError as error:
                log.debug("a file cannot be kept ready: %s", error)
                status = replace(status, wanted=status.wanted + 1, failed=status.failed + 1)
                put_off += isinstance(error, Unavailable)
                continue
            if piece is None or piece.digest in done:
                put_off += piece is None
                status = replace(status, wanted=status.wanted + (piece is None))
                continue
            done.add(piece.digest)
            used_bytes += sizes.get(piece.digest, 0) + piece.expected_bytes
            status = replace(status, wanted=status.wanted + 1)
            if used_bytes > self._share_bytes:  # those that were wanted before it have no room either
                status = replace(status, left_out=status.left_out + 1)
                used_bytes = self._share_bytes
                continue
            count, is_ready, is_failed = await self._make(piece)
            there = self._cache.sizes()
            used_bytes += sum(there.get(piece.key(n), 0) for n in piece.missing) - piece.expected_bytes
            made += count
            put_off += not is_ready and not is_failed
            status = replace(status, ready=status.ready + is_ready, failed=status.failed + is_failed)
        self.status = status
        if made:
            log.info("made %d %s of what is to be ready", made, "segment" if made == 1 else "segments")
        return not put_off

    async def _piece(self, path: str) -> _Piece | None:
        """None where the sound is not known yet, and may not be looked for now. Raises as `Sounds.of_file`."""
        known = await self._sounds.lookup.known(path)
        if known is None:
            if not self._may_work():
                return None
            await self._workers.wait_for_listeners()
            sound = await self._sounds.of_file(path)
            known = (sound.digest, sound.index)
            if sound.digest not in self._digests:
                self._digests = (*self._digests, sound.digest)
        digest, index = known
        ladder = await self._segments.ladder()
        rung = chosen(index, self._family, self._quality)
        recipe, rendition = ladder.recipe(rung), ladder.rendition_of(index, rung)
        numbers = range(rendition.segment_count)
        missing = tuple(n for n in numbers if not self._cache.has(cache_key(digest, recipe, f"{n}.m4s")))
        samples = sum(rendition.segment_samples(n) for n in missing)
        return _Piece(digest, recipe, rendition, missing, samples * rung.bandwidth_bps // rendition.rate_hz // 8)

    async def _make(self, piece: _Piece) -> tuple[int, bool, bool]:
        """How many segments were made, whether all are there then, and whether they cannot be made."""
        made = 0
        for n in piece.missing:
            if not self._may_work():
                return made, False, False
            await self._workers.wait_for_listeners()
            try:
                await self._segments.prepare(piece.digest, piece.recipe, piece.rendition, n)
            except Unavailable as error:
                _seldom.say(logging.WARNING, "what is to be ready cannot be made now: %s", error)
                return made, False, False
            except MediaServerError as error:
                log.debug("a segment cannot be made ready: %s", error)
                return made, False, True
            made += 1
        return made, True, False

    def _may_work(self) -> bool:
        return self.is_on and self._hours.are_now(self._clock.now_ms())

    def _keeps(self, files: Mapping[str, int]) -> Callable[[str], bool]:
        """Which of the cache's files are not to go. Of older encoders nothing is kept: it is served no more."""
        if not self._digests:
            return lambda key: False
        current: dict[str, bool] = {}

        def is_current(recipe: str) -> bool:
            if recipe not in current:
                try:
                    current[recipe] = self._segments.is_current(parse_recipe(recipe))
                except NotFound:  # somebody else's file
                    current[recipe] = False
            return current[recipe]

        wanted = set(self._digests)
        of_now = {
            key: size for key, size in files.items() if digest_of(key) in wanted and is_current(key.split("/")[3])
        }
        kept = protected(of_now, self._digests, self._share_bytes)
        return {key for key in of_now if digest_of(key) in kept}.__contains__


def _sizes(files: Mapping[str, int]) -> dict[str, int]:
    """Bytes of the segments of each digest."""
    sizes: dict[str, int] = {}
    for key, size_bytes in files.items():
        digest = digest_of(key)
        if digest:
            sizes[digest] = sizes.get(digest, 0) + size_bytes
    return sizes
