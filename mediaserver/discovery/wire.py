"""One multicast DNS responder on a set of interfaces. With find.py the only module that touches zeroconf.

Importing it takes some 0.1 s, so mdns.py does that beside the start. What zeroconf leaves to its users is done here: it
asks nobody whether a host name is free, and does not see that a name it holds is held by another as well.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from zeroconf import DNSOutgoing, DNSQuestion, RecordUpdate, RecordUpdateListener, Zeroconf  # type: ignore[attr-defined]
from zeroconf import Error as ZeroconfError
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from mediaserver.core.errors import Unavailable
from mediaserver.discovery.interfaces import LanAddress
from mediaserver.discovery.names import SERVICE, WEB, Names

# A packet from the network must not fill the server's log: what matters is told by Announcer.
logging.getLogger("zeroconf").setLevel(logging.CRITICAL)

_A, _TXT, _AAAA, _SRV, _ANY = 1, 16, 28, 33, 255  # types of records: RFC 1035, RFC 2782, RFC 3596
_IN, _UNICAST = 1, 0x8000
_QUERY = 0
_PROBES, _PROBE_PAUSE_S = 3, 0.25  # RFC 6762, 8.1
_CLOSE_LIMIT_S = 1.5


class Wire(RecordUpdateListener):
    """A responder that answers for one set of names at a time."""

    def __init__(self, addresses: Sequence[LanAddress], on_conflict: Callable[[], None]) -> None:
        """Opens the sockets; to be closed. `on_conflict` is called when another answers for a name held here.

        Raises Unavailable, with the reason, where multicast is not to be had.
        """
        self.heard = asyncio.Event()
        """Set once a packet of our own came back: multicast works on this machine."""
        self._on_conflict = on_conflict
        self._asked: frozenset[str] = frozenset()
        self._answered = asyncio.Event()
        self._services: list[AsyncServiceInfo] = []
        self._addresses = [one.ip for one in addresses]
        self._own = {ipaddress.ip_address(one.ip).packed for one in addresses}
        try:
            self._zeroconf = AsyncZeroconf(interfaces=interfaces_of(addresses))
        except (OSError, RuntimeError, ZeroconfError) as error:
            raise Unavailable(reason(error)) from error
        self._zeroconf.zeroconf.async_add_listener(self, None)

    async def open(self) -> None:
        """Until it can send. Raises Unavailable."""
        try:
            await self._zeroconf.zeroconf.async_wait_for_start()
        except ZeroconfError as error:
            raise Unavailable(reason(error)) from error
        if not self._zeroconf.zeroconf.engine.senders:
            raise Unavailable("no interface of this machine takes part in it")

    async def is_free(self, names: Names, port: int, facts: dict[str, str]) -> bool:
        """Whether nobody else answers for these names, asked three times. Source: RFC 6762, 8.1."""
        wanted = self._made(names, port, facts)
        self._asked, self._answered = names.records | {f"{names.host}."}, asyncio.Event()
        try:
            await asyncio.sleep(random.uniform(0, _PROBE_PAUSE_S))  # noqa: S311 (after a power cut all start at once)
            for n in range(_PROBES):
                # Answers to this machine alone may end at another responder on it, which shares the port: only the
                # first question allows them.
                self._zeroconf.zeroconf.async_send(_probe(wanted, may_be_unicast=n == 0))
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._answered.wait(), _PROBE_PAUSE_S)
                    return False
            return True
        finally:
            self._asked = frozenset()

    def ask(self) -> None:
        """Make all who answer for the names held here say so to all: where two do, both hear of it."""
        if self._services:
            self._zeroconf.zeroconf.async_send(_probe(self._services, may_be_unicast=False))

    async def announce(self, names: Names, port: int, facts: dict[str, str]) -> None:
        """Answer for these names, and no longer for those before."""
        self.let_go()
        self._services = self._made(names, port, facts)
        sent = [await self._zeroconf.async_register_service(one, cooperating_responders=True) for one in self._services]
        await asyncio.gather(*sent)

    async def repeat(self) -> None:
        """Announce the same names again, so that nobody keeps what another said of them."""
        await asyncio.gather(*[await self._zeroconf.async_update_service(one) for one in self._services])

    def let_go(self) -> None:
        """Stop answering, without a word: another may hold the names now."""
        self._zeroconf.zeroconf.registry.async_remove(list(self._services))
        self._services = []

    def others_id(self, names: Names) -> str | None:
        """The id of another server of our kind that told of one of these names; None where none is known."""
        own = {one.text for one in self._services}
        for name in names.records:
            for record in self._zeroconf.zeroconf.cache.async_all_by_details(name, _TXT, _IN):
                text: bytes = getattr(record, "text", b"")
                if text not in own:
                    info = AsyncServiceInfo(SERVICE, f"{names.instance}.{SERVICE}", properties=text)
                    return info.decoded_properties.get("id")
        return None

    async def close(self, *, has_more_to_say: bool) -> None:
        """Withdraw what was announced, in about 0.3 s, unless it is to be announced again at once. Never raises."""
        if has_more_to_say:
            self.let_go()
        with suppress(TimeoutError, OSError, ZeroconfError):
            await asyncio.wait_for(self._zeroconf.async_close(), _CLOSE_LIMIT_S)

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Called by zeroconf with what a packet held, our own packets too. Never raises."""
        held = {name for one in self._services for name in (one.key, one.server_key)}
        if not held and not self._asked:
            return
        for record in (update.new for update in records):
            if record.type not in (_A, _AAAA, _SRV, _TXT) or record.ttl == 0:
                continue
            name = record.name.lower()
            if name in self._asked and not (name in held and self._is_own(record)):
                self._answered.set()
            elif name in held:
                if self._is_own(record):
                    self.heard.set()
                else:
                    self._on_conflict()

    def async_update_records_complete(self) -> None:
        pass

    def _is_own(self, record: object) -> bool:
        """Whether the record says what we say ourselves, be it in our packet or repeated by a reflector."""
        address = getattr(record, "address", None)
        if address is not None:
            return address in self._own
        return any(record in (one.dns_service(), one.dns_text()) for one in self._services)

    def _made(self, names: Names, port: int, facts: dict[str, str]) -> list[AsyncServiceInfo]:
        return [
            AsyncServiceInfo(
                kind,
                f"{names.instance}.{kind}",
                port=port,
                properties=facts,
                server=f"{names.host}.",
                parsed_addresses=self._addresses,
            )
            for kind in (SERVICE, WEB)
        ]


def reason(error: Exception) -> str:
    """Why there is no multicast, in words."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return "another program keeps UDP port 5353 for itself (avahi does with disallow-other-stacks=yes)"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error) or type(error).__name__


def interfaces_of(addresses: Sequence[LanAddress]) -> list[str | int | tuple[tuple[str, int, int], int]]:
    """As zeroconf wants them: of each interface one IPv4 address, and its number where it has IPv6."""
    v4 = {one.interface: one.ip for one in reversed(addresses) if not one.is_ipv6}
    return [*v4.values(), *sorted({one.index for one in addresses if one.is_ipv6})]


def _probe(wanted: Sequence[AsyncServiceInfo], *, may_be_unicast: bool) -> DNSOutgoing:
    """Who has these names? With what we would say of them. Source: RFC 6762, 8.1 and 8.2."""
    out = DNSOutgoing(_QUERY)
    names = list(dict.fromkeys(name for one in wanted for name in (one.name, one.server) if name))
    for name in names:
        out.add_question(DNSQuestion(name, _ANY, _IN | (_UNICAST if may_be_unicast else 0)))
    proposed: list[Any] = out.authorities  # zeroconf's own probes propose pointers only, and it types them so
    proposed += [one.dns_service() for one in wanted]
    proposed += wanted[0].dns_addresses()
    return out
