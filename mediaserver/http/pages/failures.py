"""Failures as pages: whoever opens an address in a browser reads words in our style, programs read JSON as ever."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from mediaserver.http.base import auth
from mediaserver.http.base.basepath import OUTSIDE

PROBLEM = "application/problem+json"
_FOR_PROGRAMS = ("/api/", "/e/", "/static/")
_NOT_HERE = ("This is not here", "The address leads nowhere. It may be mistyped, or what stood here is gone.")
_WORDS = {
    400: ("This cannot be asked", "Something in the address is wrong."),
    403: ("This is not for you", "This account, or this way to the server, may not open it."),
    404: _NOT_HERE,
    429: ("Too many at once", "Wait a moment, then try again."),
    503: ("Not just now", "The server is busy or not ready yet. Try again in a moment."),
}
_OUTSIDE = ("The music is one step further", "Addresses of this server begin with a path of its own.")
_OTHERWISE = ("That did not work", "The server made a mistake; its log says more.")


def wants_page(request: web.Request) -> bool:
    """Whether a person looks at the answer: a browser names text/html when it opens an address, scripts do not."""
    is_reading = request.method in ("GET", "HEAD") and "text/html" in request.headers.get("Accept", "")
    return is_reading and not request.path.startswith(_FOR_PROGRAMS)


def middleware(page: Callable[[int, str, str], web.Response]) -> Middleware:
    """Stands outside of `problems.middleware` and puts `page(status, title, words)` in place of its answers."""

    @web.middleware
    async def show(request: web.Request, handler: Handler) -> web.StreamResponse:
        answer = await handler(request)
        if answer.content_type != PROBLEM or not wants_page(request):
            return answer
        # A stranger learns nothing from 404 for an address that no route has: the routes are public, the music is not.
        status = 404 if answer.status == 401 and not auth.pattern_of(request) else answer.status
        is_outside = status == 404 and request.get(OUTSIDE)
        words = _OUTSIDE if is_outside else _WORDS.get(status, _OTHERWISE)
        shown = page(status, *words)
        for name in ("Allow", "Retry-After", "WWW-Authenticate"):
            if name in answer.headers and status == answer.status:
                shown.headers[name] = answer.headers[name]
        shown.headers["Vary"] = "Accept"
        return shown

    return show
