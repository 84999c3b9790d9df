"""The one list of what a stranger may reach, each with its reason. Everything else is closed."""

from __future__ import annotations

PUBLIC: dict[tuple[str, str], str] = {
    ("GET", "/healthz"): "watchdogs have no account; it names no person, path or address",
    ("GET", "/readyz"): "watchdogs have no account; it says yes or no",
    ("GET", "/sign-in"): "who is not signed in must be able to sign in",
    ("POST", "/api/v1/session"): "signing in itself; throttled by name and address",
    ("GET", "/setup"): "the page behind the one-time set-up link",
    ("POST", "/api/v1/setup"): "proved by the one-time set-up link that stands in its body",
    ("GET", "/static/{version}/{path}"): "style, scripts and icons of the sign-in page; nothing of the house",
    ("GET", "/favicon.ico"): "browsers ask for it before anybody is signed in",
    ("GET", "/trust"): "how a device comes to trust the server, before which it cannot sign in; nothing of the house",
    ("GET", "/trust/{file}"): "the certificate that devices install: made to be given to everybody",
    ("GET", "/e/{token}/{digest}/{recipe}/{file}"): "proved by the signature that stands in the address",
    ("OPTIONS", "/e/{token}/{digest}/{recipe}/{file}"): "players of other origins ask before they fetch",
}


def is_public(method: str, pattern: str) -> bool:
    """Whether the route with this pattern (as written in the route table) is open to strangers."""
    return ("GET" if method == "HEAD" else method, pattern) in PUBLIC
