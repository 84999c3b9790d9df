"""The web application out of its routes and middlewares, in their order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from mediaserver.accounts.sessions import Sessions
from mediaserver.accounts.tokens import Tokens
from mediaserver.core.clock import Clock
from mediaserver.http.base import auth, basepath, body, headers, hosts, plain, problems, proxies


def application(
    routes: Sequence[web.AbstractRouteDef],
    *,
    sessions: Sessions,
    tokens: Tokens,
    clock: Clock,
    on_viewer: Callable[[], None],
    names: hosts.Hosts,
    trusted_proxies: Sequence[proxies.Network] = (),
    base_path: str = "",
    has_tls: bool = False,
    hsts: bool = False,
    outermost: Sequence[Middleware] = (),
) -> web.Application:
    """Every route that does not stand in `public.PUBLIC` is closed to strangers.

    `on_viewer` is called for each request of somebody who is known; `outermost` see every answer last.
    """
    app = web.Application(
        middlewares=[
            basepath.middleware(base_path),
            *outermost,
            proxies.middleware(trusted_proxies),
            problems.middleware,
            hosts.middleware(names),
            basepath.guard(base_path),
            *([plain.lead] if has_tls else []),
            auth.middleware(sessions, tokens, clock, on_viewer),
        ],
        client_max_size=body.LARGEST_BYTES,
    )
    app.add_routes(routes)
    app.on_response_prepare.append(headers.adding(hsts=hsts))
    return app
