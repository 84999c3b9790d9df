"""Keeps the server announced in the network: takes a free name, follows changes, withdraws at the end.

One job of the supervisor. Nothing waits for it, and where multicast is not to be had the server goes on without.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import random
import socket
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mediaserver.core.errors import Unavailable
from mediaserver.core.settings import Settings
from mediaserver.discovery import identity
from mediaserver.discovery.interfaces import AddressWatch, LanAddress, lan_addresses, served
from mediaserver.discovery.names import Names, facts, names

if TYPE_CHECKING:
    from mediaserver.discovery.wire import Wire

log = logging.getLogger(__name__)

_MOST_NAMES_TRIED = 20
_RETRY_S = 300.0
_SETTLE_S = 1.0
"""Changes of addresses come in bursts, and a new IPv6 address is checked for a second before it holds."""
_HEAR_S = 3.0
_LOOK_AFTER_S = (10.0, 60.0, 300.0, 900.0)
"""When to ask whether another holds the name too: after a power cut servers may start sooner than what joins them."""
_GOODBYE_LIMIT_S = 2.0
_LONGEST_PAUSE_S = 60.0
_NO_MULTICAST = "multicast is not to be had: "
_UNHEARD = "what this machine sends to UDP port 5353 does not come back to it; a firewall may keep it"


@dataclass(frozen=True, slots=True)
class Status:
    """How the server is found, for people and for health."""

    state: Literal["off", "starting", "announced", "unavailable"]
    detail: str
    """One line, safe to show: `announced as Music at http://music.local:4747`."""
    name: str = ""
    """As others list it; empty unless announced, as the next two are."""
    host_names: tuple[str, ...] = ()
    """Names that lead here, as in the Host header: `music.local`."""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Announced:
    """What there is to tell."""

    server_name: str
    version: str
    bound: tuple[str, ...]
    """Addresses that the server's sockets are bound to."""
    port: int
    path: str = "/"
    """Where the page begins."""
    has_tls: bool = False

    @property
    def is_for_others(self) -> bool:
        return not all(ip.startswith("127.") or ip == "::1" for ip in self.bound)

    def address(self, host: str) -> str:
        """`http://music.local:4747/`."""
        scheme, usual = ("https", 443) if self.has_tls else ("http", 80)
        return f"{scheme}://{host}{'' if self.port == usual else f':{self.port}'}{self.path.rstrip('/')}"


class Announcer:
    """Announces one server. `run` is the job; the rest may be asked at any time."""

    def __init__(self, what: Announced, data_dir: Path, *, is_enabled: bool = True) -> None:
        self.what = what
        self.announced = asyncio.Event()
        """Set when the server has a name in the network for the first time."""
        self._data_dir = data_dir
        self._status = Status("starting", "not announced yet")
        if not is_enabled:
            self._status = Status("off", "switched off by discovery.enabled")
        elif not what.is_for_others:
            self._status = Status("off", "nothing is announced, for only this machine reaches the server (server.host)")
        self._is_off = self._status.state == "off"
        self._task: asyncio.Task[None] | None = None
        self._is_leaving = False
        self._woken = asyncio.Event()
        self._has_conflict = False
        self._conflicts = 0

    def status(self) -> Status:
        return self._status

    @property
    def host_names(self) -> tuple[str, ...]:
        """Names that are registered at this moment and lead here, as in the Host header; without port."""
        return self._status.host_names

    def leave(self) -> None:
        """Begin to withdraw; the job ends when that is done, in about 0.3 s."""
        if self._task is not None and not self._is_leaving:
            self._is_leaving = True
            self._task.cancel()

    async def run(self) -> None:
        """Until `leave` or a cancellation; both withdraw what was announced before this returns."""
        if self._is_off:
            return
        # A task of its own, so that the cancellation of this one cannot interrupt a goodbye that `leave` began.
        self._task = asyncio.create_task(self._keep_announced(), name="discovery at work")
        try:
            await asyncio.shield(self._task)
        except asyncio.CancelledError:
            self.leave()
            await asyncio.wait([self._task], timeout=_GOODBYE_LIMIT_S)
            self._status = Status("off", "withdrawn, for the server ends")
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
        except Exception as error:
            self._status = Status("unavailable", f"failed, and is tried again: {type(error).__name__}")
            raise

    async def _keep_announced(self) -> None:
        await asyncio.to_thread(importlib.import_module, "mediaserver.discovery.wire")
        me = await asyncio.to_thread(identity.load, self._data_dir)
        watch = AddressWatch(self._woken.set)
        try:
            while True:
                addresses = self._addresses()
                if not addresses:
                    self._tell(Status("unavailable", _NO_MULTICAST + "this machine is in no network that has it"))
                    await self._wait(_RETRY_S)
                    continue
                try:
                    me = await self._announced_at(addresses, me)
                except Unavailable as error:
                    self._tell(Status("unavailable", _NO_MULTICAST + str(error)))
                    await self._wait(_RETRY_S)
        finally:
            watch.close()

    async def _announced_at(self, addresses: Sequence[LanAddress], me: identity.Identity) -> identity.Identity:
        """Answer at these addresses until they change. Returns who we are now. Raises Unavailable."""
        from mediaserver.discovery.wire import Wire

        wire = Wire(addresses, self._conflicted)
        is_going_on = False
        try:
            await wire.open()
            me, taken = await self._named(wire, me, me.number_of(self.what.server_name))
            await self._tell_where(wire, taken, addresses)
            looks = 0
            while True:
                was_woken = await self._wait(_LOOK_AFTER_S[min(looks, len(_LOOK_AFTER_S) - 1)])
                if self._has_conflict:
                    me, taken = await self._settled(wire, me, taken)
                    await self._tell_where(wire, taken, addresses)
                    looks = 0
                elif not was_woken:
                    looks += 1
                    wire.ask()
                    if not wire.heard.is_set():
                        await wire.repeat()
                        await self._tell_where(wire, taken, addresses)
                if self._addresses() != addresses:
                    await asyncio.sleep(_SETTLE_S)
                    # What goes on at other addresses is not withdrawn: lists would flicker.
                    is_going_on = self._addresses() != []
                    return me
        finally:
            await wire.close(has_more_to_say=is_going_on)

    async def _named(self, wire: Wire, me: identity.Identity, first: int) -> tuple[identity.Identity, Names]:
        """Take the first name that is free and keep its number. Raises Unavailable where all are taken."""
        for number in range(first, first + _MOST_NAMES_TRIED):
            wanted = names(self.what.server_name, number, socket.gethostname())
            if await wire.is_free(wanted, self.what.port, self._facts(me)):
                break
            log.info("the name %s is taken in this network", wanted.instance)
        else:
            raise Unavailable(f"every name that was tried is taken, {wanted.instance} the last")
        self._has_conflict = False
        await wire.announce(wanted, self.what.port, self._facts(me))
        mine = identity.Identity(me.id, self.what.server_name, min(number, 999))
        if mine != me:
            await asyncio.to_thread(identity.save, self._data_dir, mine)
        return mine, wanted

    async def _settled(self, wire: Wire, me: identity.Identity, taken: Names) -> tuple[identity.Identity, Names]:
        """Two hold one name, as when both started at once or two networks were joined: one of them moves on.

        Of two servers of our kind the one with the lower id stays; before anything else we give way.
        """
        other = wire.others_id(taken)
        stays = other is not None and me.id < other
        # Slower each time: a mischief-maker must not keep the server busy renaming itself.
        pause_s = min(self._conflicts, _LONGEST_PAUSE_S)
        self._conflicts += 1
        await asyncio.sleep(pause_s + (random.uniform(2.0, 3.0) if stays else random.uniform(0, 0.5)))  # noqa: S311
        self._has_conflict = False
        if await wire.is_free(taken, self.what.port, self._facts(me)):
            await wire.repeat()
            return me, taken
        log.info("another in this network is called %s too", taken.instance)
        wire.let_go()
        return await self._named(wire, me, me.number_of(self.what.server_name) + 1)

    async def _tell_where(self, wire: Wire, taken: Names, addresses: Sequence[LanAddress]) -> None:
        """Say what was announced, or that nobody can have heard it."""
        status = Status(
            "announced",
            f"announced as {taken.instance} at {self.what.address(taken.host)}",
            taken.instance,
            (taken.host,),
            tuple(one.ip for one in addresses),
        )
        try:
            await asyncio.wait_for(wire.heard.wait(), _HEAR_S)
        except TimeoutError:
            # The name stays announced: what others hear of it is not known.
            self._tell(replace(status, state="unavailable", detail=_NO_MULTICAST + _UNHEARD))
            return
        self._tell(status)
        self.announced.set()

    def _tell(self, status: Status) -> None:
        if status != self._status:
            self._status = status
            log.log(logging.INFO if status.state == "announced" else logging.WARNING, "%s", status.detail)

    def _addresses(self) -> list[LanAddress]:
        return served(lan_addresses(), self.what.bound)

    def _facts(self, me: identity.Identity) -> dict[str, str]:
        return facts(me.id, self.what.version, self.what.path, has_tls=self.what.has_tls)

    def _conflicted(self) -> None:
        self._has_conflict = True
        self._woken.set()

    async def _wait(self, timeout_s: float) -> bool:
        """Until addresses or names may have changed; False where the time is over before."""
        try:
            await asyncio.wait_for(self._woken.wait(), timeout_s)
        except TimeoutError:
            return False
        self._woken.clear()
        return True


def announcing(settings: Settings, data_dir: Path, version: str, bound: Sequence[tuple[Any, ...]]) -> Announcer:
    """For a server that listens at `bound`, as sockets name their addresses; nothing is sent before `run`."""
    page, has_tls = f"{settings.server.base_path}/", settings.server.tls != "off"
    addresses = tuple(str(one[0]) for one in bound)
    what = Announced(settings.server.name, version, addresses, int(bound[0][1]), page, has_tls)
    return Announcer(what, data_dir, is_enabled=settings.discovery.enabled)
