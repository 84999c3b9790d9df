"""Peer, host and scheme of a request, also behind a reverse proxy that is trusted by setting."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from mediaserver.http.base.auth import HOST, PEER, SECURE

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.strip().partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def is_trusted(text: str, trusted: Sequence[Network]) -> bool:
    """Whether this address is one of a proxy in the list."""
    address = _address(text)
    return address is not None and any(address in network for network in trusted)


def peer_of(remote: str | None, forwarded_for: str | None, trusted: Sequence[Network]) -> str:
    """The nearest address that is not a trusted proxy; forwarded addresses count only behind one."""
    address = _address(remote or "")
    if address is None:
        return "unknown"
    for hop in reversed((forwarded_for or "").split(",")):
        if not any(address in network for network in trusted):
            break
        before = _address(hop)
        if before is None:
            break
        address = before
    return str(address)


def middleware(trusted: Sequence[Network]) -> Middleware:
    @web.middleware
    async def resolve(request: web.Request, handler: Handler) -> web.StreamResponse:
        by_proxy = is_trusted(request.remote or "", trusted)
        request[PEER] = peer_of(request.remote, request.headers.get("X-Forwarded-For"), trusted)
        request[SECURE] = request.secure or (by_proxy and request.headers.get("X-Forwarded-Proto") == "https")
        forwarded_host = request.headers.get("X-Forwarded-Host", "").partition(",")[0].strip() if by_proxy else ""
        request[HOST] = forwarded_host or request.headers.get("Host", "")
        return await handler(request)

    return resolve
