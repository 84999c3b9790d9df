"""GET artists, albums, tracks and genres."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mediaserver.accounts.permits import Viewer
from mediaserver.core.units import AlbumId, ArtistId, GenreId, TrackId
from mediaserver.http.api import shapes
from mediaserver.http.api.shapes import Album, AlbumWithTracks, Artist, ArtistWithAlbums, Genre, Track
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.shapes import Page, Paging, page
from mediaserver.views.browsing import AlbumSort, Browsing, TrackSort
from mediaserver.views.levels import Levels

Order = Literal["asc", "desc"]
OfArtist = Annotated[ArtistId, Meta(description="only of this artist")]
OfAlbum = Annotated[AlbumId, Meta(description="only of this album")]
OfGenre = Annotated[GenreId, Meta(description="only of this genre")]


class AlbumsAsked(Paging):
    sort: AlbumSort = "title"
    order: Order = "asc"
    artist: OfArtist | None = None
    genre: OfGenre | None = None


class TracksAsked(Paging):
    sort: TrackSort = "title"
    order: Order = "asc"
    artist: OfArtist | None = None
    album: OfAlbum | None = None
    genre: OfGenre | None = None


def routes(browsing: Browsing, levels: Levels) -> list[Endpoint]:
    door = Door("Browsing", "The catalogue, as it was tagged.", is_revalidated=True)

    @door("GET /api/v1/artists")
    async def artists(viewer: Viewer, query: Paging) -> Page[Artist]:
        """Artists by name."""
        return page(await browsing.artists(viewer, limit=query.limit, cursor=query.cursor), shapes.artist)

    @door("GET /api/v1/artists/{id}")
    async def artist(viewer: Viewer, id: ArtistId) -> ArtistWithAlbums:
        """An artist, with the own albums and those it appears on."""
        found = await browsing.artist(viewer, id)
        return ArtistWithAlbums(
            **msgspec.structs.asdict(shapes.artist(found.artist)),
            albums=[shapes.album(one) for one in found.albums],
            appears_on=[shapes.album(one) for one in found.appears_on],
        )

    @door("GET /api/v1/albums")
    async def albums(viewer: Viewer, query: AlbumsAsked) -> Page[Album]:
        """Albums, of all or of one artist or genre."""
        found = await browsing.albums(
            viewer,
            sort=query.sort,
            descending=query.order == "desc",
            artist_id=query.artist,
            genre_id=query.genre,
            limit=query.limit,
            cursor=query.cursor,
        )
        return page(found, shapes.album)

    @door("GET /api/v1/albums/{id}")
    async def album(viewer: Viewer, id: AlbumId) -> AlbumWithTracks:
        """An album, with its tracks in their order."""
        found = await browsing.album(viewer, id)
        heard = await levels.of_tracks(viewer, found.tracks)
        return AlbumWithTracks(
            **msgspec.structs.asdict(shapes.album(found.album)),
            tracks=[shapes.track(one, heard.get(one.id)) for one in found.tracks],
            loudness=shapes.loudness(await levels.of_album(viewer, id, found.tracks)),
        )

    @door("GET /api/v1/tracks")
    async def tracks(viewer: Viewer, query: TracksAsked) -> Page[Track]:
        """Tracks, of all or of one artist, album or genre."""
        found = await browsing.tracks(
            viewer,
            sort=query.sort,
            descending=query.order == "desc",
            artist_id=query.artist,
            album_id=query.album,
            genre_id=query.genre,
            limit=query.limit,
            cursor=query.cursor,
        )
        heard = await levels.of_tracks(viewer, found.items)
        return page(found, lambda one: shapes.track(one, heard.get(one.id)))

    @door("GET /api/v1/tracks/{id}")
    async def track(viewer: Viewer, id: TrackId) -> Track:
        """A track."""
        found = await browsing.track(viewer, id)
        return shapes.track(found, (await levels.of_tracks(viewer, [found])).get(id))

    @door("GET /api/v1/genres")
    async def genres(viewer: Viewer, query: Paging) -> Page[Genre]:
        """Genres by name."""
        return page(await browsing.genres(viewer, limit=query.limit, cursor=query.cursor), Genre.of)

    return door.endpoints
