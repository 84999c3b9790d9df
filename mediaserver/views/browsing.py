"""The catalogue as one person sees it."""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.accounts.permits import Viewer
from mediaserver.catalog import Catalog
from mediaserver.catalog.albums import Sort as AlbumSort
from mediaserver.catalog.counting import Counts
from mediaserver.catalog.shapes import Album, Artist, Genre, Page, PictureFile, Track
from mediaserver.catalog.tracks import Sort as TrackSort
from mediaserver.core.units import AlbumId, ArtistId, GenreId, TrackId

__all__ = [
    "Album",
    "AlbumPage",
    "AlbumSort",
    "Artist",
    "ArtistPage",
    "Browsing",
    "Counts",
    "Genre",
    "Page",
    "PictureFile",
    "Track",
    "TrackSort",
]


@dataclass(frozen=True, slots=True)
class ArtistPage:
    artist: Artist
    albums: list[Album]
    appears_on: list[Album]


@dataclass(frozen=True, slots=True)
class AlbumPage:
    album: Album
    tracks: tuple[Track, ...]


class Browsing:
    """Every signed-in person sees every library; the Viewer is asked for so that this can change in one place."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def counts(self, viewer: Viewer) -> Counts:
        return await self._catalog.counting.counts()

    async def artists(self, viewer: Viewer, *, limit: int, cursor: str | None) -> Page[Artist]:
        return await self._catalog.artists.page(limit=limit, cursor=cursor)

    async def artist(self, viewer: Viewer, artist_id: ArtistId) -> ArtistPage:
        """With the artist's albums and those it appears on. Raises NotFound."""
        artist = await self._catalog.artists.get(artist_id)
        albums = await self._catalog.albums.by_artist(artist_id)
        return ArtistPage(artist, albums, await self._catalog.albums.appears_on(artist_id))

    async def albums(
        self,
        viewer: Viewer,
        *,
        sort: AlbumSort,
        descending: bool,
        artist_id: ArtistId | None,
        genre_id: GenreId | None,
        limit: int,
        cursor: str | None,
    ) -> Page[Album]:
        return await self._catalog.albums.page(
            sort=sort, descending=descending, artist_id=artist_id, genre_id=genre_id, limit=limit, cursor=cursor
        )

    async def album(self, viewer: Viewer, album_id: AlbumId) -> AlbumPage:
        """With its tracks in their order. Raises NotFound."""
        album = await self._catalog.albums.get(album_id)
        return AlbumPage(album, await self._catalog.tracks.of_album(album_id))

    async def tracks(
        self,
        viewer: Viewer,
        *,
        sort: TrackSort,
        descending: bool,
        artist_id: ArtistId | None,
        album_id: AlbumId | None,
        genre_id: GenreId | None,
        limit: int,
        cursor: str | None,
    ) -> Page[Track]:
        return await self._catalog.tracks.page(
            sort=sort,
            descending=descending,
            artist_id=artist_id,
            album_id=album_id,
            genre_id=genre_id,
            limit=limit,
            cursor=cursor,
        )

    async def track(self, viewer: Viewer, track_id: TrackId) -> Track:
        """Raises NotFound."""
        return await self._catalog.tracks.get(track_id)

    async def genres(self, viewer: Viewer, *, limit: int, cursor: str | None) -> Page[Genre]:
        return await self._catalog.genres.page(limit=limit, cursor=cursor)

    async def picture(self, viewer: Viewer, digest: str) -> PictureFile:
        """Raises NotFound."""
        return await self._catalog.pictures.file(digest)
