"""What this machine is called and which addresses it has."""

from __future__ import annotations

import ipaddress
import socket

import ifaddr

HOUSE_SUFFIXES = ("local", "lan", "home", "home.arpa", "internal", "localdomain", "fritz.box")
"""Behind a machine's name in a house: nobody on the Internet can own a name that ends so, but for the maker of the
last, whose routers call the machines of many a German house."""


def own_names() -> list[str]:
    """Names by which a house knows this machine, in lower case: `pi`, `pi.local`, `pi.lan`, ...; localhost first."""
    label = socket.gethostname().partition(".")[0].lower()
    names = [label, *(f"{label}.{suffix}" for suffix in HOUSE_SUFFIXES)] if label else []
    return list(dict.fromkeys(["localhost", *names]))


def own_addresses() -> list[str]:
    """All IP addresses of this machine, loopback first, without zone ids, in a lasting order."""
    found = {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")}
    for adapter in ifaddr.get_adapters():
        for one in adapter.ips:
            text = one.ip[0] if isinstance(one.ip, tuple) else one.ip
            found.add(ipaddress.ip_address(text.partition("%")[0]))
    return [str(ip) for ip in sorted(found, key=lambda ip: (not ip.is_loopback, ip.version, int(ip)))]
