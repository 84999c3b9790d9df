"""Machines in one network, each a network namespace on a bridge, with a server, avahi or nothing on them.

Needs root and iproute2; with avahi also avahi-daemon, avahi-utils and dbus. scripts/test installs them.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import pytest

T = TypeVar("T")
LIMIT_S = 40.0
"""For what takes one to three seconds on a machine that is not busy."""
PORT = 4747

_AVAHI_NEEDS = ("avahi-daemon", "avahi-browse", "avahi-resolve", "dbus-daemon", "unshare")
_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/><allow user="*"/>
</policy></busconfig>
"""
_AVAHI = """[server]
host-name={name}
allow-interfaces=lan0
use-ipv6=no
{more}
[publish]
publish-workstation=no
publish-hinfo=no
"""

needs_namespaces = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("ip") is None, reason="left out: network namespaces need root and iproute2"
)
needs_avahi = pytest.mark.skipif(
    not all(map(shutil.which, _AVAHI_NEEDS)), reason=f"left out: these are needed: {', '.join(_AVAHI_NEEDS)}"
)


def eventually(look: Callable[[], T], holds: Callable[[T], object], limit_s: float = LIMIT_S) -> T:
    """What `look` gives once it holds; the last is told where it never does."""
    end = time.monotonic() + limit_s
    while True:
        seen = look()
        if holds(seen):
            return seen
        assert time.monotonic() < end, f"not within {limit_s} s; last seen: {seen!r}"
        time.sleep(0.1)


@dataclass(eq=False)
class Server:
    process: subprocess.Popen[bytes]
    output: Path

    @property
    def said(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def says(self, pattern: str) -> re.Match[str]:
        """Wait until it has said so."""

        def look() -> tuple[re.Match[str] | None, str]:
            return re.search(pattern, self.said), self.said

        found = eventually(look, lambda seen: seen[0] is not None or self.process.poll() is not None)
        assert found[0] is not None, found[1]
        return found[0]

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        self.process.send_signal(number)
        self.process.wait(LIMIT_S)


class Neighbourhood:
    """`folder` is for what the machines keep; everything ends with `close`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mark = secrets.token_hex(3)
        self._machines: list[str] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._switches: list[str] = []

    def switch(self, name: str) -> None:
        """A network that machines can be plugged into."""
        space = self._space(name)
        run("ip", "netns", "add", space)
        self._switches.append(name)
        run("ip", "-n", space, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", space, "link", "set", "br0", "up")

    def machine(self, name: str, ip: str | None, switch: str | None = "switch") -> None:
        """A machine with this address on its interface lan0; without a switch it has loopback alone."""
        space = self._space(name)
        run("ip", "netns", "add", space)
        self._machines.append(name)
        run("ip", "-n", space, "link", "set", "lo", "up")
        if switch is not None:
            far = self._space(switch)
            run("ip", "link", "add", "lan0", "netns", space, "type", "veth", "peer", "name", f"p{name}", "netns", far)
            run("ip", "-n", far, "link", "set", f"p{name}", "master", "br0", "up")
            run("ip", "-n", space, "link", "set", "lan0", "up")
        if ip is not None:
            self.ip(name, "addr", "add", f"{ip}/24", "dev", "lan0")

    def ip(self, name: str, *words: str) -> None:
        run("ip", "-n", self._space(name), *words)

    def join(self, one: str, other: str) -> None:
        """A cable between two switches."""
        near, far = self._space(one), self._space(other)
        run("ip", "link", "add", "cable", "netns", near, "type", "veth", "peer", "name", "cable", "netns", far)
        for space in (near, far):
            run("ip", "-n", space, "link", "set", "cable", "master", "br0", "up")

    def on(
        self, name: str, *words: str | Path, check: bool = False, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on the machine to its end."""
        return subprocess.run(
            self._at(name, words),
            check=check,
            capture_output=True,
            text=True,
            timeout=LIMIT_S,
            env=_environment(variables),
        )

    def start(
        self, name: str, *words: str | Path, output: IO[bytes] | int, **variables: str
    ) -> subprocess.Popen[bytes]:
        """Start a command on the machine; it is ended at the latest by `close`."""
        process = subprocess.Popen(
            self._at(name, words),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=_environment(variables),
        )
        self._processes.append(process)
        return process

    def serve(self, name: str, *options: str, data: str | None = None, **variables: str) -> Server:
        """`mediaserver serve` on the machine, from its start on."""
        output = self.folder / f"{name}-{secrets.token_hex(2)}.log"
        with output.open("wb") as file:
            process = self.start(
                name,
                *mediaserver("serve", "--data-dir", str(self.folder / (data or name)), *options),
                output=file,
                PYTHONUNBUFFERED="1",
                **variables,
            )
        return Server(process, output)

    def discover(self, name: str, timeout_s: float = 1.0) -> list[dict[str, Any]]:
        """What `mediaserver discover --json` prints on the machine."""
        ended = self.on(name, *mediaserver("discover", "--json", "--timeout", str(timeout_s)))
        assert ended.returncode == (0 if json.loads(ended.stdout) else 1), ended.stderr
        found: list[dict[str, Any]] = json.loads(ended.stdout)
        return found

    def avahi(self, name: str, host_name: str, more: str = "") -> dict[str, str]:
        """avahi on the machine, with a bus of its own. Returns the variables that its programs need."""
        folder = self.folder / f"avahi-{name}"
        folder.mkdir()
        (folder / "bus.conf").write_text(_BUS.format(path=folder / "bus"), encoding="utf-8")
        (folder / "avahi.conf").write_text(_AVAHI.format(name=host_name, more=more), encoding="utf-8")
        self.start(name, "dbus-daemon", "--nofork", f"--config-file={folder / 'bus.conf'}", output=subprocess.DEVNULL)
        eventually((folder / "bus").exists, bool)
        variables = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={folder / 'bus'}"}
        # Its pid file has a fixed place, which an avahi of the real machine may hold: here it is hidden.
        daemon = "mkdir -p /run/avahi-daemon && mount -t tmpfs tmpfs /run/avahi-daemon && exec avahi-daemon"
        with (folder / "log").open("wb") as log:
            self.start(
                name,
                *("unshare", "-m", "sh", "-c"),
                f"{daemon} -f {folder / 'avahi.conf'} --no-drop-root --no-chroot --no-rlimits",
                output=log,
                **variables,
            )
        eventually(lambda: (folder / "log").read_text(encoding="utf-8"), lambda log: "startup complete" in log)
        return variables

    def close(self) -> None:
        for process in reversed(self._processes):
            if process.poll() is None:
                process.kill()
            process.wait(LIMIT_S)
        for name in [*self._machines, *self._switches]:
            with suppress(subprocess.CalledProcessError):
                run("ip", "netns", "del", self._space(name))

    def _space(self, name: str) -> str:
        return f"ms-{self._mark}-{name}"

    def _at(self, name: str, words: tuple[str | Path, ...]) -> list[str]:
        return ["ip", "netns", "exec", self._space(name), *map(str, words)]


def mediaserver(*words: str) -> list[str]:
    return [sys.executable, "-m", "mediaserver", *words]


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, timeout=LIMIT_S)


def _environment(variables: dict[str, str]) -> dict[str, str]:
    mine = {name: value for name, value in os.environ.items() if not name.startswith("MEDIASERVER_")}
    return {**mine, "PYTHONIOENCODING": "utf-8", **variables}


@contextmanager
def neighbourhood(folder: Path, **machines: str) -> Iterator[Neighbourhood]:
    """Machines by name and address on one switch."""
    made = Neighbourhood(folder)
    try:
        made.switch("switch")
        for name, ip in machines.items():
            made.machine(name, ip)
        yield made
    finally:
        made.close()
