"""People, for administrators."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from mediaserver.accounts.permits import HIGHEST_RANK, Viewer
from mediaserver.core.errors import Conflict
from mediaserver.core.units import UserId
from mediaserver.http.api.session import NewPassword, PersonsName
from mediaserver.http.api.shapes import Rank, User
from mediaserver.http.base.endpoints import Door, Endpoint
from mediaserver.http.base.shapes import Asked, Page
from mediaserver.views.administration import MOST_STREAMS, STAYS, Administration

MaxStreams = Annotated[int, Meta(ge=0, le=MOST_STREAMS, description="streams at once; null: the house's, 0: no limit")]


class NewUser(Asked):
    """A person to be added."""

    name: PersonsName
    password: NewPassword
    admin: bool = False
    max_rank: Rank = HIGHEST_RANK


class ChangedUser(Asked):
    """What shall change; the rest stays."""

    admin: bool | None = None
    max_rank: Rank | None = None
    max_streams: MaxStreams | UnsetType | None = UNSET
    password: NewPassword | None = None


def routes(administration: Administration) -> list[Endpoint]:
    door = Door("People", "Who has an account. For administrators.")

    @door("GET /api/v1/users", is_admins=True)
    async def users(viewer: Viewer) -> Page[User]:
        """Everybody, by name."""
        return Page([User.of(one) for one in await administration.users(viewer)], None)

    @door("POST /api/v1/users", status=201, is_admins=True, raises=[Conflict])
    async def add_user(viewer: Viewer, body: NewUser) -> User:
        """Adds a person."""
        return User.of(
            await administration.add_user(viewer, body.name, body.password, is_admin=body.admin, max_rank=body.max_rank)
        )

    @door("PATCH /api/v1/users/{id}", is_admins=True, raises=[Conflict])
    async def change_user(viewer: Viewer, id: UserId, body: ChangedUser) -> User:
        """Changes what a person may do, or the password; a new one ends the person's sessions."""
        return User.of(
            await administration.change_user(
                viewer,
                id,
                is_admin=body.admin,
                max_rank=body.max_rank,
                max_streams=STAYS if isinstance(body.max_streams, UnsetType) else body.max_streams,
                password=body.password,
            )
        )

    @door("DELETE /api/v1/users/{id}", is_admins=True, raises=[Conflict])
    async def remove_user(viewer: Viewer, id: UserId) -> None:
        """Removes a person with all sessions and tokens."""
        await administration.remove_user(viewer, id)

    return door.endpoints
