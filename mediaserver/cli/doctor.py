"""`mediaserver doctor`: what is there, missing, slow or risky, and what mends it."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from mediaserver import __version__
from mediaserver.checkup import clock, codecs, database, disk, machine, network, permissions, watches
from mediaserver.checkup.findings import Finding, worst
from mediaserver.cli import bundle
from mediaserver.cli.asking import server
from mediaserver.cli.bundle import Looked
from mediaserver.cli.surroundings import FAILURE, config_of, data_dir_of
from mediaserver.core import places
from mediaserver.core.errors import MediaServerError
from mediaserver.core.events import EventBus
from mediaserver.core.settings import Settings, SettingsInvalid, load
from mediaserver.core.text import visible

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("✗", "red")}
_PLAIN_MARKS = {"ok": "ok", "warning": "warning", "bad": "BAD"}


async def run(args: argparse.Namespace) -> int:
    """Returns 1 where something is bad. Raises Conflict for a bundle that is there already."""
    looked = await look(args)
    told = as_json(looked.findings, is_running=looked.about is not None)
    if args.bundle is not None:
        bundle.write(args.bundle, data_dir_of(args), looked, told, with_names=args.with_names)
    if args.json:
        print(json.dumps(told, indent=2))  # in ASCII: what other programs named reaches no terminal as it is
    else:
        show(looked.findings)
        if args.bundle is not None:
            print(
                f"\nPacked into {args.bundle}: logs, settings without secrets, versions, and this. Look into it first."
            )
    return FAILURE if worst(looked.findings) == "bad" else 0


def as_json(findings: Sequence[Finding], *, is_running: bool) -> dict[str, Any]:
    return {
        "version": __version__,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "running": is_running,
        "state": worst(findings),
        "findings": [asdict(one) for one in findings],
    }


async def look(args: argparse.Namespace) -> Looked:
    """Changes nothing, but for 8 MB that are written and removed to see how fast that is."""
    data_dir = data_dir_of(args)
    settings, wrong = _settings(args)
    about = await _about(data_dir)
    kept, examined = await database.look(settings.database.url, data_dir)
    scans: dict[str, Any] = {}
    folders = [Path(one) for one in about["folders"]] if about else []
    folders = folders or [Path(one).expanduser() for one in settings.library.folders]
    if examined is not None and examined.is_current:
        known, scans = await _scanned(settings, data_dir)
        folders = folders or known
    music = [permissions.music(number, folder) for number, folder in enumerate(folders, 1)]
    port = int(about["port"]) if about else settings.server.port
    found = [
        machine.python(datetime.now(UTC).date()),
        machine.packages(),
        *codecs.look(),
        *wrong,
        kept,
        permissions.data_dir(data_dir),
        *(finding for finding, _ in music),
        *_disks(settings, data_dir),
        machine.judged_memory(machine.memory()),
        clock.judged(clock.look(time.time_ns() // 1_000_000)),
        network.addresses(settings.server.host),
        network.port(settings.server.host, port, is_ours=about is not None),
        _found(settings, about),
        watches.look(sum(number for _, number in music)),
    ]
    return Looked(settings, found, folders, about, scans)


def _settings(args: argparse.Namespace) -> tuple[Settings, list[Finding]]:
    """Defaults where those that there are do not hold."""
    config = config_of(args)
    try:
        settings = load(config, os.environ)
    except SettingsInvalid as error:
        return Settings(), [
            Finding("settings", "Settings", "bad", str(one), f"Mend {one.key or 'what is wrong'} in {one.source}.")
            for one in error.faults
        ]
    return settings, [Finding("settings", "Settings", "ok", f"right ({config or 'no file'})")]


async def _about(data_dir: Path) -> dict[str, Any] | None:
    try:
        async with server(data_dir, patience_s=0) as ask:
            return await ask("GET", "/about")
    except MediaServerError:
        return None


async def _scanned(settings: Settings, data_dir: Path) -> tuple[list[Path], dict[str, Any]]:
    """The folders that are in the catalogue, and in figures what their scans could not take."""
    from mediaserver import catalog, storage
    from mediaserver.core.clock import SystemClock
    from mediaserver.library.report import Report

    try:
        opened = await storage.open_database(settings.database.url, data_dir, SystemClock())
    except MediaServerError:
        return [], {}
    try:
        report = Report(opened, SystemClock())
        tallies = [{"folder": one.library, "reason": one.reason, "count": one.count} for one in await report.tallies()]
        last = await report.last()
        roots = await catalog.build(opened, SystemClock(), EventBus()).writer.roots()
        return [Path(root) for root in roots], {"problems": tallies, "last": msgspec.to_builtins(last)}
    except MediaServerError:
        return [], {}
    finally:
        await opened.close()


def _disks(settings: Settings, data_dir: Path) -> list[Finding]:
    cache_dir = places.cache_dir(settings.streaming.cache_dir, data_dir)
    data, cache = disk.look(data_dir), disk.look(cache_dir)
    found = [disk.judged("Disk", data_dir, data)]
    if data is None or cache is None or data.device != cache.device:
        found.append(disk.judged("Disk of the cache", cache_dir, cache))
    if data_dir.is_dir() and os.access(data_dir, os.W_OK) and data is not None and disk.level(data) != "bad":
        try:
            found.append(disk.judged_speed("Disk", disk.measure(data_dir)))
        except OSError as error:
            told = f"{data_dir} cannot be written: {os.strerror(error.errno or 0).lower()}"
            found.append(Finding("disk", "Disk, speed", "bad", told, "sudo dmesg | tail"))
    return found


def _found(settings: Settings, about: dict[str, Any] | None) -> Finding:
    if about:
        return network.judged_discovery(about["discovery"]["state"], about["discovery"]["detail"])
    return network.multicast(is_wanted=settings.discovery.enabled)


def show(findings: Sequence[Finding]) -> None:
    """A table, and below it what mends each thing; commands stand on lines of their own, to be copied whole."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    has_signs = (sys.stdout.encoding or "ascii").lower().replace("-", "").startswith("utf")
    table = Table(box=box.SIMPLE_HEAD if has_signs else box.ASCII, pad_edge=False)
    for heading in ("", "What", "Found"):
        table.add_column(heading, overflow="fold", no_wrap=heading == "What")
    for one in findings:
        mark, style = _MARKS[one.state]
        sign = mark if has_signs else _PLAIN_MARKS[one.state]
        told_style = "" if one.state == "ok" else style
        table.add_row(Text(sign, style), Text(visible(one.name)), Text(visible(one.told), told_style))
    console.print(table)
    wrong = [one for one in findings if one.state != "ok"]
    for one in wrong:
        if one.remedy:
            console.print(Text(f"{visible(one.name)}:", "bold"))
            console.print(Text(f"  {visible(one.remedy)}"), soft_wrap=True)
            console.print()
    bad = sum(one.state == "bad" for one in wrong)
    console.print(Text(_summary(bad, len(wrong) - bad), _MARKS[worst(findings)][1]))


def _summary(bad: int, warnings: int) -> str:
    if not bad and not warnings:
        return "All is well."
    parts = [f"{number} {word}{'' if number == 1 else 's'}" for number, word in ((bad, "fault"), (warnings, "warning"))]
    return " and ".join(part for part, number in zip(parts, (bad, warnings), strict=True) if number) + "."
