"""Progressive streams: one address for a whole track in a format, with its length known and any range to be had.

Nothing is made for a stream alone. Of AAC and FLAC it is made of the segments that HLS has; MP3 and Opus are segments
of constant bit rate, made and kept in the same way; the frames of a FLAC or MP3 file leave as they are.
"""

from __future__ import annotations

import asyncio
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from mediaserver.core.errors import Damaged, Gone, Invalid, NotFound, Unavailable
from mediaserver.core.passing import is_passing, passed
from mediaserver.media import ogg
from mediaserver.media.packets import PacketIndex
from mediaserver.sound.index import Sound, Sounds
from mediaserver.streaming import constant, flacfile, fragments, layout, mp3, offers, oggopus, sizes
from mediaserver.streaming.cache import Cache
from mediaserver.streaming.ladder import Ladder, Recipe, Rendition, parse_recipe
from mediaserver.streaming.layout import Layout
from mediaserver.streaming.segments import Segments
from mediaserver.streaming.sizes import Sizes
from mediaserver.streaming.turns import Asker

FILES = {"mp3": "stream.mp3", "opus": "stream.opus", "aac": "stream.m4a", "flac": "stream.flac"}
"""Of each format, by the name that the API has for it."""
_TYPES = {"mp3": "audio/mpeg", "oggopus": "audio/ogg", "aac": "audio/mp4", "flac": "audio/flac"}
_TYPES["flac16"] = _TYPES["flac"]
_MOST_LAYOUTS = 16  # that are remembered: of a long track it takes a moment to list them
PATIENCE_S = 4.0
"""For the first who asks for what has to be made whole: then it begins to leave without a length."""
_BUSY_S = 30.0  # how long a stream that has begun waits for its turn


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream that somebody asked for."""

    content_type: str
    tag: str
    """Names its bytes, which never change."""
    layout: Layout
    is_sized: bool
    """False: only the head and the number of chunks hold, for they are made just now."""
    fetch: Callable[[int], Awaitable[bytes]]
    """Chunk `n`, as the encoder made it or the file holds it."""
    is_there: Callable[[], bool]

    @property
    def size_bytes(self) -> int:
        return layout.size_bytes(self.layout)

    async def body(self, span: range) -> AsyncIterator[bytes]:
        """These bytes (all, of one that has no size) in pieces, each a chunk at most. Raises as `fetch` does; once it
        has begun, it waits where too many others do."""
        has_begun = False
        if not self.is_sized:
            for n in self.layout.chunks:
                made = self.layout.framed(n, await self._patiently(n, has_begun=has_begun))
                yield made if has_begun else self.layout.head + made
                has_begun = True
            return
        for number, part in layout.parts(self.layout, span):
            if number is None:
                yield self.layout.head[part.start : part.stop]
            else:
                made = await self._patiently(number, has_begun=has_begun)
                yield layout.cut(self.layout, number, made, part)
            has_begun = True

    async def _patiently(self, n: int, *, has_begun: bool) -> bytes:
        waited_s = 0.0
        while True:
            try:
                return await self.fetch(n)
            except Unavailable as error:
                if not has_begun or waited_s >= _BUSY_S or not self.is_there():
                    raise
                await asyncio.sleep(error.retry_after_s)
                waited_s += error.retry_after_s


class Streams:
    def __init__(
        self, segments: Segments, sounds: Sounds, cache: Cache, *, lanes: int, patience_s: float = PATIENCE_S
    ) -> None:
        """`lanes`: how many segments are made at a time of what has to be made whole."""
        self._patience_s = patience_s
        self._segments = segments
        self._sounds = sounds
        self._sizes = Sizes(segments, cache, lanes=lanes)
        self._layouts: OrderedDict[str, Layout] = OrderedDict()

    async def open(
        self,
        digest: str,
        recipe_text: str,
        file: str,
        *,
        offset_s: int = 0,
        who: str = "",
        is_there: Callable[[], bool] = lambda: True,
    ) -> Stream:
        """The stream of a recipe, from `offset_s` on; nothing is made yet, unless its length could not be told.

        Raises NotFound, Gone (the sound has changed), Damaged, and Invalid for an offset that it cannot have.
        """
        recipe = parse_recipe(recipe_text)
        name = next((name for name, one in FILES.items() if one == file), "")
        if recipe.family not in offers.STREAMS.get(name, ()):
            raise NotFound("there is nothing at this address")
        sound, ladder = await self._segments.shaped(await self._sounds.by_digest(digest), recipe.shape)
        if offset_s and (
            recipe.family not in constant.RUNGS or offset_s * sound.index.rate_hz >= sound.index.length_samples
        ):
            raise Invalid("timeOffset is for MP3 and Opus, and lies within the track", field="timeOffset")
        asker = Asker(who, is_there)
        stream = await self._stream(sound, ladder, recipe, offset_s, asker)
        tag = f"{digest}/{recipe}/{file}" + (f"?{offset_s}" if offset_s else "")
        return replace(stream, tag=f'"{tag}"')

    async def close(self) -> None:
        """End what is being made; nothing begins any more."""
        await self._sizes.close()

    async def _stream(self, sound: Sound, ladder: Ladder, recipe: Recipe, offset_s: int, asker: Asker) -> Stream:
        own = offers.copied_rung(sound.index, recipe.family)
        is_own = own is not None and ladder.recipe(own) == recipe
        if is_own and not offset_s:
            per_chunk = mp3.CHUNK if recipe.family == "mp3" else oggopus.CHUNK
            return self._copied(sound, recipe, await self._listed(sound, recipe), per_chunk, asker)
        if own is not None and is_own:  # from another place on it is made, with as many bits
            rung = next(rung for rung in constant.RUNGS[recipe.family] if rung.rank == own.rank)
            rendition = constant.rendition(sound.index, rung)
        else:
            rendition = constant.of_recipe(ladder, sound.index, recipe)
        if recipe.family in offers.STREAMS["flac"]:
            if not rendition.is_passthrough:
                return await self._made(sound, recipe, rendition, asker)
            found = await self._listed(sound, recipe, rendition)
            return self._copied(sound, recipe, found, rendition.packets_per_segment, asker)
        if recipe.family == "aac":
            filled = fragments.Filled(sound.index, rendition)
            return self._sized(recipe, filled, self._fitting(sound, ladder, filled, asker), asker)
        named = ladder.recipe(rendition.rung)

        async def fetch(n: int) -> bytes:
            return await self._segments.segment(sound.digest, named, n, asker)

        start = offset_s * rendition.rate_hz
        if recipe.family == "mp3":
            return self._sized(recipe, mp3.Encoded(rendition, start), fetch, asker)
        return self._sized(recipe, oggopus.Encoded(rendition, sound.index.rate_hz, start), fetch, asker)

    def _sized(self, recipe: Recipe, found: Layout, fetch: Callable[[int], Awaitable[bytes]], asker: Asker) -> Stream:
        return Stream(_TYPES[recipe.family], "", found, True, fetch, asker.is_there)

    async def _listed(self, sound: Sound, recipe: Recipe, flac: Rendition | None = None) -> Layout:
        """Of a source's own packets; `flac` is its rendition where they are FLAC."""
        key = f"{sound.digest}/{recipe}"
        found = self._layouts.pop(key, None)
        if found is None:
            found = await asyncio.to_thread(_listed, sound.index, recipe, flac)  # of twelve hours it takes 80 ms
        self._layouts[key] = found
        while len(self._layouts) > _MOST_LAYOUTS:
            self._layouts.popitem(last=False)
        return found

    def _copied(self, sound: Sound, recipe: Recipe, found: Layout, per_chunk: int, asker: Asker) -> Stream:
        async def fetch(n: int) -> bytes:
            return await self._read(sound, n * per_chunk, (n + 1) * per_chunk)

        return self._sized(recipe, found, fetch, asker)

    def _fitting(
        self, sound: Sound, ladder: Ladder, filled: fragments.Filled, asker: Asker
    ) -> Callable[[int], Awaitable[bytes]]:
        """A segment that is too large for its place is that of the rung below: all rungs are one timeline."""
        rank = filled.rendition.rung.rank
        rungs = offers.permitted(sound.index, "aac", rank)

        async def fetch(n: int) -> bytes:
            for rung in reversed(rungs):
                made = await self._segments.segment(sound.digest, ladder.recipe(rung), n, asker)
                if filled.fits(n, made):
                    return made
            raise Damaged("a part of the sound is larger than its place in the stream")

        return fetch

    async def _made(self, sound: Sound, recipe: Recipe, rendition: Rendition, asker: Asker) -> Stream:
        """FLAC that has to be encoded: its length is known once all of it was made."""
        known = await self._sizes.of(sound.digest, recipe, rendition, asker, patience_s=self._patience_s)

        async def fetch(n: int) -> bytes:
            return flacfile.frames(await self._segments.segment(sound.digest, recipe, n, asker))

        ends = sizes.ends(known) if known is not None else [0] * rendition.segment_count
        found = layout.Listed(flacfile.head(sound.index, rendition), ends)
        return Stream(_TYPES["flac"], "", found, known is not None, fetch, asker.is_there)

    async def _read(self, sound: Sound, first: int, stop: int) -> bytes:
        """The packets `first` to `stop` (or the last) of a sound, as its file holds them.

        By threads of that file's disk, also where a side file is read: it is looked at whether the file has changed.
        """
        folders = self._sounds.folders
        try:
            try:
                return await folders.ask(sound.file, _packets, sound, first, stop)
            except FileNotFoundError:  # a side file may go at any time, and is made again
                again = await self._sounds.by_digest(sound.digest)
                return await folders.ask(again.file, _packets, again, first, stop)
        except OSError as error:
            await folders.check(sound.file)
            raise passed(error) if is_passing(error) else Damaged("the file cannot be read") from error


def _listed(index: PacketIndex, recipe: Recipe, flac: Rendition | None) -> Layout:
    if flac is not None:
        return flacfile.copied(index, flac)
    return mp3.copied(index) if recipe.family == "mp3" else oggopus.Copied(index)


def _packets(sound: Sound, first: int, stop: int) -> bytes:
    """Raises OSError, Gone where the file has changed, and Damaged where it is shorter than it was."""
    index = sound.index
    stop = min(stop, len(index.sizes))
    lengths = index.sizes[first:stop]
    descriptor = os.open(sound.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        read = list(_pieces(index, range(first, stop), lambda count, at: os.pread(descriptor, count, at)))
    finally:
        os.close(descriptor)
    # After reading: a tagger may have moved the packets meanwhile.
    if not sound.looked.looks_like(Path(sound.file).stat()):
        raise Gone("the file behind this address has changed or left")
    body = b"".join(read)
    if len(body) != int(np.sum(lengths, dtype=np.int64)):
        raise Damaged("the file is shorter than it was")
    return body


def _pieces(index: PacketIndex, packets: range, pread: Callable[[int, int], bytes]) -> Iterator[bytes]:
    """Packets that lie behind each other are read at once, and those in Ogg one by one, for a page's border may lie
    within."""
    chosen = slice(packets.start, packets.stop)
    positions, lengths, firsts = index.positions[chosen], index.sizes[chosen], index.firsts[chosen]
    if not np.array_equal(lengths, firsts):
        for position, size, first in zip(positions.tolist(), lengths.tolist(), firsts.tolist(), strict=True):
            yield ogg.read(pread, position, size, first)
        return
    borders = np.flatnonzero(np.diff(positions) != lengths[:-1]) + 1
    runs = [0, *borders.tolist(), len(packets)]
    for begin, end in pairwise(runs):
        yield pread(int(np.sum(lengths[begin:end], dtype=np.int64)), int(positions[begin]))
