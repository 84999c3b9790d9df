"""`mediaserver serve`: runs the server and says where it is."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from mediaserver import app
from mediaserver.cli import progress
from mediaserver.cli.main import FAILURE, USAGE, data_dir_of, fail, settings_of
from mediaserver.core import logs
from mediaserver.core.errors import MediaServerError
from mediaserver.core.settings import Settings


def run(args: argparse.Namespace) -> int:
    """Until SIGTERM or Ctrl-C. Returns 1 where the server fails."""
    data_dir = data_dir_of(args)
    settings = _with_options(settings_of(args, data_dir), args)
    logs.set_up(settings.log.level)
    folders = [folder.expanduser() for folder in args.folders]
    for folder in folders:
        if not folder.is_dir():
            fail(f"there is no folder {folder}", USAGE)
    if not app.scan_roots(settings, folders):
        fail("which folder? Run: mediaserver serve FOLDER, or set library.folders", USAGE)
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(_serve(settings, data_dir, folders))
    except MediaServerError as error:
        fail(str(error))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where it installs: it answers cached segments about twice as fast."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _with_options(settings: Settings, args: argparse.Namespace) -> Settings:
    server = settings.server
    if args.host is not None:
        server = msgspec.structs.replace(server, host=args.host)
    if args.port is not None:
        server = msgspec.structs.replace(server, port=args.port)
    return msgspec.structs.replace(settings, server=server)


async def _serve(settings: Settings, data_dir: Path, folders: list[Path]) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with app.running(settings, data_dir, folders) as server:
        _announce(server)
        waits = {
            asyncio.create_task(stop.wait()),
            asyncio.create_task(server.failed()),
        }
        shown = asyncio.create_task(_first_scan(server))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (*waits, shown):
                task.cancel()
        failed = server.supervisor.failed.is_set()
    if not failed:
        print("stopped", flush=True)
    return FAILURE if failed else 0


async def _first_scan(server: app.Server) -> None:
    async def status() -> progress.Status:
        told: dict[str, object] = msgspec.to_builtins(server.scanner.status())
        return told

    if (await status())["state"] != "idle":
        print(progress.summary(await progress.follow(status)), flush=True)


def _announce(server: app.Server) -> None:
    addresses = reachable(server.host, server.port)
    link = f"/setup?link={server.setup_link}" if server.setup_link else ""
    print()
    if link:
        print("Make the first administrator with this link (it works once):")
    else:
        print("Listen at:")
    for address in addresses:
        print(f"  {address}{link}")
    print()
    if sys.stdout.isatty():
        import segno

        print("On a phone, scan this:")
        segno.make_qr(f"{addresses[0]}{link}").terminal(compact=True)
    sys.stdout.flush()


def reachable(host: str, port: int) -> list[str]:
    """Addresses under which the server is reached, the one for a phone first."""
    if host in ("0.0.0.0", "::", ""):  # noqa: S104 (compared, not bound)
        found = _lan_addresses()
        hosts = [*found, "localhost"]
    else:
        hosts = [f"[{host}]" if ":" in host else host]
    return [f"http://{one}:{port}" for one in hosts]


def _lan_addresses() -> list[str]:
    """This machine's addresses in the house: first the one that outgoing traffic would use, loopback never."""
    import ifaddr

    found: list[str] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent: the system only chooses the interface
            found.append(str(probe.getsockname()[0]))
        except OSError:
            pass
    for adapter in ifaddr.get_adapters():
        found += [str(ip.ip) for ip in adapter.ips if ip.is_IPv4]
    return [ip for ip in dict.fromkeys(found) if not ip.startswith(("127.", "169.254."))]
