"""How loud the music is, by how much to turn it up or down, and how far the measuring has come."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from mediaserver.accounts.permits import Viewer
from mediaserver.catalog.albums import Albums
from mediaserver.catalog.shapes import TAGGED_LUFS, Track
from mediaserver.catalog.tracks import Tracks
from mediaserver.core.settings import Loudness as Wanted
from mediaserver.core.units import AlbumId, TrackId
from mediaserver.sound.loudness import Loudness, Meter
from mediaserver.sound.measuring import Measuring, Progress
from mediaserver.streaming import levelling

__all__ = ["AS_IT_IS", "Baked", "Heard", "Level", "Levels", "Measuring", "Progress", "TrackLevels"]

Source = Literal["measured", "tags"]
Way = Literal["track", "album", "smart"]
"""Of levelling."""


@dataclass(frozen=True, slots=True)
class Heard:
    """How loud a track or an album is. None of what is silent, too short, or not told."""

    integrated_lufs: float | None
    range_lu: float | None
    true_peak_dbtp: float | None
    source: Source


@dataclass(frozen=True, slots=True)
class Level:
    """The same, with what leads to the target."""

    integrated_lufs: float | None
    range_lu: float | None
    true_peak_dbtp: float | None
    source: Source
    gain_db: float | None


@dataclass(frozen=True, slots=True)
class TrackLevels:
    target_lufs: float
    track: Level | None
    """None: not measured yet, and not told by tags."""
    album: Level | None
    """None: some of its tracks are not measured yet."""
    smart: Literal["track", "album"]
    """Which of both suits this track where nothing is known of what is played before and after it."""

    def gain_db(self, of: Way, preamp_db: float = 0.0) -> float:
        """The gain for this kind of levelling; that of the track where the album's is not known. Where neither is, what
        plays is turned down by a preamp, and never up."""
        ways = [self.album, self.track] if (self.smart if of == "smart" else of) == "album" else [self.track]
        for one in ways:
            if one is not None and one.integrated_lufs is not None:
                wanted = self.target_lufs + preamp_db
                return levelling.gain_db(one.integrated_lufs, one.true_peak_dbtp, wanted) or 0.0
        return min(0.0, preamp_db)


@dataclass(frozen=True, slots=True)
class Baked:
    """What is to be baked into the sound, for players that do none of it themselves."""

    level: Way | None = None
    """None: as loud as it is."""
    preamp_db: float = 0.0
    is_night: bool = False


AS_IT_IS = Baked()


class Levels:
    """Every signed-in person may know; the Viewer is asked for so that this can change in one place."""

    def __init__(self, measuring: Measuring, tracks: Tracks, albums: Albums, wanted: Wanted) -> None:
        self._measuring, self._tracks, self._albums, self._wanted = measuring, tracks, albums, wanted
        self._meter: Meter = measuring.meter
        self.target_lufs = float(wanted.target_lufs + wanted.preamp_db)

    def progress(self, viewer: Viewer) -> Progress:
        """It names nothing."""
        return self._measuring.progress()

    async def of_tracks(self, viewer: Viewer, tracks: Sequence[Track]) -> dict[TrackId, Heard]:
        """Of at most 500 tracks, those of which something is known. Two queries, however many."""
        paths = await self._tracks.paths([one.id for one in tracks])
        measured = await self._meter.of_files(list(paths.values()))
        heard = {one.id: self._chosen(measured.get(paths.get(one.id, "")), _of_track(one)) for one in tracks}
        return {track_id: one for track_id, one in heard.items() if one is not None}

    async def of_album(self, viewer: Viewer, album_id: AlbumId, tracks: Sequence[Track]) -> Heard | None:
        """Of an album with these tracks: over all of them, or what their tags tell of it."""
        return self._chosen(await self._measured_album(album_id), next(filter(None, map(_of_album, tracks)), None))

    async def of_track(self, viewer: Viewer, track_id: TrackId) -> TrackLevels:
        """With its gains. Raises NotFound."""
        track = await self._tracks.get(track_id)
        heard = (await self.of_tracks(viewer, [track])).get(track_id)
        album = self._chosen(await self._measured_album(track.album_id), _of_album(track))
        return TrackLevels(self.target_lufs, self._level(heard), self._level(album), await self._smart(track.album_id))

    async def gains_db(self, viewer: Viewer, tracks: Sequence[Track], baked: Baked) -> list[float]:
        """Of tracks that are played in this order. `smart` is the album's gain for neighbours of one album, else the
        track's. Each album and each track is looked up once."""
        if baked.level is None:
            return [0.0] * len(tracks)
        heard = await self.of_tracks(viewer, list({one.id: one for one in tracks}.values()))
        ways = [_way(baked.level, tracks, n) for n in range(len(tracks))]
        albums = {}
        for track in {one.album_id: one for one, way in zip(tracks, ways, strict=True) if way == "album"}.values():
            albums[track.album_id] = self._chosen(await self._measured_album(track.album_id), _of_album(track))
        gains = []
        for track, way in zip(tracks, ways, strict=True):
            levels = (self._level(heard.get(track.id)), self._level(albums.get(track.album_id)))
            gains.append(TrackLevels(self.target_lufs, *levels, "track").gain_db(way, baked.preamp_db))
        return gains

    async def can_be_night(self, digests: Collection[str]) -> bool:
        """Whether of all these sounds, at most 500, is known what is made for the night."""
        return await self._meter.are_measured(digests)

    async def _measured_album(self, album_id: AlbumId) -> Loudness | None:
        return await self._meter.together(await self._tracks.paths_of_album(album_id))

    async def _smart(self, album_id: AlbumId) -> Literal["track", "album"]:
        """An album of one artist was made to be heard as a whole, its soft tracks soft."""
        found = await self._albums.of_ids([album_id])
        is_whole = bool(found) and not found[0].is_compilation and found[0].track_count > 1
        return "album" if is_whole else "track"

    def _chosen(self, measured: Loudness | None, tagged: Heard | None) -> Heard | None:
        if measured is None or (self._wanted.prefer_tags and tagged is not None):
            return tagged
        return Heard(measured.integrated_lufs, measured.range_lu, measured.true_peak_dbtp, "measured")

    def _level(self, one: Heard | None) -> Level | None:
        if one is None:
            return None
        gain_db = levelling.gain_db(one.integrated_lufs, one.true_peak_dbtp, self.target_lufs)
        return Level(one.integrated_lufs, one.range_lu, one.true_peak_dbtp, one.source, gain_db)


def _way(level: Way, tracks: Sequence[Track], n: int) -> Way:
    """How track `n` is levelled: smart is as its album beside another track of it, else by itself."""
    if level != "smart":
        return level
    track, beside = tracks[n], [*tracks[max(0, n - 1) : n], *tracks[n + 1 : n + 2]]
    return "album" if any(one.album_id == track.album_id and one.id != track.id for one in beside) else "track"


def _of_track(track: Track) -> Heard | None:
    return _tagged(track.tagged.track_gain_db, track.tagged.track_peak)


def _of_album(track: Track) -> Heard | None:
    return _tagged(track.tagged.album_gain_db, track.tagged.album_peak)


def _tagged(gain_db: float | None, peak: float | None) -> Heard | None:
    if gain_db is None:
        return None
    return Heard(TAGGED_LUFS - gain_db, None, 20 * math.log10(peak) if peak is not None else None, "tags")
