"""The composition root: builds on the rooms, opens the doors, starts the jobs, and unwinds in reverse."""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from mediaserver import __version__, accounts, floors, sound, streaming, tls
from mediaserver.checkup import network
from mediaserver.checkup.database import answers
from mediaserver.checkup.disks import Disks
from mediaserver.core import logs, machine, places
from mediaserver.core.ending import end_all
from mediaserver.core.lock import only_one
from mediaserver.core.settings import Settings
from mediaserver.core.supervisor import Need, Supervisor
from mediaserver.discovery.mdns import Announcer, announcing
from mediaserver.floors import Rooms
from mediaserver.http.api import (
    browse,
    covers,
    devices,
    document,
    events,
    lineups,
    loudness,
    pins,
    playback,
    qoe,
    scan,
    search,
    session,
    upkeep,
    users,
)
from mediaserver.http.base import proxies
from mediaserver.http.base.accesslog import AccessLogger
from mediaserver.http.base.connections import Limits, Runner, within
from mediaserver.http.base.hosts import Hosts, asked_as
from mediaserver.http.base.knocking import listen
from mediaserver.http.base.listening import on_loop_error, raise_open_files_limit
from mediaserver.http.base.server import application
from mediaserver.http.ops import control, health, metrics
from mediaserver.http.pages import failures, files, pages, trust
from mediaserver.http.stream import media
from mediaserver.library import schedule
from mediaserver.library.scan import Scanner
from mediaserver.sound.index import SoundFile, Sounds
from mediaserver.sound.jobs import index_library
from mediaserver.sound.measuring import Measuring
from mediaserver.storage.watch import watch
from mediaserver.streaming.cache import Cache
from mediaserver.streaming.ready import Ready
from mediaserver.streaming.segments import Segments
from mediaserver.tls.keeper import Keeper
from mediaserver.views.administration import Administration
from mediaserver.views.browsing import Browsing
from mediaserver.views.keeping import Keeping
from mediaserver.views.keeping import found as kept_ready
from mediaserver.views.levels import Levels
from mediaserver.views.lineups import Lineups
from mediaserver.views.live import Live
from mediaserver.views.people import People
from mediaserver.views.playing import Playing
from mediaserver.views.quality import Quality
from mediaserver.views.searching import Searching
from mediaserver.views.upkeep import Upkeep

log = logging.getLogger(__name__)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What the doors lead to: the rooms, and what stands on them."""

    rooms: Rooms
    sound_cache: Cache
    cover_cache: Cache
    sounds: Sounds
    measuring: Measuring
    out: streaming.Streaming
    trusted: Sequence[proxies.Network]
    names: Hosts
    certificates: Keeper | None
    disks: Disks
    care: Upkeep
    administration: Administration
    quality: Quality
    keeping: Keeping
    ready: Ready
    live: Live

    def warnings(self) -> list[str]:
        """What to look after, for everybody."""
        told = self.certificates.certificates.warnings() if self.certificates else ()
        return [*self.administration.warnings(), *self.care.warnings(), *self.quality.warnings(), *told]


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
        limits = within(raise_open_files_limit())
        asyncio.get_running_loop().set_exception_handler(on_loop_error)
        rooms = await stack.enter_async_context(floors.rooms(settings, data_dir, folders))
        inside = _furnish(settings, data_dir, rooms)
        inside.live.open()
        runner = _doors(settings, inside, limits)
        await runner.setup()
        stack.push_async_callback(_end, runner, inside)
        stack.callback(inside.live.close)
        context = inside.certificates.present if inside.certificates else None
        port = await listen(
            runner, settings.server.host, settings.server.port, context, most_waiting=limits.most_waiting
        )
        setup_link = await rooms.accounts.setup.new()
        announcer = announcing(settings, data_dir, __version__, runner.addresses)
        server = Server(
            settings.server.host,
            port,
            setup_link,
            rooms.library.scanner,
            rooms.supervisor,
            runner.app,
            inside.out.segments,
            announcer,
            inside.certificates,
        )
        await stack.enter_async_context(
            control.listening(_asked(settings, server, rooms.accounts, inside.live), data_dir)
        )
        await _begin_to_scan(settings, rooms)
        _start_jobs(inside, announcer)
        _say_names(settings, inside, announcer)
        stack.callback(announcer.leave)  # while the doors close
        yield server


def _furnish(settings: Settings, data_dir: Path, rooms: Rooms) -> Inside:
    """Raises Invalid and Unavailable for certificates that cannot be had."""
    cache_dir = places.cache_dir(settings.streaming.cache_dir, data_dir)
    sound_cache, cover_cache = streaming.caches(cache_dir, settings.streaming.cache_size_mb * 1_000_000)
    sounds = sound.build(rooms.database, rooms.workers, rooms.clock, shelf=sound_cache, folders=rooms.folders)
    zone = schedule.local_zone()
    measuring = sound.build_measuring(
        *(rooms.database, rooms.workers, rooms.events, rooms.clock, sounds), settings.loudness, zone
    )
    out = streaming.build(
        *(rooms.workers, rooms.database, rooms.clock, sounds, sound_cache, cover_cache),
        settings.streaming,
        measuring.meter.dynamics,
    )
    keeping = Keeping(rooms.listening.pins, rooms.catalog)
    ready = streaming.build_ready(
        *(out, rooms.workers, rooms.clock, sounds, sound_cache, keeping.files, settings.streaming, zone)
    )
    rooms.listening.pins.on_change = ready.change
    trusted = [ipaddress.ip_network(network, strict=False) for network in settings.server.trusted_proxies]
    names = Hosts([*machine.own_names(), *settings.server.names])
    certificates = tls.build(settings.server, data_dir, lambda: asked_as(names, settings.server.names), rooms.clock)
    if certificates is not None:
        names.add(certificates.names)
    disks = Disks({"Disk": data_dir, "Disk of the cache": cache_dir})
    care = Upkeep(rooms.supervisor, rooms.library, lambda: answers(rooms.database), rooms.workers, rooms.clock, disks)
    administration = Administration(rooms.accounts, rooms.library)
    quality = Quality(rooms.listening, rooms.catalog.tracks, rooms.accounts, rooms.clock, zone)
    care.listening = quality.found
    care.kept = lambda: kept_ready(ready.status, settings.streaming.ready_hours, is_on=ready.is_on)
    live = Live(administration, rooms.events, rooms.clock)
    inside = Inside(
        rooms=rooms,
        sound_cache=sound_cache,
        cover_cache=cover_cache,
        sounds=sounds,
        measuring=measuring,
        out=out,
        trusted=trusted,
        names=names,
        certificates=certificates,
        disks=disks,
        care=care,
        administration=administration,
        quality=quality,
        keeping=keeping,
        ready=ready,
        live=live,
    )
    live.warnings = inside.warnings
    return inside


def _doors(settings: Settings, inside: Inside, limits: Limits) -> Runner:
    """All doors of the server, closed yet."""
    runner: Runner = Runner(
        _application(settings, inside, lambda: runner.connections),
        functools.partial(proxies.is_trusted, trusted=inside.trusted),
        limits,
        base_path=settings.server.base_path,
        access_log_class=AccessLogger,
        shutdown_timeout=_DRAIN_S,
    )
    return runner


def _application(settings: Settings, inside: Inside, connections: Callable[[], int]) -> web.Application:
    """`connections` tells how many are open."""
    rooms, out, certificates = inside.rooms, inside.out, inside.certificates
    people, browsing = People(rooms.accounts), Browsing(rooms.catalog)
    levels = Levels(inside.measuring, rooms.catalog.tracks, rooms.catalog.albums, settings.loudness)
    addresses = rooms.accounts.addresses
    playing = Playing(rooms.catalog.tracks, inside.sounds, out.segments, addresses, levels.can_be_night)
    static, requests = files.Static.found(), metrics.Requests()

    def root() -> trust.Root | None:
        one = certificates.root if certificates else None
        return trust.Root(one.pem, one.fingerprint, one.ends) if one else None

    routes: list[web.AbstractRouteDef] = [
        *health.routes(rooms.supervisor, lambda: rooms.library.scanner.has_begun, inside.warnings),
        *metrics.routes(_counted(inside, connections), requests, browsing, rooms.events),
        *session.routes(rooms.accounts, people, rooms.clock),
        *devices.routes(people),
        *users.routes(inside.administration),
        *scan.routes(inside.administration),
        *upkeep.routes(inside.care),
        *qoe.routes(inside.quality),
        *loudness.routes(levels),
        *pins.routes(inside.keeping),
        *browse.routes(browsing, levels),
        *search.routes(Searching(rooms.catalog.find), levels),
        *covers.routes(browsing, out.covers),
        *playback.routes(playing, levels),
        *lineups.routes(Lineups(rooms.catalog, inside.sounds, out, addresses, levels)),
        *events.routes(inside.live),
        *media.routes(addresses, out, playing),
        *files.routes(static),
        *pages.routes(static, rooms.accounts, settings.server.name),
        *trust.routes(static, settings.server.name, root),
    ]
    routes += document.routes(routes)
    return application(
        routes,
        sessions=rooms.accounts.sessions,
        tokens=rooms.accounts.tokens,
        clock=rooms.clock,
        on_viewer=rooms.workers.expect,
        names=inside.names,
        trusted_proxies=inside.trusted,
        base_path=settings.server.base_path,
        has_tls=certificates is not None,
        hsts=settings.server.tls_hsts,
        outermost=[requests.middleware(), failures.middleware(pages.failed(static, settings.server.name))],
    )


def _counted(inside: Inside, connections: Callable[[], int]) -> metrics.Sources:
    rooms = inside.rooms
    return metrics.Sources(
        rooms.supervisor,
        rooms.workers,
        inside.out.segments,
        {"sound": inside.sound_cache, "covers": inside.cover_cache},
        {"read": rooms.database.reads, "write": rooms.database.writes},
        inside.live,
        inside.administration,
        inside.measuring,
        inside.quality,
        connections,
    )


def _asked(settings: Settings, server: Server, people: accounts.Accounts, live: Live) -> web.Application:
    """What the command line of who owns the data directory may ask."""

    async def about() -> dict[str, Any]:
        discovery = server.discovery.status()
        return {
            "version": __version__,
            "pid": os.getpid(),
            "host": server.host,
            "port": server.port,
            "base_path": settings.server.base_path,
            "has_tls": server.certificates is not None,
            "folders": [str(root) for root in server.scanner.roots],
            "discovery": {"state": discovery.state, "detail": discovery.detail},
            "setup_link": None if await people.users.count() else server.setup_link,
        }

    return control.application(server.scanner.start, server.scanner.cancel, server.scanner.status, about, live.doubt)


async def _begin_to_scan(settings: Settings, rooms: Rooms) -> None:
    """The first scan where one is wanted or was broken off, the watch over the folders, and the times of the day."""
    scanner, supervisor = rooms.library.scanner, rooms.supervisor
    was_broken_off = await scanner.close_broken_off()
    if settings.library.watch:
        scanner.before_walk = rooms.library.watcher.stand
        supervisor.start("watch", rooms.library.watcher.run)
    if settings.library.scan_at_start or was_broken_off:
        scanner.start()
    else:
        scanner.has_begun = True
    times = schedule.Schedule(settings.library.scan_times, schedule.local_zone(), rooms.clock.now_ms())
    supervisor.start("schedule", lambda: schedule.run(times, rooms.clock, scanner.start))


def _start_jobs(inside: Inside, announcer: Announcer) -> None:
    rooms, start = inside.rooms, inside.rooms.supervisor.start

    async def warm_up() -> None:
        """What the first listener would otherwise wait for."""
        await inside.out.segments.ladder()
        await inside.ready.learn()  # before files go that should stay
        await inside.sound_cache.open()
        await inside.cover_cache.open()

    async def heard(file: SoundFile, reason: str) -> None:
        await rooms.library.report.heard(file.track_path, file.size_bytes, file.mtime_ns, reason)

    start("database", lambda: watch(rooms.database), need=Need.ESSENTIAL)
    start("warm-up", warm_up)
    start("signing-keys", rooms.accounts.addresses.keep_rotating)
    tracks, index = rooms.catalog.tracks, functools.partial(index_library, inside.sounds, rooms.events)
    start("index", lambda: index(tracks.files, tracks.known_paths, heard), need=Need.OPTIONAL)
    start("loudness", inside.measuring.run)
    start("ready", functools.partial(inside.ready.run, rooms.events))
    start("discovery", announcer.run)
    start("disks", inside.disks.run)
    start("listening", rooms.listening.watch.run)
    if inside.certificates is not None:
        start("certificates", functools.partial(inside.certificates.run, announcer.announced))


def _say_names(settings: Settings, inside: Inside, announcer: Announcer) -> None:
    """To who has to know under which names and addresses the server is reached."""
    inside.names.announced = lambda: announcer.host_names
    inside.care.network = lambda: [network.addresses(settings.server.host), network.discovery(announcer.status())]


async def _end(runner: Runner, inside: Inside) -> None:
    """Everything that stands on the database, side by side: doors drain while jobs end."""

    async def making() -> None:
        """Segments stand on sounds."""
        await inside.out.close()
        await inside.sounds.close()

    jobs = floors.stop_jobs(inside.rooms.supervisor)
    late = await end_all({"doors": runner.cleanup(), "jobs": jobs, "making": making()}, timeout_s=_ENDING_S)
    runner.abort()
    for name, reason in late.items():
        log.warning("at the end, %s: %s", name, reason)
