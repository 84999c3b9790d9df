"""What a server needs of its certificates while it runs: the present one for each new connection, kept up to date."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mediaserver.core.errors import MediaServerError

log = logging.getLogger(__name__)

LOOK_EVERY_S = 30.0


class Certificates(Protocol):
    """Certificates of one kind."""

    context: ssl.SSLContext
    """For the next connection; those that are open keep theirs."""

    def refresh(self) -> None:
        """Look whether others are wanted or there, and take them. Raises Invalid and Unavailable; `context` stays."""
        ...

    def warnings(self) -> Sequence[str]:
        """What to look after, in words for everybody."""
        ...


@dataclass(frozen=True, slots=True)
class Root:
    """The certificate that devices install; no secret."""

    pem: bytes
    fingerprint: str
    ends: datetime


class Keeper:
    """Looks after certificates; `run` is the job."""

    def __init__(self, certificates: Certificates, *, root: Root | None = None, names: Sequence[str] = ()) -> None:
        """`root` is there for an own authority, `names` are those of a certificate that was given."""
        self.certificates = certificates
        self.root = root
        self.names = names
        self._woken = asyncio.Event()
        self._said = ""

    def present(self) -> ssl.SSLContext:
        """For the next connection."""
        return self.certificates.context

    def look(self) -> None:
        """Do it now, as after a renewal (SIGHUP)."""
        self._said = ""
        self._woken.set()

    async def run(self, named: asyncio.Event) -> None:
        """`named` is set once the server has a name in the network, which its certificate has to bear."""

        async def wait_for_name() -> None:
            await named.wait()
            self._woken.set()

        waiting = asyncio.create_task(wait_for_name())
        try:
            await self._keep()
        finally:
            waiting.cancel()

    async def _keep(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), LOOK_EVERY_S)
            self._woken.clear()
            try:
                await asyncio.to_thread(self.certificates.refresh)
                self._said = ""
            except MediaServerError as error:
                # A renewal writes two files: for a moment they may not fit. What goes on is told once.
                if self._said != str(error):
                    log.warning("the certificate that was there is used further: %s", error)
                self._said = str(error)
