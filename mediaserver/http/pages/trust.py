"""GET /trust: how a device comes to trust the authority of this house. Public, and open without TLS."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

from mediaserver.core.errors import NotFound
from mediaserver.http.pages.files import Static
from mediaserver.http.pages.pages import templates

FILE = "authority.crt"
_NO_STORE = {"Cache-Control": "no-store"}
# In what a browser calls itself; the first that fits. Firefox on a phone asks the phone's own store.
_DEVICES = (
    ("iphone|ipad|ipod", "ios"),
    ("android", "android"),
    ("firefox", "firefox"),
    ("windows", "windows"),
    ("macintosh", "macos"),
    ("linux|cros", "linux"),
)


@dataclass(frozen=True, slots=True)
class Root:
    """The certificate that devices install; no secret."""

    pem: bytes
    fingerprint: str
    ends: datetime


def device_of(user_agent: str) -> str:
    """Whose steps are shown first."""
    return next((name for words, name in _DEVICES if re.search(words, user_agent, re.IGNORECASE)), "")


def routes(static: Static, server_name: str, root: Callable[[], Root | None]) -> list[web.RouteDef]:
    template = templates(static, server_name).get_template("trust.html")

    def found() -> Root:
        one = root()
        if one is None:
            raise NotFound("this server has no certificate authority of its own (server.tls)")
        return one

    async def page(request: web.Request) -> web.Response:
        one = found()
        pairs = one.fingerprint.split(":")
        rows = [" ".join(pairs[at : at + 8]) for at in range(0, len(pairs), 8)]
        device = device_of(request.headers.get("User-Agent", ""))
        text = template.render(rows=rows, year=one.ends.year, device=device, file=f"/trust/{FILE}")
        return web.Response(text=text, content_type="text/html", headers=_NO_STORE)

    async def file(request: web.Request) -> web.Response:
        if request.match_info["file"] != FILE:
            raise NotFound("there is nothing at this address")
        # Without `attachment`: iOS offers to install what it is shown, and only keeps what it downloads.
        headers = {**_NO_STORE, "Content-Disposition": f'inline; filename="{FILE}"'}
        return web.Response(body=found().pem, content_type="application/x-x509-ca-cert", headers=headers)

    return [web.get("/trust", page), web.get("/trust/{file}", file)]
