"""What this machine is called and which addresses it has."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass

import ifaddr

from mediaserver.core.seldom import Seldom

_seldom = Seldom(logging.getLogger(__name__))

HOUSE_SUFFIXES = ("local", "lan", "home", "home.arpa", "internal", "localdomain", "fritz.box")
"""Behind a machine's name in a house: nobody on the Internet can own a name that ends so, but for the maker of the
last, whose routers call the machines of many a German house."""

_INSIDE = ("docker", "br-", "veth", "virbr", "lxc", "lxd", "podman", "cni")
"""How interfaces begin whose networks lie inside this machine."""
_last_found: Sequence[InterfaceAddress] = ()


def own_names() -> list[str]:
    """Names by which a house knows this machine, in lower case: `pi`, `pi.local`, `pi.lan`, ...; localhost first."""
    label = socket.gethostname().partition(".")[0].lower()
    names = [label, *(f"{label}.{suffix}" for suffix in HOUSE_SUFFIXES)] if label else []
    return list(dict.fromkeys(["localhost", *names]))


@dataclass(frozen=True, slots=True)
class InterfaceAddress:
    """One address of one network interface, without a zone id."""

    ip: ipaddress.IPv4Address | ipaddress.IPv6Address
    interface: str
    index: int

    @property
    def is_inside(self) -> bool:
        """Whether its network lies inside this machine, where no phone is."""
        return self.interface.startswith(_INSIDE)


def interface_addresses() -> list[InterfaceAddress]:
    """All that the system has now, in its order. The one place that asks for them.

    Where it cannot tell, out of file descriptors, they are taken for what they were: everybody would be a stranger.
    """
    global _last_found  # of the machine, and so one for all
    found = []
    try:
        adapters = list(ifaddr.get_adapters())
    except OSError as error:
        _seldom.say(logging.WARNING, "the addresses of this machine cannot be had for now: %s", error.strerror)
        return list(_last_found)
    for adapter in adapters:
        for one in adapter.ips:
            text = one.ip[0] if isinstance(one.ip, tuple) else one.ip
            ip = ipaddress.ip_address(text.partition("%")[0])
            found.append(InterfaceAddress(ip, adapter.name, adapter.index or 0))
    _last_found = tuple(found)
    return found


def own_addresses() -> list[str]:
    """All IP addresses of this machine, loopback first, without zone ids, in a lasting order."""
    found = {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")}
    found |= {one.ip for one in interface_addresses()}
    return [str(ip) for ip in sorted(found, key=lambda ip: (not ip.is_loopback, ip.version, int(ip)))]
