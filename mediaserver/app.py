"""The composition root: builds the rooms from the ground up, opens the doors, and unwinds in reverse."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from mediaserver import __version__, accounts, catalog, library, sound, streaming, tls
from mediaserver.checkup import network
from mediaserver.checkup.database import answers
from mediaserver.checkup.disks import Disks
from mediaserver.core import logs, machine
from mediaserver.core.clock import Clock, SystemClock
from mediaserver.core.ending import end_all
from mediaserver.core.errors import Invalid
from mediaserver.core.events import EventBus
from mediaserver.core.lock import only_one
from mediaserver.core.settings import Settings
from mediaserver.core.supervisor import Need, Supervisor
from mediaserver.core.workers import Workers
from mediaserver.discovery.mdns import Announced, Announcer
from mediaserver.http.api import (
    browse,
    covers,
    devices,
    document,
    events,
    playback,
    scan,
    search,
    session,
    upkeep,
    users,
)
from mediaserver.http.base import proxies
from mediaserver.http.base.accesslog import AccessLogger
from mediaserver.http.base.connections import Runner
from mediaserver.http.base.hosts import Hosts
from mediaserver.http.base.knocking import TlsSite
from mediaserver.http.base.listening import Site, open_sockets, raise_open_files_limit
from mediaserver.http.base.server import application
from mediaserver.http.ops import control, health, metrics
from mediaserver.http.pages import failures, files, pages, trust
from mediaserver.http.stream import media
from mediaserver.library import Library, schedule
from mediaserver.library.scan import Scanner
from mediaserver.sound.index import Sounds
from mediaserver.sound.jobs import index_library
from mediaserver.storage import open_database
from mediaserver.storage.timed import Timed
from mediaserver.storage.watch import watch
from mediaserver.streaming.segments import Segments
from mediaserver.tls.keeper import Keeper
from mediaserver.views.administration import Administration
from mediaserver.views.browsing import Browsing
from mediaserver.views.live import Live
from mediaserver.views.people import People
from mediaserver.views.playing import Playing
from mediaserver.views.searching import Searching
from mediaserver.views.upkeep import Upkeep

log = logging.getLogger(__name__)

PRELOAD = ("mediaserver.streaming.encoder", "mediaserver.library.reader", "mediaserver.media.probe")
_DRAIN_S = 1.5  # for answers under way; aiohttp waits so long twice
_ENDING_S = 3.5  # for doors and jobs together; processes and database have the rest of five seconds


@dataclass(frozen=True, slots=True)
class Server:
    """A server that answers."""

    host: str
    port: int
    setup_link: str | None
    """The secret of the one-time set-up link; None once there is a user."""
    scanner: Scanner
    supervisor: Supervisor
    application: web.Application
    segments: Segments
    discovery: Announcer
    """Under which names it is found in the network."""
    certificates: Keeper | None
    """None without TLS."""

    async def failed(self) -> str:
        """Waits until an essential part has failed; which one, and why."""
        await self.supervisor.failed.wait()
        return self.supervisor.failure


@dataclass(frozen=True, slots=True)
class Rooms:
    """Everything below the doors, for the server and for the command line."""

    database: Timed
    events: EventBus
    clock: Clock
    workers: Workers
    supervisor: Supervisor
    accounts: accounts.Accounts
    catalog: catalog.Catalog
    library: Library


def scan_roots(settings: Settings, folders: Sequence[Path]) -> list[Path]:
    """The folders to scan, absolute, each once; those on the command line replace the configured ones."""
    chosen = folders or [Path(folder).expanduser() for folder in settings.library.folders]
    return list(dict.fromkeys(folder.resolve() for folder in chosen))


def _check_roots(roots: Sequence[Path], known: Sequence[Path], *, named: Sequence[Path]) -> None:
    """Raises Invalid for a folder that was named and never seen, and where one would be scanned as two."""
    absent = [root for root in roots if named and root not in known and not root.exists()]
    if absent:
        raise Invalid(f"there is no folder {absent[0]}")
    for root in roots:
        for other in known:
            if root != other and (root.is_relative_to(other) or other.is_relative_to(root)):
                raise Invalid(
                    f"{root} overlaps {other}, which was scanned into this library before: serve {other}, or begin"
                    " another library with --data-dir"
                )


@asynccontextmanager
async def rooms(settings: Settings, data_dir: Path, folders: Sequence[Path] = ()) -> AsyncIterator[Rooms]:
    """The rooms without doors. Where no folder is named or configured, those that were scanned before are scanned.

    Raises Invalid (folders), Unavailable and StorageDamaged.
    """
    async with AsyncExitStack() as stack:
        clock, events = SystemClock(), EventBus()
        database = Timed(await open_database(settings.database.url, data_dir, clock))
        stack.push_async_callback(database.close)
        stack.push_async_callback(events.close)
        workers = Workers(processes=settings.library.worker_processes, preload=PRELOAD)
        stack.push_async_callback(workers.close)
        supervisor = Supervisor()
        stack.push_async_callback(_stop_jobs, supervisor)
        people = await accounts.build(database, events, clock, session_days=settings.accounts.session_days)
        music = catalog.build(database, clock, events)
        known = [Path(root) for root in await music.writer.roots()]
        roots = scan_roots(settings, folders) or known
        _check_roots(roots, known, named=folders)
        files = library.build(database, music.writer, workers, events, clock, supervisor, roots)
        await files.scanner.open()
        yield Rooms(database, events, clock, workers, supervisor, people, music, files)


@asynccontextmanager
async def running(settings: Settings, data_dir: Path, folders: Sequence[Path] = ()) -> AsyncIterator[Server]:
    """The whole server, answering from the moment this is entered; leaving stops it within five seconds.

    Raises Conflict (another server has this data directory), Invalid (folders), Unavailable (database or port) and
    StorageDamaged.
    """
    async with AsyncExitStack() as stack:
        stack.enter_context(only_one(data_dir))
        if settings.log.file:
            stack.enter_context(logs.kept_in(data_dir / logs.FOLDER))
        raise_open_files_limit()
        below = await stack.enter_async_context(rooms(settings, data_dir, folders))
        cache_dir = Path(settings.streaming.cache_dir or data_dir / "cache").expanduser()
        sound_cache, cover_cache = streaming.caches(cache_dir, settings.streaming.cache_size_mb * 1_000_000)
        sounds = sound.build(below.database, below.workers, below.clock, shelf=sound_cache)
        out = streaming.build(below.workers, sounds, sound_cache, cover_cache)

        trusted = [ipaddress.ip_network(network, strict=False) for network in settings.server.trusted_proxies]
        names = Hosts([*machine.own_names(), *settings.server.names])
        certificates = tls.build(settings.server, data_dir, lambda: _asked_as(settings, names), below.clock)
        if certificates is not None:
            names.add(certificates.names)
        disks = Disks({"Disk": data_dir, "Disk of the cache": cache_dir})
        care = Upkeep(
            below.supervisor, below.library, lambda: answers(below.database), below.workers, below.clock, disks
        )
        administration = Administration(below.accounts, below.library)
        live = Live(administration, below.events, below.clock)
        live.open()
        caches = {"sound": sound_cache, "covers": cover_cache}
        timings = {"read": below.database.reads, "write": below.database.writes}
        sources = metrics.Sources(
            below.supervisor,
            below.workers,
            out.segments,
            caches,
            timings,
            live,
            administration,
            lambda: runner.connections,
        )
        doors = _application(settings, below, sounds, out, names, trusted, sources, care, certificates)
        trusts = functools.partial(proxies.is_trusted, trusted=trusted)
        runner = Runner(
            doors,
            trusts,
            base_path=settings.server.base_path,
            access_log_class=AccessLogger,
            shutdown_timeout=_DRAIN_S,
        )
        await runner.setup()
        stack.push_async_callback(_end, runner, below.supervisor, out, sounds)
        stack.callback(live.close)
        port = await _listen(runner, settings.server.host, settings.server.port, certificates)
        scanner = below.library.scanner
        setup_link = await below.accounts.setup.new()
        announcer = _announcer(settings, data_dir, runner)

        async def about() -> dict[str, Any]:
            """For the command line of who owns the data directory."""
            discovery = announcer.status()
            return {
                "version": __version__,
                "pid": os.getpid(),
                "host": settings.server.host,
                "port": port,
                "folders": [str(root) for root in scanner.roots],
                "discovery": {"state": discovery.state, "detail": discovery.detail},
                "setup_link": None if await below.accounts.users.count() else setup_link,
            }

        asked = control.application(scanner.start, scanner.cancel, scanner.status, about)
        await stack.enter_async_context(control.listening(asked, data_dir))

        async def warm_up() -> None:
            """What the first listener would otherwise wait for."""
            await out.segments.ladder()
            await sound_cache.open()
            await cover_cache.open()

        was_broken_off = await scanner.close_broken_off()
        if settings.library.watch:
            scanner.before_walk = below.library.watcher.stand
            below.supervisor.start("watch", below.library.watcher.run)
        if settings.library.scan_at_start or was_broken_off:
            scanner.start()
        else:
            scanner.has_begun = True
        times = schedule.Schedule(settings.library.scan_times, schedule.local_zone(), below.clock.now_ms())
        below.supervisor.start("schedule", lambda: schedule.run(times, below.clock, scanner.start))
        below.supervisor.start("database", lambda: watch(below.database), need=Need.ESSENTIAL)
        below.supervisor.start("warm-up", warm_up)
        below.supervisor.start("signing-keys", below.accounts.addresses.keep_rotating)
        below.supervisor.start(
            "index",
            lambda: index_library(sounds, below.events, below.catalog.tracks.files, below.catalog.tracks.known_paths),
            need=Need.OPTIONAL,
        )
        names.announced = lambda: announcer.host_names
        below.supervisor.start("discovery", announcer.run)
        care.network = lambda: [network.addresses(settings.server.host), network.discovery(announcer.status())]
        below.supervisor.start("disks", disks.run)
        stack.callback(announcer.leave)  # while the doors close
        if certificates is not None:
            below.supervisor.start("certificates", functools.partial(certificates.run, announcer.announced))
        yield Server(
            settings.server.host,
            port,
            setup_link,
            scanner,
            below.supervisor,
            doors,
            out.segments,
            announcer,
            certificates,
        )


def _application(
    settings: Settings,
    below: Rooms,
    sounds: Sounds,
    out: streaming.Streaming,
    names: Hosts,
    trusted: Sequence[proxies.Network],
    sources: metrics.Sources,
    care: Upkeep,
    certificates: Keeper | None,
) -> web.Application:
    people = People(below.accounts)
    browsing, administration, requests = Browsing(below.catalog), sources.administration, metrics.Requests()
    playing = Playing(below.catalog.tracks, sounds, out.segments, below.accounts.addresses)
    static = files.Static.found()

    def warnings() -> Sequence[str]:
        told = certificates.certificates.warnings() if certificates else ()
        return [*administration.warnings(), *care.warnings(), *told]

    def root() -> trust.Root | None:
        one = certificates.root if certificates else None
        return trust.Root(one.pem, one.fingerprint, one.ends) if one else None

    routes: list[web.AbstractRouteDef] = [
        *health.routes(below.supervisor, lambda: below.library.scanner.has_begun, warnings),
        *metrics.routes(sources, requests, browsing, below.events),
        *session.routes(below.accounts, people, below.clock),
        *devices.routes(people),
        *users.routes(administration),
        *scan.routes(administration),
        *upkeep.routes(care),
        *browse.routes(browsing),
        *search.routes(Searching(below.catalog.find)),
        *covers.routes(browsing, out.covers),
        *playback.routes(playing),
        *events.routes(sources.live),
        *media.routes(below.accounts.addresses, out, playing),
        *files.routes(static),
        *pages.routes(static, below.accounts, settings.server.name),
        *trust.routes(static, settings.server.name, root),
    ]
    routes += document.routes(routes)
    return application(
        routes,
        sessions=below.accounts.sessions,
        tokens=below.accounts.tokens,
        clock=below.clock,
        names=names,
        trusted_proxies=trusted,
        base_path=settings.server.base_path,
        has_tls=certificates is not None,
        hsts=settings.server.tls_hsts,
        outermost=[requests.middleware(), failures.middleware(pages.failed(static, settings.server.name))],
    )


def _announcer(settings: Settings, data_dir: Path, runner: web.AppRunner) -> Announcer:
    bound = tuple(str(address[0]) for address in runner.addresses)
    page = f"{settings.server.base_path}/"
    what = Announced(
        settings.server.name, __version__, bound, int(runner.addresses[0][1]), page, settings.server.tls != "off"
    )
    return Announcer(what, data_dir, is_enabled=settings.discovery.enabled)


def _asked_as(settings: Settings, names: Hosts) -> list[str]:
    """All names and addresses under which somebody may ask for the server now."""
    told = [*machine.own_names(), *settings.server.names, *names.announced()]
    return [*(name.lower().removesuffix(".") for name in told), *machine.own_addresses()]


async def _listen(runner: web.AppRunner, host: str, port: int, certificates: Keeper | None) -> int:
    """The port that is listened on, which the system chooses for 0. Raises Unavailable."""
    sockets = open_sockets(host, port)
    for opened in sockets:
        if certificates is None:
            await Site(runner, opened).start()
        else:
            await TlsSite(runner, opened, certificates.present).start()
    return int(sockets[0].getsockname()[1])


async def _end(runner: Runner, supervisor: Supervisor, out: streaming.Streaming, sounds: Sounds) -> None:
    """Everything that stands on the database, side by side: doors drain while jobs end."""

    async def making() -> None:
        """Segments stand on sounds."""
        await out.close()
        await sounds.close()

    late = await end_all(
        {"doors": runner.cleanup(), "jobs": _stop_jobs(supervisor), "making": making()}, timeout_s=_ENDING_S
    )
    runner.abort()
    for name, reason in late.items():
        log.warning("at the end, %s: %s", name, reason)


async def _stop_jobs(supervisor: Supervisor) -> None:
    stubborn = await supervisor.stop(timeout_s=_ENDING_S - 0.2)  # to be told by name
    if stubborn:
        log.warning("these jobs did not end in time: %s", ", ".join(stubborn))
    await asyncio.sleep(0)
