"""The pages: set-up, sign-in, the API's reference, and one shell in which the rest is drawn by scripts."""

from __future__ import annotations

from collections.abc import Callable

import jinja2
from aiohttp import web

from mediaserver import __version__
from mediaserver.accounts import Accounts
from mediaserver.http.base import auth, basepath
from mediaserver.http.base.auth import VIEWER
from mediaserver.http.pages.files import Static, web_folder

# Addresses that the shell's scripts draw; each can be opened directly, bookmarked and reloaded.
SHELL = (
    "/",
    "/albums",
    "/albums/{id}",
    "/artists",
    "/artists/{id}",
    "/genres",
    "/genres/{id}",
    "/search",
    "/queue",
    "/settings",
    "/admin",
    "/admin/report",
    "/admin/listening",
    "/admin/health",
)
_NO_STORE = {"Cache-Control": "no-store"}


def local_path(text: str) -> str:
    """Where to go after signing in: a path of this server, never another one's address."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if is_local and not text.startswith(("/sign-in", "/setup", "/api/", "/e/")) else "/"


def templates(static: Static, server_name: str) -> jinja2.Environment:
    """The pages' templates, with what each of them may name."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(web_folder() / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
    )
    environment.globals.update(
        static=lambda name: basepath.address(static.address(name)),
        address=basepath.address,
        server_name=server_name,
        version=__version__,
    )
    return environment


def failed(static: Static, server_name: str) -> Callable[[int, str, str], web.Response]:
    """`page(status, title, words)`: a failure as a page, for `failures.middleware`."""
    template = templates(static, server_name).get_template("failed.html")

    def page(status: int, title: str, words: str) -> web.Response:
        text = template.render(title=title, words=words)
        return web.Response(text=text, status=status, content_type="text/html", headers=_NO_STORE)

    return page


def routes(static: Static, accounts: Accounts, server_name: str) -> list[web.RouteDef]:
    environment = templates(static, server_name)
    outside = {"js/theme.js", "js/door.js", "js/main.js"}  # these stand in the templates themselves
    inside = [one for one in static.modules() if one not in outside and not one.startswith("js/reference/")]
    environment.globals.update(modules=inside)

    def page(template: str, *, status: int = 200, **values: object) -> web.Response:
        text = environment.get_template(template).render(values)
        return web.Response(text=text, status=status, content_type="text/html", headers=_NO_STORE)

    who = auth.viewer_or_none(accounts.sessions)

    async def shell(request: web.Request) -> web.Response:
        secret = auth.cookie_of(request) or ""
        return page("shell.html", viewer=request[VIEWER], csrf=auth.csrf_token(secret))

    async def reference(request: web.Request) -> web.Response:
        return page("reference.html")

    async def sign_in(request: web.Request) -> web.Response:
        following = local_path(request.query.get("next", "/"))
        if await who(request) is not None:
            raise web.HTTPSeeOther(basepath.address(following))
        return page("sign-in.html", following=following, is_new=await accounts.users.count() == 0)

    async def setup(request: web.Request) -> web.Response:
        link = request.query.get("link", "")
        holds = await accounts.setup.holds(link)
        return page("setup.html", status=200 if holds else 403, link=link if holds else "", holds=holds)

    return [
        *(web.get(path, shell) for path in SHELL),
        web.get("/docs/api", reference),
        web.get("/sign-in", sign_in),
        web.get("/setup", setup),
    ]
