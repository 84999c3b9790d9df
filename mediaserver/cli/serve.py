"""`mediaserver serve`: runs the server and says where it is."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from mediaserver import app, storage
from mediaserver.cli import progress
from mediaserver.cli.addresses import qr_code, reachable
from mediaserver.cli.announcement import announcement
from mediaserver.cli.folders import checked
from mediaserver.cli.surroundings import FAILURE, again, data_dir_of, made_data_dir, settings_of
from mediaserver.core import logs, memory
from mediaserver.core.ending import leave_at_the_latest
from mediaserver.core.notify import Notifier
from mediaserver.core.settings import Settings

_LATEST_S = 4.7  # from the signal to the end, whatever hangs


def run(args: argparse.Namespace) -> int:
    """Until SIGTERM or Ctrl-C. Returns 1 where an essential part of the server fails."""
    settings = settings_of(args)
    folders = checked(args.folders, is_new=storage.is_new(settings.database.url, data_dir_of(args)))
    data_dir = made_data_dir(args)
    logs.set_up(settings.log.level)
    memory.give_back_large()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(settings, data_dir, folders, again(args, "scan", "--problems")))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it installs: it answers about 1.4 times as many cached segments (docs/measurements.md)."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(settings: Settings, data_dir: Path, folders: list[Path], how_to_list: str) -> int:
    """`how_to_list`: the command that lists the problems of the scan."""
    serving = asyncio.current_task()
    stopping = False
    notifier = Notifier()

    def stop(number: int) -> None:
        """In order at the first signal, from whatever is waited for; at once at the second."""
        nonlocal stopping
        if stopping:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif serving is not None:
            stopping = True
            leave_at_the_latest(_LATEST_S, 0)
            serving.cancel()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    try:
        async with app.running(settings, data_dir, folders) as server:
            addresses = reachable(
                server.host, server.port, has_tls=server.certificates is not None, base_path=settings.server.base_path
            )
            _announce(server, addresses, settings.server.name)
            # From who renews certificates; from a terminal that is closed it means the end, as ever.
            if server.certificates is not None and not sys.stdin.isatty():
                loop.add_signal_handler(signal.SIGHUP, server.certificates.look)
            notifier.say("READY=1", f"STATUS=answers at port {server.port}")
            shown = [
                asyncio.create_task(notifier.keep_alive()),
                asyncio.create_task(_show_scan(server, addresses[0], how_to_list)),
                asyncio.create_task(_show_name(server)),
            ]
            try:
                failure = await server.failed()
                leave_at_the_latest(_LATEST_S, FAILURE)
                print(f"mediaserver: stopping, {failure}", file=sys.stderr, flush=True)
            finally:
                notifier.say("STOPPING=1")
                stopping = True  # from here on a signal ends everything at once
                for task in shown:
                    task.cancel()
    except asyncio.CancelledError:
        if not stopping:
            raise
        print("Stopped.", flush=True)
        return 0
    return FAILURE


async def _show_name(server: app.Server) -> None:
    """The name in the network, once it is known to be free."""
    with _told_once("mediaserver.discovery.mdns"):
        await server.discovery.announced.wait()
    for name in server.discovery.host_names:
        print(f"In this network also at {server.discovery.what.address(name)}", flush=True)


@contextmanager
def _told_once(logger: str) -> Iterator[None]:
    """On a terminal, what this logger would say meanwhile is printed here in other words."""
    if not sys.stderr.isatty():
        yield
        return
    with logs.not_shown(logger):
        yield


async def _show_scan(server: app.Server, address: str, how_to_list: str) -> None:
    """The scan that begins with the server."""

    async def status() -> progress.Status:
        told: dict[str, object] = msgspec.to_builtins(server.scanner.status())
        return told

    if not server.scanner.roots:
        print("No folder is scanned yet: mediaserver serve FOLDER names one.", flush=True)
    elif (await status())["state"] != "idle":
        with _told_once("mediaserver.library.scan"):
            done = await progress.follow(status)
        print(progress.summary(done), flush=True)
        if done["problems"]:
            print(f"Which, and why: {address}/admin/report\n            or: {how_to_list}", flush=True)


def _announce(server: app.Server, addresses: Sequence[str], name: str) -> None:
    root = server.certificates.root if server.certificates is not None else None
    lines = announcement(
        name,
        addresses,
        server.setup_link,
        fingerprint=root.fingerprint if root is not None else None,
        is_for_journal=logs.goes_to_journal(1),
        drawn=_drawn,
    )
    print("\n".join(lines), flush=True)


def _drawn(address: str) -> list[str]:
    """The address as a picture, where the output can show it."""
    picture = qr_code(address, coloured=sys.stdout.isatty())
    try:
        picture.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return []
    return [picture, ""]
