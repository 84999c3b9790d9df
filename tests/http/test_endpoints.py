"""What a typed handler reads and refuses, and how answers are kept by browsers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from msgspec import Meta

from mediaserver.accounts.permits import Viewer
from mediaserver.core.errors import Conflict, Invalid
from mediaserver.core.units import TrackId
from mediaserver.http.base import openapi, queries
from mediaserver.http.base.endpoints import Door
from mediaserver.http.base.shapes import Paging, Query, Shape
from tests.server import Running, bearer


class Thing(Shape):
    """A thing."""

    id: TrackId


class Looked(Paging, kw_only=True):
    q: str
    kind: Literal["a", "b"] = "a"
    reason: Literal["x", "y"] | None = None
    size: Annotated[int, Meta(ge=1, le=9)] = 3
    of: TrackId | None = None


def test_a_query_is_read_by_its_shape_and_its_words_name_the_field() -> None:
    read = queries.reader(Looked)

    def ask(text: str) -> Any:
        return read(make_mocked_request("GET", f"/x?{text}"))

    assert ask("q=") == Looked(q="")
    assert ask("q=1&kind=b&reason=y&size=9&of=7&limit=2&cursor=c&more=1") == Looked(
        q="1", kind="b", reason="y", size=9, of=TrackId(7), limit=2, cursor="c"
    )
    assert ask("q=1&reason=&cursor=&size=&limit=") == Looked(q="1")
    for text, field, words in (
        ("", "q", "q is missing"),
        ("q=1&q=2", "q", "more than once"),
        ("q=1&kind=c", "kind", "one of a, b"),
        ("q=1&reason=z", "reason", "one of x, y"),
        ("q=1&reason=&reason=x", "reason", "more than once"),
        ("q=1&size=10", "size", "between 1 and 9"),
        ("q=1&of=-1", "of", "between 0 and"),
        ("q=1&of=", "of", "whole number"),
    ):
        with pytest.raises(Invalid, match=words) as caught:
            ask(text)
        assert caught.value.field == field


def test_a_query_of_a_type_without_a_form_in_an_address_is_a_fault_of_the_program() -> None:
    class Odd(Query):
        when: dict[str, str] = {}  # noqa: RUF012 # msgspec copies it

    with pytest.raises(TypeError, match="when"):
        queries.reader(Odd)


async def _unanswered(viewer: Viewer):  # type: ignore[no-untyped-def]
    """Says nothing of its answer."""


async def _silent(viewer: Viewer) -> Thing:
    pass


async def _elsewhere(viewer: Viewer, part: str) -> None:
    """Asks for a part that the path has not."""


async def _raw(viewer: Viewer) -> web.Response:
    """Does not say of what types its answer is."""


async def _stranger(viewer: Viewer) -> None:
    """Asks who is signed in where everybody may come."""


@pytest.mark.parametrize(
    ("address", "handler"),
    [
        ("GET /api/v1/things", _unanswered),
        ("GET /api/v1/things", _silent),
        ("GET /api/v1/things", _elsewhere),
        ("GET /api/v1/things", _raw),
        ("GET /healthz", _stranger),
    ],
)
def test_a_handler_that_does_not_tell_all_cannot_be_served(address: str, handler: Any) -> None:
    with pytest.raises(TypeError, match=handler.__name__):
        Door("Things", "All of them.")(address)(handler)


def test_what_may_go_wrong_follows_from_what_an_endpoint_is() -> None:
    door = Door("Things", "All of them.")

    @door("GET /api/v1/things/{id}")
    async def thing(viewer: Viewer, id: TrackId) -> Thing:
        """A thing."""
        return Thing(id)

    @door("DELETE /api/v1/things/{name}", is_admins=True, raises=[Conflict])
    async def remove(viewer: Viewer, name: str) -> None:
        """Removes it."""

    @door("GET /healthz")
    async def well() -> None:
        """Whether it lives."""

    assert [openapi.problems_of(one) for one in door.endpoints] == [
        [401, 404, 503],
        [400, 401, 403, 404, 409, 503],
        [503],
    ]


def test_two_handlers_of_one_name_make_no_document() -> None:
    door = Door("Things", "All of them.")
    for address in ("GET /api/v1/a", "GET /api/v1/b"):
        door(address)(_fine)
    with pytest.raises(ValueError, match="_fine"):
        openapi.document(door.endpoints, title="t", version="1", description="d")


async def _fine() -> None:
    """Is fine."""


async def ask(house: Running, path: str, token: str, *, method: str = "GET", known: str = "") -> Any:
    headers = bearer(token) | ({"If-None-Match": known} if known else {})
    async with house.client.request(method, house.base + path, headers=headers) as answer:
        return answer.status, answer.headers.copy(), await answer.read()


KEPT = ("artists", "albums", "tracks", "genres", "search?q=a", "albums/1", "tracks/1", "artists/1", "openapi.json")


async def test_what_has_not_changed_is_not_sent_again(house: Running) -> None:
    token = await house.sign_up()
    for path in KEPT:
        await _is_kept(house, token, f"/api/v1/{path}")


async def _is_kept(house: Running, token: str, path: str) -> None:
    status, headers, body = await ask(house, path, token)
    tag = headers["ETag"]
    assert (status, headers["Cache-Control"]) == (200, "private, no-cache")
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        status, again, nothing = await ask(house, path, token, known=known)
        assert (status, nothing, again["ETag"], again["Cache-Control"]) == (304, b"", tag, "private, no-cache"), known
    for known in ('"other"', tag[:-2] + '"', "nonsense", '"'):
        status, again, anew = await ask(house, path, token, known=known)
        assert (status, again["ETag"], anew) == (200, tag, body), known
    status, heads, nothing = await ask(house, path, token, method="HEAD")
    assert (status, nothing, heads["ETag"], heads["Content-Length"]) == (200, b"", tag, str(len(body)))
    assert (await ask(house, path, token, method="HEAD", known=tag))[0] == 304


async def test_a_list_that_changes_has_another_tag(house: Running) -> None:
    token = await house.sign_up()
    tags = {(await ask(house, f"/api/v1/tracks?limit={n}", token))[1]["ETag"] for n in (1, 2, 3)}
    assert len(tags) == 3


async def test_secrets_and_what_changes_by_itself_are_kept_by_nobody(house: Running) -> None:
    token = await house.sign_up()
    for path in ("me", "sessions", "tokens", "users", "tracks/1/playback", "scan", "scan/problems"):
        status, headers, _ = await ask(house, f"/api/v1/{path}", token, known="*")
        assert (status, headers["Cache-Control"]) == (200, "no-store"), path
        assert "ETag" not in headers, path
        assert (await ask(house, f"/api/v1/{path}", "ms_" + "x" * 43, known="*"))[0] == 401, path


async def test_a_stranger_learns_nothing_by_a_tag(house: Running) -> None:
    token = await house.sign_up()
    tag = (await ask(house, "/api/v1/albums", token))[1]["ETag"]
    status, headers, _ = await ask(house, "/api/v1/albums", "ms_" + "x" * 43, known=tag)
    assert status == 401
    assert "ETag" not in headers
