"""Playlists, initialisation and media segments of any sound, from the cache or made now."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from mediaserver.core.errors import Damaged, Gone, MediaServerError, NotFound, Unavailable, WasKilled, WorkerFailed
from mediaserver.core.folders import FolderAway
from mediaserver.core.seldom import Seldom
from mediaserver.core.sharing import Shared
from mediaserver.core.timings import Timings
from mediaserver.core.workers import Workers
from mediaserver.media.measured import Dynamics
from mediaserver.sound.index import Sound, Sounds
from mediaserver.streaming import constant, dash, hls, initial, offers, shapes, work
from mediaserver.streaming.cache import Cache
from mediaserver.streaming.ladder import DASH, FAMILIES, Ladder, Recipe, Rendition, parse_recipe
from mediaserver.streaming.shapes import Shape
from mediaserver.streaming.source import Line, Source
from mediaserver.streaming.suspects import Suspects
from mediaserver.streaming.timeline import Timeline
from mediaserver.streaming.timelines import Timelines
from mediaserver.streaming.turns import Asker, Gate, Unwanted

log = logging.getLogger(__name__)
_seldom = Seldom(log)

FOLDER = "segments"
"""Of the cache, where segments are kept."""
PLAYLIST = "application/vnd.apple.mpegurl"
MANIFEST = "application/dash+xml"
MP4 = "audio/mp4"
_SEGMENT = re.compile(r"(0|[1-9][0-9]{0,6})\.m4s", re.ASCII)
_MOST_WAITING = 256
_MOST_OF_ONE = 64  # of them for one grant
_AHEAD = ""  # whose turn it is to make what nobody has asked for yet
_TIME_LIMIT_S = 15.0
_NO_HURRY_S = 120.0  # of a worker that gets no more than what nobody else wants
Run = Callable[..., Awaitable[tuple[bytes, str]]]
"""Gives a task to workers: one of the methods of `Workers`."""
S = TypeVar("S", bound=Sound | Timeline)
NightOf = Callable[[str], Awaitable[Dynamics | None]]
"""By the digest of a sound; None while it is not measured."""


@dataclass(frozen=True, slots=True)
class Media:
    """One answer, whole."""

    body: bytes
    content_type: str
    is_immutable: bool


class Segments:
    def __init__(
        self, workers: Workers, sounds: Sounds, timelines: Timelines, cache: Cache, night_of: NightOf | None = None
    ) -> None:
        """`night_of` tells what was measured of a sound; without it nothing is made for the night."""
        self._night_of = night_of
        self._workers = workers
        self._sounds = sounds
        self._timelines = timelines
        self._cache = cache
        self._ladder: Ladder | None = None
        self._making: Shared[bytes] = Shared("segment")
        self._gate = Gate(workers.processes)
        self._suspects = Suspects()
        self.encodes = 0
        """Segments made since the start; hits and shared waits are not among them."""
        self.hits = 0
        """Segments that were in the cache when they were asked for."""
        self.failures = 0
        """Segments that could not be made."""
        self.timings = Timings()
        """Of making, with the wait for a worker."""

    async def ladder(self) -> Ladder:
        """The renditions as this machine makes them; the first call asks a worker which encoder it has."""
        if self._ladder is None:
            self._ladder = Ladder(await self._workers.urgent(work.identity))
        return self._ladder

    async def get(
        self,
        digest: str,
        recipe_text: str,
        file: str,
        *,
        cap: int,
        who: str = "",
        is_there: Callable[[], bool] = lambda: True,
    ) -> Media:
        """The file of a recipe; `cap` is the highest rank that a multivariant playlist or manifest may list.

        Work is taken in turns by `who` asks (the grant of an address), and is not begun once `is_there` says no.
        Raises NotFound (no such file), Gone (the sound has changed), Damaged, and Unavailable (too many wait).
        """
        recipe = parse_recipe(recipe_text)
        if recipe.family in constant.RUNGS:  # of which streams are made, and which no playlist names
            raise NotFound("there is nothing at this address")
        segment = _SEGMENT.fullmatch(file)
        if segment is not None:
            body = await self.segment(digest, recipe, int(segment[1]), Asker(who, is_there))
            return Media(body, MP4, is_immutable=True)
        sound, ladder = await self._found(digest, recipe)
        if file == "main.m3u8":
            return await self._multivariant(sound, ladder, recipe, cap)
        if file == "main.mpd":
            return self._manifest(sound, ladder, recipe, cap)
        rendition = ladder.rendition(sound.index, recipe)
        if file == "media.m3u8":
            text = await asyncio.to_thread(hls.media, rendition, _tracks(sound, rendition))  # one may last for days
            return Media(text.encode("ascii"), PLAYLIST, is_immutable=True)
        if file in ("init.mp4", "init-mse.mp4"):
            body = initial.init(sound.index, rendition, edit_list=file == "init.mp4")
            return Media(body, MP4, is_immutable=True)
        raise NotFound("there is nothing at this address")

    async def segment(self, digest: str, recipe: Recipe, n: int, asker: Asker) -> bytes:
        """Segment `n` of a rendition; the one after it is made ahead. Raises as `get` does."""
        body = await self._cache.read(cache_key(digest, recipe, f"{n}.m4s"))
        if body is not None and recipe.hash == _current_hash(await self.ladder(), recipe):
            self.hits += 1
        else:
            sound, ladder = await self._found(digest, recipe)
            body = await self._segment(sound, recipe, constant.of_recipe(ladder, sound.index, recipe), n, asker)
        self._ahead(digest, recipe, n + 1)
        return body

    def is_current(self, recipe: Recipe) -> bool:
        """False for what an older encoder made: it is served no more. True while it is not known."""
        return self._ladder is None or _current_hash(self._ladder, recipe) == recipe.hash

    async def prepare(self, digest: str, recipe: Recipe, rendition: Rendition, n: int) -> None:
        """Have segment `n` of a sound in the cache, made when nothing else is to be done; who asks for it meanwhile
        does not wait for this. Raises as `get` does, and Unavailable where it cannot be kept.
        """
        key = cache_key(digest, recipe, f"{n}.m4s")
        self._suspects.must_not_have_failed(key)
        sound = await self._sounds.by_digest(digest)
        try:
            making = self._encoded(sound, rendition, n, key, run=self._workers.analysis, limit_s=_NO_HURRY_S)
            _, not_kept = await self._sounds.folders.reading(sound.file, making)
        except WorkerFailed as error:
            await self._cache.remove_parts(key)
            self._suspects.note(digest, key)
            raise Damaged(f"this part of the sound cannot be made: {error}") from error
        if not_kept:
            raise Unavailable(f"it cannot be kept: {not_kept}")
        await self._cache.added(key)

    async def close(self) -> None:
        """End what is being made; nothing begins any more."""
        await self._making.close()

    async def shaped(self, sound: S, shape: Shape) -> tuple[S, Ladder]:
        """A sound as a ladder is to see it in this shape, and that ladder."""
        ladder = (await self.ladder()).shaped(shape)
        if not shape.is_flat and isinstance(sound, Sound):
            sound = replace(sound, index=shapes.without_own_packets(sound.index))
        return sound, ladder

    async def _found(self, digest: str, recipe: Recipe) -> tuple[Sound | Timeline, Ladder]:
        """As `shaped`. Raises NotFound and Gone, as `by_digest` of sounds."""
        sound: Sound | Timeline | None = self._timelines.known(digest)
        if sound is None:
            try:
                sound = await self._sounds.by_digest(digest)
            except NotFound:
                sound = await self._timelines.get(digest)
        return await self.shaped(sound, recipe.shape)

    async def _multivariant(self, sound: Sound | Timeline, ladder: Ladder, recipe: Recipe, cap: int) -> Media:
        rungs = offers.permitted(sound.index, recipe.family, cap)
        if not rungs or recipe.rank != 0 or recipe != ladder.multivariant(rungs[0].family):
            raise NotFound("there is no such rendition")
        middle = ladder.recipe(rungs[(len(rungs) - 1) // 2])
        self._ahead(sound.digest, middle, 0)
        return Media(hls.multivariant(ladder, rungs).encode("ascii"), PLAYLIST, is_immutable=False)

    def _manifest(self, sound: Sound | Timeline, ladder: Ladder, recipe: Recipe, cap: int) -> Media:
        rungs = [rung for family in FAMILIES for rung in offers.permitted(sound.index, family, cap)]
        if not rungs or recipe != ladder.multivariant(DASH):
            raise NotFound("there is no such rendition")
        renditions = [ladder.rendition_of(sound.index, rung) for rung in rungs]
        duration_s = sound.index.length_samples / sound.index.rate_hz
        body = dash.manifest(ladder, renditions, duration_s).encode("ascii")
        return Media(body, MANIFEST, is_immutable=False)

    async def _segment(
        self, sound: Sound | Timeline, recipe: Recipe, rendition: Rendition, n: int, asker: Asker
    ) -> bytes:
        rendition.segment_packets(n)  # past the end is NotFound before anything is begun
        key = cache_key(sound.digest, recipe, f"{n}.m4s")
        if self._gate.count(asker.who) >= _MOST_OF_ONE or (
            key not in self._making.tasks and len(self._making) >= _MOST_WAITING
        ):
            raise Unavailable("too many segments are being made", retry_after_s=1)
        self._gate.ask(key, asker)
        try:
            while True:
                try:
                    return await self._making.get(key, lambda: self._make(sound, rendition, n, key))
                except Unwanted:  # by those who asked before: it was given up in the moment in which this one came
                    if not asker.is_there():
                        raise
        finally:
            self._gate.leave(key, asker)

    async def _make(self, sound: Sound | Timeline, rendition: Rendition, n: int, key: str) -> bytes:
        cached = await self._cache.read(key)
        if cached is not None:
            return cached
        async with self._suspects.turn(sound.digest):
            self._suspects.must_not_have_failed(key)
            await self._gate.enter(key)
            try:
                body, not_kept = await self._made(sound, rendition, n, key)
            finally:
                self._gate.exit()
        self.encodes += 1
        if not_kept:
            _seldom.say(logging.WARNING, "a segment could not be kept in the cache: %s", not_kept)
        else:
            await self._cache.added(key)
        return body

    async def _made(self, sound: Sound | Timeline, rendition: Rendition, n: int, key: str) -> tuple[bytes, str]:
        try:
            with self.timings.timed():
                if isinstance(sound, Timeline):
                    return await self._joined(sound, rendition, n, key)
                return await self._sounds.folders.reading(sound.file, self._encoded(sound, rendition, n, key))
        except FolderAway:
            await self._cache.remove_parts(key)
            raise
        except WorkerFailed as error:
            await self._cache.remove_parts(key)
            # Players ask again and again: what kills or holds a worker may not do so each time.
            self._suspects.note(sound.digest, key)
            self.failures += 1
            raise Damaged(f"this part of the sound cannot be made: {error}") from error
        except MediaServerError:
            self.failures += 1
            raise
        except Exception as error:  # the boundary to coders of hostile bytes; MemoryError is of the worker's own limit
            log.exception("a segment could not be made")
            self._suspects.note(sound.digest, key)
            self.failures += 1
            raise Damaged("this part of the sound cannot be made") from error

    async def _encoded(
        self,
        sound: Sound,
        rendition: Rendition,
        n: int,
        key: str,
        *,
        run: Run | None = None,
        limit_s: float = _TIME_LIMIT_S,
    ) -> tuple[bytes, str]:
        """By the urgent workers, where `run` names no others."""
        target, run = str(self._cache.path(key)), run or self._workers.urgent

        async def made(source: Sound) -> tuple[bytes, str]:
            told = await self._source(source, rendition)
            return await _once_more(run, work.segment_file, told, rendition, n, target, timeout_s=limit_s)

        try:
            return await made(sound)
        except Damaged:
            # A side file may go at any time, also between our look and the worker's.
            if not sound.index.side or await asyncio.to_thread(Path(sound.path).exists):
                raise
            return await made(await self._sounds.by_digest(sound.digest))

    async def _joined(self, timeline: Timeline, rendition: Rendition, n: int, key: str) -> tuple[bytes, str]:
        """Raises Gone where one of the files that this segment is made of has changed or left."""
        sounds = await self._parts(timeline, rendition, n)
        try:
            return await self._encoded_line(timeline, sounds, rendition, n, key)
        except Damaged:
            sides = [Path(one.path) for one in sounds.values() if one.index.side]
            if all(await asyncio.gather(*(asyncio.to_thread(side.exists) for side in sides))):
                raise
            again = await self._parts(timeline, rendition, n)  # a side file may go at any time
            return await self._encoded_line(timeline, again, rendition, n, key)

    async def _parts(self, timeline: Timeline, rendition: Rendition, n: int) -> dict[int, Sound]:
        """The sounds of which segment `n` is made, by the numbers of the parts."""
        try:
            return {
                number: await self._sounds.by_digest(timeline.parts[number].digest)
                for number in timeline.needed(rendition, n)
            }
        except NotFound as error:  # it was there when the address was made
            raise Gone("a file behind this address has changed or left") from error

    async def _encoded_line(
        self, timeline: Timeline, sounds: Mapping[int, Sound], rendition: Rendition, n: int, key: str
    ) -> tuple[bytes, str]:
        gains = {number: timeline.parts[number].gain for number in sounds}
        sources = {number: await self._source(one, rendition, gains[number]) for number, one in sounds.items()}
        line = Line(timeline.rate_hz, timeline.index.layout, timeline.length_samples, timeline.runs, sources)
        target = str(self._cache.path(key))

        async def made(files: Sequence[str]) -> tuple[bytes, str]:
            """While the disks of all of them answer. What is within begins last: where one is away, nothing has."""
            if files:
                return await self._sounds.folders.reading(files[0], made(files[1:]))
            run = self._workers.urgent
            return await _once_more(run, work.segment_file, line, rendition, n, target, timeout_s=_TIME_LIMIT_S)

        return await made([*{str(Path(sound.file).parent): sound.file for sound in sounds.values()}.values()])

    async def _source(self, sound: Sound, rendition: Rendition, gain: int = 0) -> Source:
        """Raises Unavailable where the rendition is for the night and the sound is not measured yet."""
        night = None
        if rendition.shape.is_night:
            night = await self._night_of(sound.digest) if self._night_of is not None else None
            if night is None:
                raise Unavailable("how loud this sound is at each moment is still to be measured", retry_after_s=60)
        return Source(sound.path, sound.packed, sound.looked, gain, night)

    def _ahead(self, digest: str, recipe: Recipe, n: int) -> None:
        """Make segment `n` before it is asked for, if nothing else is to be done."""
        key = cache_key(digest, recipe, f"{n}.m4s")
        if self._making or self._cache.has(key):
            return

        async def make() -> bytes:
            sound, ladder = await self._found(digest, recipe)
            rendition = constant.of_recipe(ladder, sound.index, recipe)
            if n >= rendition.segment_count:
                return b""
            nobody_yet = Asker(_AHEAD, lambda: True)
            self._gate.ask(key, nobody_yet)
            try:
                return await self._make(sound, rendition, n, key)
            finally:
                self._gate.leave(key, nobody_yet)

        with contextlib.suppress(Unavailable):  # the server is stopping
            self._making.begin(key, make)


def _tracks(sound: Sound | Timeline, rendition: Rendition) -> list[tuple[int, int]]:
    """Where the tracks of a timeline stand, at the rate of a rendition; a sound by itself tells of none."""
    if isinstance(sound, Sound):
        return []
    rate_hz = sound.rate_hz
    return [
        (span.start * rendition.rate_hz // rate_hz, span.stop * rendition.rate_hz // rate_hz) for span in sound.spans()
    ]


async def _once_more(run: Run, *task: Any, timeout_s: float) -> tuple[bytes, str]:
    """Let `run` do this task, and again where its process was killed by somebody else."""
    try:
        return await run(*task, timeout_s=timeout_s)
    except WasKilled:
        return await run(*task, timeout_s=timeout_s)


def _current_hash(ladder: Ladder, recipe: Recipe) -> str:
    """The hash that a recipe of this family, rank and shape has today: an older one is served no more."""
    return constant.current_hash(ladder.shaped(recipe.shape), recipe)


def cache_key(digest: str, recipe: Recipe, file: str) -> str:
    """Under which what is made of a rendition is kept."""
    return f"{FOLDER}/{digest[:2]}/{digest}/{recipe}/{file}"
