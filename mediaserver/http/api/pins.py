"""GET pins, and PUT and DELETE pins/albums/{id} and pins/tracks/{id}: what a person wants kept ready."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from mediaserver.accounts.permits import Viewer
from mediaserver.core.errors import Conflict
from mediaserver.core.units import AlbumId, TrackId
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.shapes import AtMs, Page, Shape
from mediaserver.views.keeping import Keeping


class Pin(Shape):
    """An album or a track that is to be ready."""

    id: int
    album_id: Annotated[AlbumId | None, Meta(description="null of a track", examples=[7])]
    track_id: Annotated[TrackId | None, Meta(description="null of an album", examples=[None])]
    title: Annotated[str, Meta(examples=["Homogenic"])]
    artist: Annotated[str, Meta(examples=["Björk"])]
    pinned_at_ms: AtMs


def routes(keeping: Keeping) -> list[Endpoint]:
    door = Door("Kept ready", "Albums and tracks whose sound stays in the cache, and is made ahead at night.")

    @door("GET /api/v1/pins")
    async def pins(viewer: Viewer) -> Page[Pin]:
        """Own ones, the newest first, all at once."""
        return Page([Pin.of(one) for one in await keeping.all(viewer)], None)

    @door("PUT /api/v1/pins/albums/{id}", raises=[Conflict])
    async def pin_album(viewer: Viewer, id: AlbumId) -> None:
        """Keeps an album ready."""
        await keeping.keep(viewer, album_id=id)

    @door("DELETE /api/v1/pins/albums/{id}")
    async def unpin_album(viewer: Viewer, id: AlbumId) -> None:
        """Lets go of an album."""
        await keeping.let_go(viewer, album_id=id)

    @door("PUT /api/v1/pins/tracks/{id}", raises=[Conflict])
    async def pin_track(viewer: Viewer, id: TrackId) -> None:
        """Keeps a track ready."""
        await keeping.keep(viewer, track_id=id)

    @door("DELETE /api/v1/pins/tracks/{id}")
    async def unpin_track(viewer: Viewer, id: TrackId) -> None:
        """Lets go of a track."""
        await keeping.let_go(viewer, track_id=id)

    return door.endpoints
