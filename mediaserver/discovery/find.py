"""Other servers of this kind in the network. What they say of themselves is hostile until it is shown as plain text."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
from dataclasses import dataclass

from zeroconf import Error as ZeroconfError
from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from mediaserver.core.errors import Unavailable
from mediaserver.discovery.interfaces import lan_addresses
from mediaserver.discovery.names import SERVICE
from mediaserver.discovery.wire import interfaces_of, reason

MOST_SERVERS = 100
_LONGEST_TEXT = 255
_RESOLVE_MS = 1000
_PATH = re.compile(r"/[A-Za-z0-9._~/-]{0,200}")

logging.getLogger("zeroconf").setLevel(logging.CRITICAL)


@dataclass(frozen=True, slots=True)
class Found:
    """A server as it announced itself. Texts are of at most 255 characters and may hold any."""

    name: str
    host: str
    """`music.local`."""
    addresses: tuple[str, ...]
    """IPv4 first."""
    port: int
    id: str
    version: str
    path: str
    """Begins with / and holds nothing that would end an address."""
    has_tls: bool

    @property
    def url(self) -> str:
        """By its first address, which works where names under .local do not."""
        ip = self.addresses[0]
        return f"{'https' if self.has_tls else 'http'}://{f'[{ip}]' if ':' in ip else ip}:{self.port}{self.path}"


async def servers(timeout_s: float) -> list[Found]:
    """Those that answer within `timeout_s`, by name; at most 100. Raises Unavailable where there is no multicast."""
    here = lan_addresses()
    if not here:
        raise Unavailable("multicast is not to be had: this machine is in no network that has it")
    try:
        zeroconf = AsyncZeroconf(interfaces=interfaces_of(here))
        await zeroconf.zeroconf.async_wait_for_start()
    except (OSError, RuntimeError, ZeroconfError) as error:
        raise Unavailable(f"multicast is not to be had: {reason(error)}") from error
    try:
        if not zeroconf.zeroconf.engine.senders:
            raise Unavailable("multicast is not to be had: no interface of this machine takes part in it")
        heard: dict[str, None] = {}

        def changed(zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
            if state_change is ServiceStateChange.Removed:
                heard.pop(name, None)
            elif len(heard) < MOST_SERVERS:
                heard[name] = None

        # The first question is answered to this machine alone, at once; where another responder on it takes that answer
        # (they share the port), the second question, a second later, is answered to all, within 1.2 s.
        browser = AsyncServiceBrowser(zeroconf.zeroconf, SERVICE, handlers=[changed])
        await asyncio.sleep(timeout_s)
        found = await asyncio.gather(*[_resolved(zeroconf, name) for name in heard])
        await browser.async_cancel()
    finally:
        await zeroconf.async_close()
    return sorted((one for one in found if one is not None), key=lambda one: (one.name.casefold(), one.id))


async def _resolved(zeroconf: AsyncZeroconf, name: str) -> Found | None:
    """None where it does not tell all that is needed, or not in time."""
    try:
        info = AsyncServiceInfo(SERVICE, name)
        if not await info.async_request(zeroconf.zeroconf, _RESOLVE_MS):
            return None
        told = {key: value or "" for key, value in info.decoded_properties.items()}
        addresses = sorted({_address(ip) for ip in info.parsed_scoped_addresses()})
    except (ZeroconfError, ValueError):
        return None
    if not addresses or not info.port:
        return None
    path = told.get("path", "/")
    return Found(
        name=name.removesuffix(f".{SERVICE}")[:_LONGEST_TEXT],
        host=(info.server or "").rstrip(".")[:_LONGEST_TEXT],
        addresses=tuple(text for _, text in addresses),
        port=info.port,
        id=told.get("id", "")[:_LONGEST_TEXT],
        version=told.get("version", "")[:_LONGEST_TEXT],
        path=path if _PATH.fullmatch(path) else "/",
        has_tls=told.get("tls") == "1",
    )


def _address(text: str) -> tuple[tuple[int, bool], str]:
    """With what puts the most useful first: IPv4, then what is not link-local. Raises ValueError."""
    ip = ipaddress.ip_address(text)
    return (ip.version, ip.is_link_local), str(ip)
