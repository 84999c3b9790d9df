"""What the terminal says when the server answers: where it is, and the one picture that a phone needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

_LOOPBACK = tuple(f"{scheme}://{host}" for scheme in ("http", "https") for host in ("127.", "localhost", "[::1]"))


def announcement(
    name: str,
    addresses: Sequence[str],
    setup_link: str | None,
    *,
    fingerprint: str | None = None,
    is_for_journal: bool,
    drawn: Callable[[str], Sequence[str]],
) -> list[str]:
    """Lines. `addresses` has the one for a phone first; `drawn` gives the lines of a picture.

    As long as nobody can sign in, the picture is of the set-up link: with the plain address, a phone would only be told
    to look here. `fingerprint` (SHA-256) is that of the house's own authority, which devices have to trust before
    anything else: then its page is pictured first. In the journal, which others may read, there is neither link
    nor picture.
    """
    lines = ["", f"{name} is at", *(f"  {address}" for address in addresses), ""]
    is_shut = addresses[0].startswith(_LOOPBACK)
    if is_shut:
        lines += ["Only this machine reaches it there: --host :: lets phones in.", ""]
    is_drawn = not is_shut and not is_for_journal
    if fingerprint is not None:
        trust = f"{addresses[0].replace('https:', 'http:', 1)}/trust"
        lines += ["Each device has to trust it once; this page shows how:", f"  {trust}"]
        lines += ["The fingerprint there has to be (SHA-256)", f"  {fingerprint[:47]}", f"  {fingerprint[48:]}", ""]
        lines += drawn(trust) if is_drawn else ()
    if setup_link and is_for_journal:
        lines += ["Nobody can sign in yet: mediaserver service status shows the link for the first administrator.", ""]
    elif setup_link:
        link = f"{addresses[0]}/setup?link={setup_link}"
        lines += ["Nobody can sign in yet. This link makes the first administrator, once and within a day:"]
        lines += [f"  {link}", ""]
        lines += drawn(link) if is_drawn else ()
    elif fingerprint is None and is_drawn:
        lines += drawn(addresses[0])
    return lines
