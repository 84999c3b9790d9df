"""Where the server's addresses begin: at `/`, or at a path of their own behind a proxy (`server.base_path`).

Inside, no address knows of it: it is taken off each request before anything is routed, and `address` puts it before
whatever a browser or player is given. A proxy passes paths on as they are. Decision 0022.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.typedefs import Handler, Middleware

from mediaserver.core.errors import NotFound

Name = TypeVar("Name")
RequestFactory = Callable[..., web.BaseRequest]

OUTSIDE = web.RequestKey("outside", bool)
"""Set on a request whose address does not begin with the base path."""
_base: ContextVar[str] = ContextVar("base_path", default="")
"""Of the request that is being answered; without a slash at its end."""


def address(path: str) -> str:
    """Where a client finds `path`, which begins with a slash, on this server."""
    return _base.get() + path


def addresses(paths: Mapping[Name, str]) -> dict[Name, str]:
    """The same of several, by their names."""
    return {name: address(path) for name, path in paths.items()}


def relative(path: str, base: str) -> str | None:
    """`path` as it is written in here; None where it lies outside. Both are as they stand in a request."""
    return path.removeprefix(base) if path.startswith(f"{base}/") else None


def requests_within(base: str, factory: RequestFactory) -> RequestFactory:
    """Makes requests as `factory` does, with `base` taken off their paths."""
    if not base:
        return factory

    def made(message: RawRequestMessage, *rest: Any) -> web.BaseRequest:
        path = relative(message.url.raw_path, base)
        if path is None:
            request = factory(message, *rest)
            request[OUTSIDE] = True
            return request
        url = message.url.with_path(path, encoded=True, keep_query=True)
        return factory(message._replace(path=url.raw_path_qs, url=url), *rest)

    return made


def middleware(base: str) -> Middleware:
    """Outside of everything: what is made inside may ask `address`."""

    @web.middleware
    async def tell(request: web.Request, handler: Handler) -> web.StreamResponse:
        _base.set(base)
        return await handler(request)

    return tell


def guard(base: str) -> Middleware:
    """What lies outside is not here; who only left the last slash away is led in."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.get(OUTSIDE):
            if request.rel_url.raw_path == base and request.method in ("GET", "HEAD"):
                query = request.rel_url.raw_query_string
                raise web.HTTPTemporaryRedirect(f"{base}/{'?' if query else ''}{query}")
            raise NotFound(
                f"the addresses of this server begin with {base}/ (server.base_path); a proxy in front of it has to"
                " pass paths on as they are"
            )
        return await handler(request)

    return check
