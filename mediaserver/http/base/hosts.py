"""Under which names the server may be asked. A page of a stranger must not reach it by a name of its own.

DNS rebinding: the stranger's name leads to the stranger's page first and to this machine a minute later; for the
browser both are one origin. Such a request always bears the stranger's name, never an address, and so every address is
taken and of names only those of the house. Decision 0016.
"""

from __future__ import annotations

import base64
import hashlib
import html
import ipaddress
import json
import logging
import re
from collections.abc import Callable, Iterable, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from mediaserver.core import machine
from mediaserver.core.seldom import Seldom
from mediaserver.http.base.auth import HOST
from mediaserver.http.base.problems import problem

_seldom = Seldom(logging.getLogger(__name__))
_HOST = re.compile(r"(\[[0-9A-Za-z:.%_-]{2,80}\]|[^\s:/?#\[\]@\\]{1,253})(?::[0-9]{1,5})?", re.ASCII)
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_STYLE = (
    ":root{color-scheme:light dark}body{font:1.0625rem/1.6 system-ui,sans-serif;max-width:34rem;margin:12vh auto;"
    "padding:0 1.5rem}code{font-size:.95em}pre{padding:1rem;border:1px solid;border-radius:.5rem;overflow:auto}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_CSP = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'"
_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Not by this name</title><style>{style}</style>
<h1>Not by this name</h1>
<p>The server is here, but it does not know the name <code>{name}</code>, and answers only to its own: otherwise a page
of strangers could reach it through your browser.</p>
<p>If the name is yours, add it to the settings and start the server again:</p>
<pre>[server]
names = [{setting}]</pre>
<p>By its address or as <code>localhost</code> it can always be reached.</p>
</html>
"""


def name_of(host: str) -> str | None:
    """The name or address in a Host header, in lower case, without port and brackets; None for what can be none."""
    match = _HOST.fullmatch(host)
    return match[1].lower().strip("[]").removesuffix(".") if match is not None else None


def is_address(name: str) -> bool:
    """Also of the form fe80::1%eth0, in which an address has a zone."""
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Hosts:
    """The names of this server. `announced` is asked each time: a name in the network may change."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {name.lower().removesuffix(".") for name in names}
        self.announced: Callable[[], Iterable[str]] = tuple

    def add(self, names: Iterable[str]) -> None:
        """Further names, as those of a certificate that was given."""
        self._names |= {name.lower().removesuffix(".") for name in names}

    def knows(self, host: str) -> bool:
        """Whether a request with this Host header is meant for us."""
        name = name_of(host)
        if name is None:
            return False
        return (
            name in self._names
            or is_address(name)
            or name.endswith(".localhost")
            or any(name == one.lower().removesuffix(".") for one in self.announced())
        )


def middleware(hosts: Hosts) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        host = request[HOST]
        # Browsers always tell the host; HTTP/1.0 need not.
        if (host == "" and request.version < (1, 1)) or hosts.knows(host):
            return await handler(request)
        name = name_of(host)
        if name is None or not _NAME.fullmatch(name):
            return problem(400, "the header Host is missing or no name")
        _seldom.say(logging.WARNING, "asked for as %s, which is none of its names: server.names adds one", name)
        setting = json.dumps(name)
        if "text/html" in request.headers.get("Accept", ""):
            text = _PAGE.format(style=_STYLE, name=html.escape(name), setting=html.escape(setting))
            return web.Response(
                text=text,
                status=421,
                content_type="text/html",
                headers={"Content-Security-Policy": _CSP, "Cache-Control": "no-store"},
            )
        return problem(421, f"this server is not called {name}: the setting server.names = [{setting}] would add it")

    return check


def asked_as(names: Hosts, configured: Sequence[str]) -> list[str]:
    """All names and addresses under which somebody may ask for the server now."""
    told = [*machine.own_names(), *configured, *names.announced()]
    return [*(name.lower().removesuffix(".") for name in told), *machine.own_addresses()]
