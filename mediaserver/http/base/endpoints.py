"""Typed handlers: their annotations are what is read, what is answered, and what the API's document says.

    door = Door("Browsing", "What music there is.", is_revalidated=True)

    @door("GET /api/v1/albums/{id}", raises=[Damaged])
    async def album(viewer: Viewer, id: AlbumId) -> AlbumPage:
        \"\"\"An album, with its tracks in their order.\"\"\"

A handler names what it needs: `request`, `viewer` (who is signed in), `query` (a shapes.Query), `body` (a
shapes.Asked), and each part of the path by its name. It returns a shape (200, or `status`), None (204), an
Answer[shape] where it sets headers or a status itself, or a response of its own, of which `content` tells the types.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from aiohttp import web

from mediaserver.core.errors import MediaServerError
from mediaserver.http.base import body, params, queries
from mediaserver.http.base.auth import VIEWER
from mediaserver.http.base.public import is_public
from mediaserver.http.base.replies import Answer, revalidated

Handler = Callable[..., Awaitable[Any]]
H = TypeVar("H", bound=Handler)
Read = Callable[[web.Request], Any]


@dataclass(frozen=True, slots=True)
class Endpoint(web.AbstractRouteDef):
    """One address and method, as it is served and as it is documented."""

    method: str
    path: str
    handler: Handler
    door: Door
    parts: Mapping[str, Any]
    """Type of each part of the path that the handler names."""
    query: type | None
    body: type | None
    answer: Any
    """A shape; None for an empty answer or one of `content` that has none."""
    content: Sequence[str]
    """Media types of the answer; empty where there is none."""
    status: int
    also: Mapping[int, str]
    """Further statuses and what each means: answered with the same content, or none."""
    raises: Sequence[type[MediaServerError]]
    """What its handler raises beyond what every endpoint may."""
    is_admins: bool

    @property
    def is_public(self) -> bool:
        return is_public(self.method, self.path)

    @property
    def is_revalidated(self) -> bool:
        return self.method == "GET" and self.answer is not None and self.door.is_revalidated

    def register(self, router: web.UrlDispatcher) -> list[web.AbstractRoute]:
        if self.method == "GET":
            return [router.add_get(self.path, self._served())]  # with HEAD
        return [router.add_route(self.method, self.path, self._served())]

    def _served(self) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        readers = dict(self._readers())

        async def serve(request: web.Request) -> web.StreamResponse:
            if self.is_admins:
                request[VIEWER].must_be_admin()
            given = {name: read(request) for name, read in readers.items()}
            if self.body is not None:
                given["body"] = await body.read(request, self.body)
            answer = await self.handler(**given)
            if answer is None:
                return web.Response(status=self.status)
            if not isinstance(answer, web.StreamResponse):
                answer = Answer(answer, status=self.status)
            return revalidated(request, answer) if self.is_revalidated else answer

        return serve

    def _readers(self) -> Sequence[tuple[str, Read]]:
        """How each argument but the body is read from a request."""
        readers: list[tuple[str, Read]] = [(name, _part(name, kind)) for name, kind in self.parts.items()]
        if self.query is not None:
            readers.append(("query", queries.reader(self.query)))
        asked = inspect.signature(self.handler).parameters
        if "viewer" in asked:
            readers.append(("viewer", lambda request: request[VIEWER]))
        if "request" in asked:
            readers.append(("request", lambda request: request))
        return readers


class Door:
    """Endpoints that belong together, in the order in which they were declared."""

    def __init__(self, name: str, description: str, *, is_revalidated: bool = False) -> None:
        """`is_revalidated`: GETs have an ETag, and browsers keep them. Not for what is secret."""
        self.name = name
        self.description = description
        self.is_revalidated = is_revalidated
        self.endpoints: list[Endpoint] = []

    def __call__(
        self,
        address: str,
        *,
        status: int | None = None,
        raises: Sequence[type[MediaServerError]] = (),
        also: Mapping[int, str] | None = None,
        content: Sequence[str] = (),
        shape: Any = None,
        is_admins: bool = False,
    ) -> Callable[[H], H]:
        """Declares an endpoint; `address` is method and path as the reference writes them.

        `shape` is for the document: of what a response of the handler's own is made.

        Raises TypeError for a handler whose annotations do not tell all: a fault of the program.
        """
        method, path = address.split()

        def declare(handler: H) -> H:
            hints = get_type_hints(handler, include_extras=True)
            answer = hints.pop("return", Any)
            if get_origin(answer) is Answer:
                (answer,) = get_args(answer)
            is_own = isinstance(answer, type) and issubclass(answer, web.StreamResponse)
            is_empty = answer in (None, type(None))
            if answer is Any or is_own != bool(content) or not handler.__doc__:
                raise TypeError(f"{handler.__qualname__}: what it answers, or its docstring, is missing")
            rest = {name: hint for name, hint in hints.items() if name not in ("request", "viewer", "query", "body")}
            if any(f"{{{name}}}" not in path for name in rest) or ("viewer" in hints and is_public(method, path)):
                raise TypeError(f"{handler.__qualname__}: {address} gives it no {', '.join(rest) or 'viewer'}")
            endpoint = Endpoint(
                method=method,
                path=path,
                handler=handler,
                door=self,
                parts=rest,
                query=hints.get("query"),
                body=hints.get("body"),
                answer=shape if is_own else None if is_empty else answer,
                content=content or ([] if is_empty else ["application/json"]),
                status=status or (204 if is_empty else 200),
                also=also or {},
                raises=raises,
                is_admins=is_admins,
            )
            self.endpoints.append(endpoint)
            return handler

        return declare


def _part(name: str, kind: Any) -> Read:
    """A part of the path: text, or a whole number of which every other writing is not found."""
    if getattr(kind, "__supertype__", kind) is int:
        return lambda request: params.path_id(request, name)
    return lambda request: params.checked_text(request.match_info[name], name)
