"""The Python that runs, the packages it has, and memory."""

from __future__ import annotations

import errno
import os
import platform
import re
import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path

from mediaserver.checkup.findings import Finding, size

OLDEST_PYTHON = (3, 11)
# Source: https://devguide.python.org/versions/
_MENDED_UNTIL = {
    (3, 11): date(2027, 10, 31),
    (3, 12): date(2028, 10, 31),
    (3, 13): date(2029, 10, 31),
    (3, 14): date(2030, 10, 31),
}
_SMALL_BYTES, _LITTLE_BYTES, _NONE_BYTES = 900_000_000, 200_000_000, 60_000_000
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([^;]*)(?:;\s*(.*))?")
_MANY_FILES = 0.9
_MEMINFO = Path("/proc/meminfo")
_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True)
class Files:
    open: int
    most: int
    """That this process may have open."""


@dataclass(frozen=True, slots=True)
class Memory:
    total_bytes: int
    available_bytes: int


def judged_python(version: tuple[int, int], text: str, bits: int, today: date) -> Finding:
    """`version` is (3, 11); `text` is what is shown."""
    told = f"{text}, {bits} bits"
    if version < OLDEST_PYTHON:
        return Finding("python", "Python", "bad", f"{told}: too old", "sudo apt install python3 # 3.11 or newer")
    if bits < 64:
        return Finding("python", "Python", "bad", f"{told}: the audio libraries are for 64", "Use a 64-bit system.")
    until = _MENDED_UNTIL.get(version)
    if until is not None and today > until:
        told += f": no faults in it have been mended since {until:%B %Y}"
        return Finding("python", "Python", "warning", told, "Upgrade the system, then start again.")
    return Finding("python", "Python", "ok", told)


def python(today: date) -> Finding:
    text = f"{platform.python_implementation()} {platform.python_version()}"
    return judged_python(sys.version_info[:2], text, 64 if sys.maxsize > 1 << 32 else 32, today)


def required() -> list[str]:
    """What the package asks for, as `aiohttp>=3.14`; raises PackageNotFoundError where it was not installed."""
    here = {"linux": sys.platform == "linux", "x86_64": platform.machine() == "x86_64"}
    found = []
    for line in metadata.requires("mediaserver") or []:
        marker = line.partition(";")[2]
        if "extra ==" in marker or ("linux" in marker and not here["linux"]):
            continue
        if "platform_machine" in marker and platform.machine() not in marker:
            continue
        found.append(line.partition(";")[0].strip())
    return found


def judged_packages(wanted: Sequence[str], installed: Callable[[str], str | None]) -> Finding:
    """`installed(name)` is the version that is there, or None."""
    missing, old = [], []
    for line in wanted:
        match = _REQUIREMENT.fullmatch(line)
        if match is None:
            continue
        name, bounds = match[1], match[2] or ""
        version = installed(name)
        least = re.search(r">=\s*([0-9.]+)", bounds)
        if version is None:
            missing.append(name)
        elif least is not None and _numbers(version) < _numbers(least[1]):
            old.append(f"{name} {version} (at least {least[1]})")
    remedy = f"{sys.executable} -m pip install --upgrade mediaserver"
    if missing:
        return Finding("python", "Packages", "bad", f"missing: {', '.join(missing)}", remedy)
    if old:
        return Finding("python", "Packages", "bad", f"too old: {', '.join(old)}", remedy)
    return Finding("python", "Packages", "ok", f"all {len(wanted)} are there")


def packages() -> Finding:
    def installed(name: str) -> str | None:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return None

    try:
        return judged_packages(required(), installed)
    except metadata.PackageNotFoundError:
        told = "mediaserver itself is not installed, so what it needs is not known"
        return Finding("python", "Packages", "warning", told, f"{sys.executable} -m pip install .")


def memory() -> Memory | None:
    """Of this machine, or of the container that limits it; None where the system does not tell."""
    try:
        rows = dict(line.split(":", 1) for line in _MEMINFO.read_text(encoding="ascii").splitlines())
        total, available = (int(rows[name].split()[0]) * 1024 for name in ("MemTotal", "MemAvailable"))
    except (OSError, ValueError, KeyError):
        return None
    try:
        limit = int(_LIMIT.read_text(encoding="ascii"))
    except (OSError, ValueError):
        limit = total
    return Memory(min(total, limit), min(available, limit))


def judged_memory(found: Memory | None) -> Finding:
    if found is None:
        return Finding("memory", "Memory", "ok", "the system does not tell how much there is")
    told = f"{size(found.available_bytes)} of {size(found.total_bytes)} available, {os.cpu_count() or 1} cores"
    if found.available_bytes < _NONE_BYTES:
        return Finding("memory", "Memory", "bad", f"{told}: programs are ended soon", "ps aux --sort=-rss | head")
    if found.available_bytes < _LITTLE_BYTES:
        return Finding("memory", "Memory", "warning", f"{told}: little is left", "ps aux --sort=-rss | head")
    if found.total_bytes < _SMALL_BYTES:
        remedy = "Set library.worker_processes = 1."
        return Finding("memory", "Memory", "warning", f"{told}: enough for one listener", remedy)
    return Finding("memory", "Memory", "ok", told)


def _numbers(version: str) -> tuple[int, ...]:
    """(3, 14, 1) of `3.14.1rc2`; enough to compare with a lower bound."""
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def files() -> Files | None:
    """Of this process, connections among them; None where the system does not tell."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    try:
        return Files(len(os.listdir("/proc/self/fd")) - 1, most)
    except OSError as error:
        return Files(most, most) if error.errno in (errno.EMFILE, errno.ENFILE) else None


def judged_files(files: Files) -> Finding:
    told = f"{files.open} open files and connections of {files.most}"
    if files.open < files.most * _MANY_FILES:
        return Finding("memory", "Open files", "ok", told)
    is_out = files.open >= files.most - 1
    told += ": nobody more can be let in for now" if is_out else ": soon nobody more can be let in"
    remedy = "Raise the limit of the service: systemctl edit mediaserver, [Service] LimitNOFILE=8192, and restart it."
    return Finding("memory", "Open files", "bad" if is_out else "warning", told, remedy)
