"""Headers that every answer carries. They must suit plain http in a home: no HSTS, no upgrade of requests."""

from __future__ import annotations

from aiohttp import web

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # set-up links and signed addresses must not leak to other sites
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; object-src 'none';"
        " frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
    ),
}


def put_on(response: web.StreamResponse) -> None:
    """What suits every answer; a door's own header wins."""
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "mediaserver"


async def add(request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` signal."""
    put_on(response)
    if request.path.startswith("/e/"):
        response.headers.setdefault("Access-Control-Allow-Origin", "*")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "cross-origin")
