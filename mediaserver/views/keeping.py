"""Albums and tracks that people want kept ready: who wants what, and whether there is room for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mediaserver.accounts.permits import Viewer
from mediaserver.catalog import Catalog
from mediaserver.checkup.findings import Finding, size
from mediaserver.core.errors import NotFound, Unauthenticated
from mediaserver.core.units import AlbumId, TrackId
from mediaserver.listening.pins import MOST_OF_ONE, Pin, Pins
from mediaserver.streaming.ready import Status

__all__ = ["MOST_OF_ONE", "Keeping", "Kept"]

_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Kept:
    """An album or a track that a person wants kept ready."""

    id: int
    album_id: AlbumId | None
    track_id: TrackId | None
    """One of both."""
    title: str
    artist: str
    pinned_at_ms: int


class Keeping:
    def __init__(self, pins: Pins, catalog: Catalog) -> None:
        self._pins = pins
        self._catalog = catalog

    async def all(self, viewer: Viewer) -> list[Kept]:
        """The person's own, the newest first."""
        pins = await self._pins.of(viewer.user_id)
        albums = {
            one.id: one for one in await self._catalog.albums.of_ids([one.album_id for one in pins if one.album_id])
        }
        tracks = await self._catalog.tracks.titles({one.track_id for one in pins if one.track_id})

        def kept(one: Pin) -> Kept:
            if one.album_id is not None:
                album = albums.get(one.album_id)
                title, artist = (album.title, album.artist_credit) if album is not None else ("", "")
            else:
                title, artist = tracks.get(one.track_id or TrackId(0), ("", ""))
            return Kept(one.id, one.album_id, one.track_id, title, artist, one.pinned_at_ms)

        return [kept(one) for one in pins]

    async def keep(self, viewer: Viewer, *, album_id: AlbumId | None = None, track_id: TrackId | None = None) -> None:
        """One of both. Raises NotFound, and Conflict where this person has too many."""
        if album_id is not None:
            await self._catalog.albums.get(album_id)
        elif track_id is not None:
            await self._catalog.tracks.get(track_id)
        try:
            await self._pins.add(viewer.user_id, album_id=album_id, track_id=track_id)
        except NotFound as error:  # the person, or the music, was removed a moment ago
            raise Unauthenticated("sign in first, or send a valid token") from error

    async def let_go(self, viewer: Viewer, *, album_id: AlbumId | None = None, track_id: TrackId | None = None) -> None:
        """One of both; nothing happens where it was not kept."""
        await self._pins.remove(viewer.user_id, album_id=album_id, track_id=track_id)

    async def files(self) -> list[str]:
        """All that anybody wants kept ready, what was wanted last first."""
        pins = await self._pins.all()
        track_ids = list({one.track_id for one in pins if one.track_id is not None})
        tracks: dict[TrackId, str] = {}
        for at in range(0, len(track_ids), _AT_ONCE):
            tracks |= await self._catalog.tracks.paths(track_ids[at : at + _AT_ONCE])
        found: dict[str, None] = {}
        seen: set[AlbumId] = set()
        for one in pins:
            if one.track_id is not None and one.track_id in tracks:
                found[tracks[one.track_id]] = None
            elif one.album_id is not None and one.album_id not in seen:
                seen.add(one.album_id)
                found |= dict.fromkeys(await self._catalog.tracks.paths_of_album(one.album_id))
        return list(found)


def found(status: Status, hours: Sequence[str], *, is_on: bool) -> list[Finding]:
    """How it stands with what is to be ready, for administrators; nothing where nobody wants anything."""
    name = "Kept ready"
    if not status.wanted:
        return []
    counts = f"{status.ready} of {status.wanted} tracks that are to be ready are"
    if status.left_out:
        told = f"{counts}; {status.left_out} have no room in {size(status.share_bytes)}, those that were wanted first"
        remedy = "Set streaming.cache_size_mb or streaming.ready_share higher, or have something let go of."
        return [Finding("cache", name, "warning", told, remedy)]
    if status.failed:
        told = f"{counts}; {status.failed} cannot be made, or not for now"
        return [Finding("cache", name, "warning", told, "Look into the scan report.")]
    left = status.wanted - status.ready
    if left and not is_on:
        return [Finding("cache", name, "ok", f"{counts}; nothing is made ahead, for streaming.ready_quality is off")]
    when = f" at {', '.join(hours)}" if hours else ""
    return [Finding("cache", name, "ok", f"{counts}; the others are made{when}" if left else counts)]
