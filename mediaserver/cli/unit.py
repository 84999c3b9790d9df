"""The systemd unit of the server, as text. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NAME = "mediaserver.service"
STATE_DIR = Path("/var/lib/mediaserver")
"""Where a system service keeps its data, unless another place is named."""
HEAD = "# Written by `mediaserver service install`; `mediaserver service remove` removes it."
_DATA_MARK = "# Data directory: "

# What other views of the machine make: for a user's service in a name space of users.
_VIEWS = """\
ProtectSystem=strict
ProtectHome=read-only
PrivateMounts=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
ProtectProc=invisible
KeyringMode=private
"""
# What needs no privileges. setpriority: workers make themselves nice.
_FILTERS = """\
NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=setpriority
SystemCallErrorNumber=EPERM
UMask=0077
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What shall be run, and as whom."""

    python: Path
    arguments: tuple[str, ...]
    """Behind `mediaserver serve`, without --data-dir and --config."""
    is_system: bool
    data_dir: Path
    config: Path | None = None
    run_as: str = ""
    """A user who exists; "" is one that systemd makes up while the server runs, or of a user's service the user."""
    groups: tuple[str, ...] = ()
    writable: tuple[Path, ...] = ()
    """What is written besides the data directory: a cache on another disk."""
    port: int = 4747
    has_views: bool = True
    """False where this system lets its users make no name spaces."""


def text(wanted: Wanted) -> str:
    """The unit file. Raises ValueError for a path that is not whole."""
    for path in (wanted.python, wanted.data_dir, *wanted.writable, *filter(None, [wanted.config])):
        if not path.is_absolute():
            raise ValueError(f"{path} is no whole path")
    lines = [
        HEAD,
        _DATA_MARK + escaped(str(wanted.data_dir)),
        "[Unit]",
        "Description=Music server for the house",
        "Documentation=man:systemd.service(5)",
        "Wants=network-online.target",
        "After=network-online.target remote-fs.target time-sync.target",
        "StartLimitIntervalSec=300",
        "StartLimitBurst=30",
        "",
        "[Service]",
        "Type=notify",
        "NotifyAccess=main",
        f"ExecStart={_command(wanted)}",
        # What is wrong with arguments or settings does not mend itself; a database or disk may come later.
        "Restart=on-failure",
        "RestartSec=15",  # slower than the limit: who waits for a database does not give up
        "RestartPreventExitStatus=2",
        "TimeoutStartSec=180",
        "TimeoutStopSec=15",
        "KillMode=mixed",
        "WatchdogSec=120",
        "TasksMax=1024",
        *(_of_system(wanted) if wanted.is_system else _of_user(wanted)),
        "",
        *(_VIEWS.splitlines() if wanted.has_views else []),
        *_FILTERS.splitlines(),
        "",
        "[Install]",
        f"WantedBy={'multi-user' if wanted.is_system else 'default'}.target",
    ]
    return "\n".join(lines) + "\n"


def _command(wanted: Wanted) -> str:
    words = [str(wanted.python), "-P", "-m", "mediaserver", "serve", *wanted.arguments]
    words += ["--data-dir", str(wanted.data_dir)]
    command = " ".join(escaped(word, is_command=True) for word in words)
    if wanted.config is not None:
        # A system service need not be able to read it: systemd passes it on.
        shown = "%d/config.toml" if wanted.is_system else escaped(str(wanted.config), is_command=True)
        command += f" --config {shown}"
    return command


def _of_system(wanted: Wanted) -> list[str]:
    can_bind = "CAP_NET_BIND_SERVICE" if 0 < wanted.port < 1024 else ""
    lines = [f"User={wanted.run_as}"] if wanted.run_as else ["DynamicUser=yes"]
    lines += [f"SupplementaryGroups={' '.join(wanted.groups)}"] if wanted.groups else []
    writable = list(wanted.writable)
    if wanted.data_dir == STATE_DIR:
        lines += [f"StateDirectory={STATE_DIR.name}", "StateDirectoryMode=0700"]
    else:
        writable.insert(0, wanted.data_dir)
    lines += [f"ReadWritePaths={escaped(str(path))}" for path in writable]
    if wanted.config is not None:
        lines.append(f"LoadCredential=config.toml:{escaped(str(wanted.config), is_quoted=False)}")
    return [
        *lines,
        "OOMScoreAdjust=-200",
        "RemoveIPC=yes",
        f"CapabilityBoundingSet={can_bind}",
        f"AmbientCapabilities={can_bind}",
    ]


def _of_user(wanted: Wanted) -> list[str]:
    """Without privileges, a name space of users is what lets the others be made."""
    if not wanted.has_views:
        return []
    paths = [wanted.data_dir, *wanted.writable]
    return ["PrivateUsers=yes", "CapabilityBoundingSet=", *(f"ReadWritePaths={escaped(str(path))}" for path in paths)]


def escaped(word: str, *, is_command: bool = False, is_quoted: bool = True) -> str:
    """A word of a unit file, whatever stands in it: specifiers, quotes, spaces, bytes that are no text.

    `is_command`: in a command line, where $ is replaced too. Source: systemd.syntax(7), systemd.service(5).
    """
    made = []
    for c in word:
        if c == "%":
            made.append("%%")
        elif c == "$" and is_command:
            made.append("$$")
        elif c in "\"\\'" and is_quoted:
            made.append("\\" + c)
        elif "\udc80" <= c <= "\udcff":
            made.append(f"\\x{ord(c) - 0xDC00:02x}")
        elif not c.isprintable() and c != " ":
            made += [f"\\x{byte:02x}" for byte in c.encode()]
        else:
            made.append(c)
    shown = "".join(made)
    is_plain = shown.isascii() and all(c.isalnum() or c in "/._-+=:,@%" for c in shown) and shown
    return shown if is_plain or not is_quoted else f'"{shown}"'


def is_ours(unit: str) -> bool:
    return unit.startswith(HEAD + "\n")


def data_dir_in(unit: str) -> Path | None:
    """Where the server of this unit keeps its data."""
    for line in unit.splitlines()[:3]:
        if line.startswith(_DATA_MARK):
            return Path(_plain(line.removeprefix(_DATA_MARK)))
    return None


def _plain(shown: str) -> str:
    """What `escaped` was given."""
    if not shown.startswith('"'):
        return shown.replace("%%", "%")
    raw, at, inside = bytearray(), 0, shown[1:-1].replace("%%", "%")
    while at < len(inside):
        if inside[at] == "\\" and inside[at + 1 : at + 2] == "x":
            raw.append(int(inside[at + 2 : at + 4], 16))
            at += 4
        else:
            at += inside[at] == "\\"
            raw += inside[at].encode()
            at += 1
    return raw.decode("utf-8", "surrogateescape")


def closed_to_others(paths: Sequence[Path]) -> Path | None:
    """The first folder on the way to one of these that a user of no group may not enter."""
    for path in paths:
        for folder in reversed([path, *path.parents] if path.is_dir() else path.parents):
            try:
                if not folder.stat().st_mode & 0o001:
                    return folder
            except OSError:
                return folder
    return None
