"""Whether others in the house can reach the server: addresses, its port, multicast."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections.abc import Sequence

from mediaserver.checkup.findings import Finding
from mediaserver.discovery.interfaces import LanAddress, lan_addresses
from mediaserver.discovery.mdns import Status

_GROUP = "224.0.0.251"
"""That of mDNS (RFC 6762, 3); the port is one of our own, so that nobody takes the packet for a question."""
_WAIT_S = 1.0
_FIREWALL = "sudo ufw allow 5353/udp # or the like, in whatever firewall there is"


def judged_addresses(found: Sequence[LanAddress], host: str) -> Finding:
    if host in ("127.0.0.1", "::1", "localhost"):
        told = "server.host lets only this machine in"
        return Finding("network", "Addresses", "ok", told)
    if not found:
        return Finding("network", "Addresses", "warning", "this machine is in no network of a house", "ip address")
    return Finding("network", "Addresses", "ok", ", ".join(dict.fromkeys(one.ip for one in found)))


def addresses(host: str) -> Finding:
    try:
        return judged_addresses(lan_addresses(), host)
    except OSError as error:  # out of file descriptors
        told = f"they cannot be told for now: {error.strerror}"
        return Finding("network", "Addresses", "warning", told, "See what is said of open files.")


def port(host: str, number: int, *, is_ours: bool) -> Finding:
    """`is_ours`: a server of this data directory listens there already."""
    name = f"Port {number}"
    if is_ours:
        return Finding("network", name, "ok", "the server listens there")
    if number == 0:
        return Finding("network", name, "ok", "any free one is taken")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for one, where in ((family, host), (socket.AF_INET, "0.0.0.0")) if host == "::" else ((family, host),):  # noqa: S104
        with contextlib.suppress(socket.gaierror), socket.socket(one, socket.SOCK_STREAM) as tried:
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if one == socket.AF_INET6:
                tried.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                tried.bind((where, number))
                tried.listen(1)  # two may be bound, but only one may listen
            except PermissionError:
                told = "this user may not take a port below 1024"
                return Finding("network", name, "bad", told, f"Set server.port = 4747 instead of {number}.")
            except OSError as error:
                if one == socket.AF_INET6 and host == "::":
                    continue  # a machine without IPv6
                told = f"another program has it: {os.strerror(error.errno or 0).lower()}"
                return Finding("network", name, "bad", told, f"sudo ss -ltnp 'sport = :{number}'")
    return Finding("network", name, "ok", "free")


def comes_back(address: str) -> bool:
    """Whether what this machine sends to a group from this IPv4 address reaches itself; takes up to a second."""
    with contextlib.ExitStack() as stack:
        try:
            hears = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            hears.bind(("", 0))
            group = struct.pack("4s4s", socket.inet_aton(_GROUP), socket.inet_aton(address))
            hears.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
            hears.settimeout(_WAIT_S)
            says = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            says.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
            says.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 1)
            word = os.urandom(16)
            says.sendto(word, (_GROUP, hears.getsockname()[1]))
            return hears.recv(64) == word
        except OSError:
            return False


def multicast(*, is_wanted: bool) -> Finding:
    """Where no server can be asked: whether one could be found by its name."""
    if not is_wanted:
        return Finding("network", "Multicast", "ok", "not wanted: discovery.enabled is false")
    tried = [one.ip for one in lan_addresses() if not one.is_ipv6]
    if not tried:
        return Finding("network", "Multicast", "warning", "there is no network that has it", "ip address")
    deaf = [ip for ip in tried if not comes_back(ip)]
    if deaf:
        told = f"what is sent at {', '.join(deaf)} does not come back: the server is not found by its name"
        return Finding("network", "Multicast", "warning", told, _FIREWALL)
    return Finding("network", "Multicast", "ok", "works: the server can be found by its name")


def judged_discovery(state: str, detail: str) -> Finding:
    """Of a running server: what its announcer says of itself."""
    told = detail[:1].upper() + detail[1:]
    if state == "unavailable":
        return Finding("network", "Discovery", "warning", f"{told}. It is reached by its addresses", _FIREWALL)
    return Finding("network", "Discovery", "ok", told)


def discovery(status: Status) -> Finding:
    return judged_discovery(status.state, status.detail)
