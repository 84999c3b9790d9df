"""What a server is called in the network, and what is told along with the name. Plain text, no network."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mediaserver.core.text import folded

SERVICE, WEB = "_mediaserver._tcp.local.", "_http._tcp.local."
_LABEL_BYTES = 63  # of any part of a name: RFC 1035, 2.3.4
_NAMELESS = "Music"
_NOT_OF_A_HOST = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Names:
    """One name in its three forms, which are taken or left together."""

    instance: str
    """What people read: any text without dots and control characters, at most 63 bytes of UTF-8."""
    label: str
    """Before `.local`: of a-z, 0-9 and -, at most 63."""

    @property
    def host(self) -> str:
        """As it stands in an address: `music.local`."""
        return f"{self.label}.local"

    @property
    def records(self) -> frozenset[str]:
        """The names in the network that must be this server's alone, in lower case."""
        return frozenset(name.lower() for name in (f"{self.instance}.{SERVICE}", f"{self.instance}.{WEB}"))


def names(server_name: str, number: int, machine: str) -> Names:
    """The names of the `number`th server that is called so, counted from 1: Music and music, Music (2) and music-2.

    `machine` is the machine's own host name, which belongs to the responder of the system (avahi on a Raspberry Pi)
    and is never taken: a server Music on the machine music is music-server.local.
    """
    # zeroconf writes each part between dots as a label of its own, which others would not read as one name.
    text = "".join(c if c.isprintable() and c != "." else " " for c in _whole(server_name))
    label = _NOT_OF_A_HOST.sub("-", folded(text)).strip("-") or _NAMELESS.lower()
    if label == machine.partition(".")[0].lower():
        label += "-server"
    return Names(
        instance=_short(" ".join(text.split()) or _NAMELESS, f" ({number})" if number > 1 else ""),
        label=_short(label, f"-{number}" if number > 1 else ""),
    )


def facts(server_id: str, version: str, path: str, *, has_tls: bool) -> dict[str, str]:
    """The TXT record: `id`, `version`, `path` (of the page) and `tls`, 1 or 0. Source: RFC 6763, 6."""
    return {"id": server_id, "version": version, "path": path, "tls": "1" if has_tls else "0"}


def _whole(text: str) -> str:
    """Without halves of characters, which a name from the environment may hold."""
    return text.encode("utf-8", "replace").decode()


def _short(text: str, end: str) -> str:
    """`text` cut between characters so that it fits one label with `end`."""
    room = _LABEL_BYTES - len(end)
    return text.encode()[:room].decode(errors="ignore").rstrip(" -") + end
