"""Headers that every answer carries. They must suit plain http in a home: HSTS by setting alone, no upgrades."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

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


def adding(*, hsts: bool = False) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """An `on_response_prepare` signal. With `hsts`, browsers keep to https for a year."""

    async def add(request: web.Request, response: web.StreamResponse) -> None:
        if hsts and request.get(SECURE):
            response.headers.setdefault("Strict-Transport-Security", f"max-age={365 * 86400}")
        await _add(request, response)

    return add


async def _add(request: web.Request, response: web.StreamResponse) -> None:
    if request.path.startswith("/e/"):
        for name, value in _MEDIA.items():
            response.headers.setdefault(name, value)
    if request.get(SECURE):
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")  # browsers want it over https alone
    put_on(response)
