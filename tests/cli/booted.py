"""A real systemd as the first process of a machine of its own: name spaces over this one, in which nothing is changed.

What is written inside stays in memory and is gone with it. Needs root, systemd and overlayfs.
"""

from __future__ import annotations

import os
import shlex
import shutil
import site
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PYTHON = "/opt/music/bin/python"
LIMIT_S = 120.0
_NAMES = ("--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup")

# Only the journal is started: no unit of this machine, which are all there, runs.
_TARGET = """\
[Unit]
Description=Tests
DefaultDependencies=no
Wants=systemd-journald.service
AllowIsolate=yes
"""
_BOOT = """\
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs {place}
mkdir {place}/upper {place}/work {place}/root
mount -t overlay overlay -o lowerdir=/,upperdir={place}/upper,workdir={place}/work {place}/root
cd {place}/root
mount --rbind /dev dev
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs srv
mkdir -p opt/checkout opt/packages srv/music old run/systemd/unit-root # which others of a machine's services make
mount --bind {checkout} opt/checkout
mount --bind {packages} opt/packages
cp -r {music}/. srv/music
mkdir -p opt/music/bin opt/music/lib/python{version}/site-packages
ln -s {python} opt/music/bin/python
printf 'home = %s\\n' {home} >opt/music/pyvenv.cfg
printf '/opt/checkout\\n/opt/packages\\n' >opt/music/lib/python{version}/site-packages/here.pth
for folder in {entered}; do chmod o+rx ".$folder"; done
printf '%s' {target} >etc/systemd/system/tests.target
ip link set lo up
pivot_root . old
cd /
umount -l /old
mount --make-rshared / # as systemd has it on a machine, for credentials
exec env -i container=tests PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \\
    /lib/systemd/systemd --system --unit=tests.target
"""


def is_possible() -> bool:
    programs = all(shutil.which(name) for name in ("unshare", "nsenter", "systemctl", "systemd-analyze", "ip"))
    if os.geteuid() != 0 or not programs or not Path("/lib/systemd/systemd").exists():
        return False
    return subprocess.run(["unshare", "--fork", *_NAMES, "true"], capture_output=True, check=False).returncode == 0


@dataclass(frozen=True, slots=True)
class Booted:
    pid: int
    """Of its first process, as this machine counts."""

    def run(self, *words: str, code: int | None = 0, **variables: str) -> str:
        """What the command printed, errors with it. `code` None: whichever it ends with."""
        command = ["nsenter", "-t", str(self.pid), *_NAMES, "--root", "--wd", "env", "-i"]
        command += ["PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "HOME=/root", "USER=root"]
        command += [f"{name}={value}" for name, value in variables.items()]
        ended = subprocess.run(
            [*command, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=LIMIT_S, check=False
        )
        said = ended.stdout.decode("utf-8", "replace")
        assert code is None or ended.returncode == code, f"{shlex.join(words)}: {ended.returncode}\n{said}"
        return said

    def mediaserver(self, *words: str, code: int | None = 0, **variables: str) -> str:
        return self.run(PYTHON, "-P", "-m", "mediaserver", *words, code=code, **variables)

    def property(self, name: str, unit: str = "mediaserver.service") -> str:
        return self.run("systemctl", "show", unit, f"--property={name}", "--value").strip()


@contextmanager
def booted(place: Path, music: Path) -> Iterator[Booted]:
    """`place`: an empty folder. The music is at /srv/music there, and mediaserver runs by `PYTHON`."""
    python = Path(sys.executable).resolve()
    packages = next(Path(one) for one in site.getsitepackages() if (Path(one) / "aiohttp").is_dir())
    script = _BOOT.format(
        place=shlex.quote(str(place)),
        checkout=shlex.quote(str(ROOT)),
        packages=shlex.quote(str(packages)),
        music=shlex.quote(str(music)),
        python=shlex.quote(str(python)),
        home=shlex.quote(str(python.parent)),
        version=f"{sys.version_info[0]}.{sys.version_info[1]}",
        entered=" ".join(shlex.quote(str(folder)) for folder in reversed(python.parents) if str(folder) != "/"),
        target=shlex.quote(_TARGET),
    )
    flags = [name for name in _NAMES if name != "--pid"]
    process = subprocess.Popen(
        ["unshare", "--fork", "--pid", "--kill-child", *flags, "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        one = Booted(_child_of(process))
        _wait_until_it_runs(one, process)
        yield one
    finally:
        process.kill()
        process.communicate()


def _child_of(process: subprocess.Popen[bytes]) -> int:
    """The first process inside, as this machine counts."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    end = time.monotonic() + LIMIT_S
    while not (found := children.read_text().split()):
        assert process.poll() is None and time.monotonic() < end, "nothing was started"
        time.sleep(0.02)
    return int(found[0])


def _wait_until_it_runs(one: Booted, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + LIMIT_S
    while "systemd" not in Path(f"/proc/{one.pid}/comm").read_text() or (
        one.run("systemctl", "is-system-running", code=None).strip() not in ("running", "degraded")
    ):
        if process.poll() is not None or time.monotonic() > end:
            process.kill()
            raise AssertionError(f"systemd did not start: {process.communicate()[0].decode()}")
        time.sleep(0.05)
