"""Albums and queues as one continuous sound: what a person may have of them, and under which addresses."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mediaserver.accounts.addresses import Addresses
from mediaserver.accounts.permits import Viewer
from mediaserver.catalog import Catalog
from mediaserver.catalog.shapes import Track
from mediaserver.core.errors import Damaged, Invalid, MediaServerError, NotFound, Unauthenticated, Unavailable
from mediaserver.core.units import AlbumId, TrackId
from mediaserver.sound.index import Sound, Sounds
from mediaserver.streaming import Streaming
from mediaserver.streaming.abilities import UNKNOWN, Abilities
from mediaserver.streaming.shapes import Shape
from mediaserver.streaming.timeline import CROSSFADE_MOST_MS, Part, Timeline, joined
from mediaserver.views.levels import AS_IT_IS, Baked, Levels
from mediaserver.views.offered import Offered, Signer

__all__ = ["CROSSFADE_MOST_MS", "MOST_TRACKS", "LeftOut", "Lineup", "Lineups", "Placed"]

MOST_TRACKS = 500
MOST_HOURS = 100
_AT_ONCE = 4
PATIENCE_S = 25.0  # a proxy's ends at 30 or 60


@dataclass(frozen=True, slots=True)
class Placed:
    """A track in a lineup."""

    id: TrackId
    title: str
    start_ms: int
    """When it begins to be heard; with a crossfade, over the end of the one before."""
    duration_ms: int
    gain_db: float
    """By which it is turned up or down."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A track that cannot be played, and why."""

    id: TrackId
    title: str
    reason: str


@dataclass(frozen=True, slots=True)
class Lineup:
    """Signed addresses of several tracks as one sound, as those of a single one."""

    hls: dict[str, str]
    dash: str | None
    offers: tuple[Offered, ...]
    duration_ms: int
    tracks: tuple[Placed, ...]
    left_out: tuple[LeftOut, ...]
    is_night: bool


class Lineups:
    def __init__(
        self,
        catalog: Catalog,
        sounds: Sounds,
        streaming: Streaming,
        addresses: Addresses,
        levels: Levels,
        *,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._patience_s = patience_s
        self._catalog = catalog
        self._sounds = sounds
        self._streaming = streaming
        self._addresses = addresses
        self._levels = levels

    async def album(
        self,
        viewer: Viewer,
        album_id: AlbumId,
        *,
        crossfade_ms: int,
        player: Abilities = UNKNOWN,
        baked: Baked = AS_IT_IS,
    ) -> Lineup:
        """Its tracks in their order. Raises as `queue`, and NotFound (no such album, or nothing of it is there)."""
        album = await self._catalog.albums.get(album_id)
        if album.track_count > MOST_TRACKS:
            raise Invalid(f"this album has more than {MOST_TRACKS} tracks: ask for them as queues")
        return await self._lineup(viewer, await self._catalog.tracks.of_album(album_id), crossfade_ms, player, baked)

    async def queue(
        self,
        viewer: Viewer,
        ids: Sequence[TrackId],
        *,
        crossfade_ms: int,
        player: Abilities = UNKNOWN,
        baked: Baked = AS_IT_IS,
    ) -> Lineup:
        """These tracks in this order; one may come more than once.

        Indexes what nobody has yet. Raises NotFound for a track that is not there, and names it; Invalid for more than
        MOST_TRACKS, none, or what lasts too long; Damaged where none of them can be played; Unavailable where this
        takes longer than one waits, or a disk is away.
        """
        if not 0 < len(ids) <= MOST_TRACKS:
            raise Invalid(f"between 1 and {MOST_TRACKS} tracks", field="tracks")
        by_id = {track.id: track for track in await self._catalog.tracks.of_ids(list(dict.fromkeys(ids)))}
        missing = next((i for i in ids if i not in by_id), None)
        if missing is not None:
            raise NotFound(f"there is no track {missing}, or its file is missing")
        return await self._lineup(viewer, [by_id[i] for i in ids], crossfade_ms, player, baked)

    async def _lineup(
        self, viewer: Viewer, tracks: Sequence[Track], crossfade_ms: int, player: Abilities, baked: Baked
    ) -> Lineup:
        if not 0 <= crossfade_ms <= CROSSFADE_MOST_MS:
            raise Invalid(f"crossfade_ms must be between 0 and {CROSSFADE_MOST_MS}", field="crossfade_ms")
        if sum(track.duration_ms for track in tracks) > MOST_HOURS * 3_600_000:
            raise _too_long()
        found = await self._heard(tracks)
        heard = [(track, one) for track in tracks if isinstance(one := found[track.id], Sound)]
        left_out = [LeftOut(t.id, t.title, str(one)) for t in tracks if not isinstance(one := found[t.id], Sound)]
        if not heard:
            raise Damaged("none of these tracks can be played")
        if sum(sound.index.length_samples / sound.index.rate_hz for _, sound in heard) > MOST_HOURS * 3600:
            raise _too_long()  # a file may say of itself that it is shorter
        gains_db = await self._levels.gains_db(viewer, [track for track, _ in heard], baked)
        is_night = baked.is_night and await self._levels.can_be_night({sound.digest for _, sound in heard})
        # One gain for all stands in the recipe, as that of a single track: the timeline is the one without any.
        of_all = Shape.of_db(gains_db[0] if len(set(gains_db)) == 1 else 0.0, is_night=is_night)
        of_each = [Shape.of_db(gain_db).gain - of_all.gain for gain_db in gains_db]
        parts = [Part.of(one.digest, one.index, gain) for (_, one), gain in zip(heard, of_each, strict=True)]
        timeline = await asyncio.to_thread(joined, parts, crossfade_ms)
        await self._keep(viewer, timeline)
        timeline, ladder = await self._streaming.segments.shaped(timeline, of_all)

        def ms(samples: int) -> int:
            return round(samples * 1000 / timeline.rate_hz)

        duration_ms = ms(timeline.length_samples)
        signer = Signer(ladder, self._addresses, viewer, timeline.digest, duration_ms)
        signed = signer.signed(timeline, player, is_shaped=is_night or any(gains_db))
        placed = tuple(
            Placed(track.id, track.title, ms(span.start), ms(span.stop) - ms(span.start), gain_db)
            for (track, _), span, gain_db in zip(heard, timeline.spans(), gains_db, strict=True)
        )
        left = tuple(dict.fromkeys(left_out))
        return Lineup(signed.hls, signed.dash, signed.offers, duration_ms, placed, left, is_night)

    async def _keep(self, viewer: Viewer, timeline: Timeline) -> None:
        try:
            await self._streaming.timelines.keep(timeline, viewer.user_id)
        except NotFound as error:  # the person was removed a moment ago
            raise Unauthenticated("sign in first, or send a valid token") from error

    async def _heard(self, tracks: Sequence[Track]) -> Mapping[TrackId, Sound | MediaServerError]:
        """The sound of each, or why it has none. Raises Unavailable."""
        paths = await self._catalog.tracks.paths(list({track.id for track in tracks}))
        turns = asyncio.Semaphore(_AT_ONCE)

        async def one(track_id: TrackId) -> Sound | MediaServerError:
            if track_id not in paths:
                return NotFound("the file is missing")
            async with turns:
                try:
                    return await self._sounds.of_file(paths[track_id])
                except MediaServerError as error:
                    return error

        ids = list(dict.fromkeys(track.id for track in tracks))
        try:
            async with asyncio.timeout(self._patience_s):  # what is begun goes on, and is there when they ask again
                found = dict(zip(ids, await asyncio.gather(*map(one, ids)), strict=True))
        except TimeoutError:
            raise Unavailable("these tracks are being prepared", retry_after_s=5) from None
        for error in found.values():
            if isinstance(error, Unavailable):
                raise error
        return found


def _too_long() -> Invalid:
    return Invalid(f"these last longer than {MOST_HOURS} hours", field="tracks")
