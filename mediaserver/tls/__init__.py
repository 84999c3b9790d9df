"""Encrypted connections: certificates that are given, or those of an authority of this house."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from mediaserver.core.clock import Clock
from mediaserver.core.settings import Server
from mediaserver.tls.keeper import Keeper, Root


def build(server: Server, data_dir: Path, names: Callable[[], Iterable[str]], clock: Clock) -> Keeper | None:
    """None without TLS. `names` tells under which names and addresses the server is asked for at that moment.

    Raises Invalid and Unavailable. Only where it is used is the library loaded, which takes 0.1 s and 10 MB.
    """
    if server.tls == "own":
        from mediaserver.tls.own import Own

        extra = [name.lower().removesuffix(".") for name in server.names]
        own = Own(data_dir, server.name, extra, names, clock)
        return Keeper(own, root=Root(own.root_pem, own.fingerprint, own.ends))
    if server.tls == "given":
        from mediaserver.tls.given import Given

        given = Given(Path(server.tls_certificate).expanduser(), Path(server.tls_key).expanduser(), clock)
        return Keeper(given, names=given.names)
    return None
