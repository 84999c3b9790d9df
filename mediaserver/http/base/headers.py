"""Headers that every answer carries. They must suit plain http in a home: no HSTS, no upgrade of requests."""

from __future__ import annotations

from aiohttp import web

from mediaserver.http.base.auth import SECURE

_ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # set-up links and signed addresses must not leak to other sites
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    # No inline script, no inline style: the page sets styles by the CSSOM alone, and makes no HTML out of text.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:;"
        " font-src 'self'; connect-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none';"
        " form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
}
_MEDIA = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


def put_on(response: web.StreamResponse) -> None:
    """What suits every answer; a door's own header wins."""
    for name, value in _ALWAYS.items():
        response.headers.setdefault(name, value)
    response.headers["Server"] = "mediaserver"


async def add(request: web.Request, response: web.StreamResponse) -> None:
    """An `on_response_prepare` signal."""
    if request.path.startswith("/e/"):
        for name, value in _MEDIA.items():
            response.headers.setdefault(name, value)
    if request.get(SECURE):
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")  # browsers want it over https alone
    put_on(response)
