"""Where the server is reached, and the picture of an address for a phone's camera."""

from __future__ import annotations

import itertools
import socket
from pathlib import Path

from mediaserver.core.machine import interface_addresses

ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 (compared, not bound)
_AVAHI = Path("/run/avahi-daemon/socket")
_DARK = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
_BLACK_ON_WHITE, _AS_BEFORE = "\x1b[30;107m", "\x1b[0m"


def reachable(host: str, port: int, *, has_tls: bool = False, base_path: str = "") -> list[str]:
    """Addresses under which the server is reached, the one for a phone first; without a slash at their end."""
    if host in ANY_ADDRESS:
        hosts = _of_this_machine(is_ipv6=False)
        if host == "::":
            hosts = hosts or _of_this_machine(is_ipv6=True)  # nobody types those where there are others
        if _AVAHI.exists():
            hosts.insert(1, f"{socket.gethostname().partition('.')[0]}.local")
        hosts.append("localhost")
    else:
        hosts = [host]
    scheme, usual = ("https", 443) if has_tls else ("http", 80)
    where = f"{'' if port == usual else f':{port}'}{base_path}"
    return [f"{scheme}://[{one}]{where}" if ":" in one else f"{scheme}://{one}{where}" for one in hosts]


def _of_this_machine(*, is_ipv6: bool) -> list[str]:
    """First the address that outgoing traffic would use; loopback and link-local ones never."""
    found: list[str] = []
    family, away = (socket.AF_INET6, "2001:db8::1") if is_ipv6 else (socket.AF_INET, "192.0.2.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((away, 9))  # nothing is sent: the system only chooses the interface
            found.append(str(probe.getsockname()[0]))
        except OSError:
            pass
    for one in interface_addresses():
        if not one.is_inside and (one.ip.version == 6) is is_ipv6:
            found.append(str(one.ip))
    return [ip for ip in dict.fromkeys(found) if not ip.startswith(("127.", "169.254.", "fe80:")) and ip != "::1"]


def qr_code(text: str, *, coloured: bool) -> str:
    """Lines of half blocks; black on white where colours show, else for a dark background."""
    import segno

    rows = [[bool(cell) for cell in row] for row in segno.make_qr(text, error="l").matrix_iter(border=2)]
    lines = []
    for upper, lower in itertools.zip_longest(rows[::2], rows[1::2], fillvalue=[False] * len(rows[0])):
        if coloured:
            drawn = "".join(_DARK[pair] for pair in zip(upper, lower, strict=True))
            lines.append(f"{_BLACK_ON_WHITE}{drawn}{_AS_BEFORE}")
        else:
            lines.append("".join(_DARK[not above, not below] for above, below in zip(upper, lower, strict=True)))
    return "\n".join(lines)
