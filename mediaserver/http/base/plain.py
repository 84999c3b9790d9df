"""What is answered without TLS where the server has it: how to trust it, whether it lives, and the way to `https://`."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from mediaserver.core.errors import Forbidden
from mediaserver.http.base.auth import HOST, SECURE, pattern_of
from mediaserver.http.base.basepath import address

_PLAIN = {
    "/trust",
    "/trust/{file}",
    "/static/{version}/{path}",
    "/favicon.ico",
    "/healthz",
    "/readyz",
}


@web.middleware
async def lead(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request[SECURE] or pattern_of(request) in _PLAIN:
        return await handler(request)
    if request.method in ("GET", "HEAD") and request[HOST]:
        # For the time being: a browser would keep a lasting one after TLS was switched off.
        location = f"https://{request[HOST]}{address(request.path_qs)}"
        raise web.HTTPTemporaryRedirect(location, headers={"Cache-Control": "no-store"})
    raise Forbidden("this server speaks https alone: use https:// in the address")
