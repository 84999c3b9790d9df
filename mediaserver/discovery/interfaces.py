"""The addresses at which others in the house reach this machine, and word of their changes."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mediaserver.core.machine import interface_addresses

ANY_V4, ANY_V6 = "0.0.0.0", "::"  # noqa: S104 (compared, not bound)
POLL_S = 30.0
"""How often addresses are looked at where the system does not tell."""

# Source: linux/if.h, linux/sockios.h, linux/rtnetlink.h, linux/if_addr.h.
_UP, _LOOPBACK, _POINT_TO_POINT, _MULTICAST = 0x1, 0x8, 0x10, 0x1000
_SIOCGIFFLAGS = 0x8913
_CHANGES = 0x1 | 0x10 | 0x100  # RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
_PASSING_V6 = 0x01 | 0x08 | 0x20 | 0x40  # temporary (privacy), duplicate, deprecated, tentative
_IF_INET6 = Path("/proc/net/if_inet6")


@dataclass(frozen=True, slots=True, order=True)
class LanAddress:
    """An address of this machine in a network where multicast may be had."""

    ip: str
    interface: str
    index: int

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.ip


def lan_addresses() -> list[LanAddress]:
    """Of interfaces that are up and multicast: no loopback, VPN or network inside the machine. In order, each once.

    IPv6 without link-local addresses, which a browser cannot use, and without those that pass.
    """
    passing = _passing_v6()
    found = set()
    by_interface: dict[str, bool] = {}
    for one in interface_addresses():
        if one.interface not in by_interface:
            by_interface[one.interface] = not one.is_inside and _is_in_a_house(one.interface)
        ip = one.ip
        if by_interface[one.interface] and not (
            ip.is_loopback or (ip.version == 6 and (ip.is_link_local or ip in passing))
        ):
            found.add(LanAddress(str(ip), one.interface, one.index))
    return sorted(found)


def served(there: Iterable[LanAddress], bound: Iterable[str]) -> list[LanAddress]:
    """Those of `there` at which sockets that are bound to the addresses `bound` answer.

    IPv4 link-local addresses (169.254) only where there is nothing better.
    """
    wanted = {str(ipaddress.ip_address(ip.partition("%")[0])) for ip in bound}
    found = [one for one in there if (ANY_V6 if one.is_ipv6 else ANY_V4) in wanted or one.ip in wanted]
    lasting = [one for one in found if not ipaddress.ip_address(one.ip).is_link_local]
    return lasting or found


def _is_in_a_house(interface: str) -> bool:
    if sys.platform != "linux":
        return True
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        import fcntl

        try:
            answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, struct.pack("16sH14x", interface.encode()[:15], 0))
        except OSError:  # gone meanwhile
            return False
    flags: int = struct.unpack("16sH14x", answer)[1]
    return flags & (_UP | _MULTICAST | _LOOPBACK | _POINT_TO_POINT) == _UP | _MULTICAST


def _passing_v6() -> set[ipaddress.IPv6Address]:
    """Addresses that will change or are not valid yet: nobody should keep them."""
    try:
        rows = [line.split() for line in _IF_INET6.read_text(encoding="ascii").splitlines()]
    except OSError:
        return set()
    return {ipaddress.IPv6Address(bytes.fromhex(row[0])) for row in rows if int(row[4], 16) & _PASSING_V6}


class AddressWatch:
    """Calls `changed` when addresses or links may have changed. While they do not, it costs nothing on Linux."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._netlink = _netlink()
        self._poll: asyncio.TimerHandle | None = None
        if self._netlink is not None:
            self._loop.add_reader(self._netlink.fileno(), self._read, self._netlink)
        else:
            self._tick()

    def close(self) -> None:
        if self._netlink is not None:
            self._loop.remove_reader(self._netlink.fileno())
            self._netlink.close()
        if self._poll is not None:
            self._poll.cancel()

    def _tick(self) -> None:
        self._changed()
        self._poll = self._loop.call_later(POLL_S, self._tick)

    def _read(self, netlink: socket.socket) -> None:
        """What changed does not matter: the addresses are read anew. Too much to be kept (ENOBUFS) is a change too."""
        with suppress(OSError):  # also BlockingIOError, when all is read
            while netlink.recv(65536):
                pass
        self._changed()


def _netlink() -> socket.socket | None:
    """A socket that the Linux kernel tells of changes; None where there is none, or a sandbox forbids it."""
    if sys.platform != "linux":
        return None
    try:
        made = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        made.bind((0, _CHANGES))
    except OSError:
        return None
    made.setblocking(False)
    return made
