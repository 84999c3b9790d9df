"""Tells systemd how the server is: ready, alive, ending. Source: sd_notify(3). Elsewhere it does nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import MutableMapping

log = logging.getLogger(__name__)


class Notifier:
    """Takes what it needs out of `environment`, so that no process that is started may speak for the server."""

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        self._address = environment.pop("NOTIFY_SOCKET", "")
        period_us, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
        is_ours = pid in ("", str(os.getpid()))
        self._watchdog_s = int(period_us) / 1e6 if period_us.isdigit() and is_ours else 0.0

    def say(self, *words: str) -> None:
        """Words as `READY=1` and `STATUS=...`. What cannot be told is not: the server goes on."""
        if not self._address.startswith(("/", "@")):
            return
        # An address that begins with @ is of the abstract namespace.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as told:
                told.setblocking(False)
                told.sendto("\n".join(words).encode(), address)
        except OSError as error:
            log.debug("systemd was not told: %s", error)

    async def keep_alive(self) -> None:
        """A word whenever half the watchdog's time is over, for as long as the event loop turns; without one, none."""
        while self._watchdog_s:
            self.say("WATCHDOG=1")
            await asyncio.sleep(self._watchdog_s / 2)
