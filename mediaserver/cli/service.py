"""`mediaserver service`: the server as a service of systemd, started with the machine and when it has failed."""

from __future__ import annotations

import argparse
import getpass
import json
import os
import pwd
import sys
from datetime import UTC, datetime
from pathlib import Path

from mediaserver import __version__
from mediaserver.cli import unit
from mediaserver.cli.addresses import reachable
from mediaserver.cli.asking import server
from mediaserver.cli.folders import checked
from mediaserver.cli.surroundings import CONFIG_NAME, FAILURE, USAGE, command, config_of, data_dir_of
from mediaserver.cli.systemd import Systemd
from mediaserver.cli.unit import Wanted
from mediaserver.core import logfile, logs
from mediaserver.core.errors import Conflict, Invalid, Unavailable
from mediaserver.core.settings import PREFIX, Settings, SettingsInvalid, load

_LAST_LINES = 5
_TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 (compared: the service has its own)


async def install(args: argparse.Namespace) -> int:
    """Writes the unit, enables and starts it. Raises Invalid, Conflict (a unit of somebody else's) and Unavailable."""
    systemd = _systemd(args)
    if not args.print:
        systemd.must_run()
    wanted = _wanted(args)
    made = unit.text(wanted)
    if args.print:
        sys.stdout.write(made)
        return 0
    path = _unit_path(systemd)
    _must_be_ours(path)
    _make_folders(wanted)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(made.encode("utf-8", "surrogateescape"))
    part.chmod(0o644)
    part.replace(path)
    systemd.do("daemon-reload")
    print(f"Written: {path}")
    if not wanted.has_views:
        print("Mind that this system lets users make no name spaces: it is guarded less than with --system.")
    for variable in sorted(one for one in os.environ if one.startswith(PREFIX)):
        print(
            f"Mind that {variable} is set here and not for the service: {wanted.data_dir / CONFIG_NAME} keeps settings."
        )
    if args.no_start:
        print(f"Start it with: {_shown(systemd)} enable --now {unit.NAME}")
        return 0
    systemd.do("enable", unit.NAME)
    systemd.do("restart", unit.NAME)
    _give_to_service(wanted)
    is_lasting = systemd.is_system or systemd.lingers(getpass.getuser())
    print(f"It runs, and will {'after every start of the machine' if is_lasting else 'whenever you are signed in'}.")
    await tell_addresses(wanted.data_dir)
    _tell_linger(systemd)
    return 0


async def status(args: argparse.Namespace) -> int:
    """Returns 1 where it does not run."""
    systemd = _systemd(args)
    path = _unit_path(systemd)
    other = Systemd(not systemd.is_system)
    if not path.exists() and not args.system and not args.user and _unit_path(other).exists():
        systemd, path = other, _unit_path(other)
    if not path.exists():
        print(f"Not installed ({path}): {command()} service install")
        return FAILURE
    text = path.read_text(encoding="utf-8", errors="surrogateescape")
    told = systemd.properties(
        unit.NAME, "ActiveState", "SubState", "UnitFileState", "MainPID", "ActiveEnterTimestamp", "NRestarts", "Result"
    )
    is_running = told.get("ActiveState") == "active"
    print(f"installed  {path}" + ("" if unit.is_ours(text) else " (not written by mediaserver)"))
    if not told:
        print("running    not known: systemd tells this user nothing")
        return FAILURE
    print(f"enabled    {'yes' if told.get('UnitFileState') == 'enabled' else 'no'}")
    if is_running:
        restarts = int(told.get("NRestarts") or 0)
        again = f", started anew {restarts} times after failing" if restarts else ""
        print(f"running    since {told.get('ActiveEnterTimestamp')} (process {told.get('MainPID')}){again}")
    else:
        why = f", {told['Result']}" if told.get("Result") not in (None, "", "success") else ""
        print(f"running    no ({told.get('ActiveState', 'unknown')}, {told.get('SubState', 'unknown')}{why})")
    data_dir = unit.data_dir_in(text)
    if data_dir is not None:
        print(f"data       {data_dir}")
        if is_running:
            await tell_addresses(data_dir)
        _tell_log(data_dir)
    _tell_linger(systemd)
    return 0 if is_running else FAILURE


async def remove(args: argparse.Namespace) -> int:
    """Stops it and takes away the unit; data, music and whatever else there is stay."""
    systemd = _systemd(args)
    path = _unit_path(systemd)
    if not path.exists():
        print(f"Not installed: there is no {path}")
        return 0
    _must_be_ours(path)
    data_dir = unit.data_dir_in(path.read_text(encoding="utf-8", errors="surrogateescape"))
    systemd.must_run()
    systemd.do("disable", "--now", unit.NAME)
    path.unlink()
    systemd.do("daemon-reload")
    print(f"Removed: {path}")
    if data_dir is not None:
        print(f"What it kept stays in {data_dir}.")
    return 0


def _systemd(args: argparse.Namespace) -> Systemd:
    is_system: bool = args.system or (not args.user and os.geteuid() == 0)
    if is_system and os.geteuid() != 0 and not getattr(args, "print", False) and args.action != "status":
        raise Invalid("a service of the system is root's matter: sudo, or --user for a service of your own")
    return Systemd(is_system)


def _wanted(args: argparse.Namespace) -> Wanted:
    is_system = _systemd(args).is_system
    if not is_system and (args.run_as or args.group):
        raise Invalid("--run-as and --group are for services of the system")
    data_dir = unit.STATE_DIR if is_system and args.data_dir is None else data_dir_of(args)
    config = None if args.config is None else config_of(args)
    settings = _settings(config or data_dir / CONFIG_NAME)
    folders = checked(args.folders, is_new=True)
    cache = Path(settings.streaming.cache_dir).expanduser() if settings.streaming.cache_dir else None
    port = args.port if args.port is not None else settings.server.port
    arguments = [str(folder) for folder in folders]
    arguments += ["--host", args.host] if args.host is not None else []
    arguments += ["--port", str(args.port)] if args.port is not None else []
    _check(args, is_system=is_system, data_dir=data_dir, folders=folders)
    return Wanted(
        Path(sys.executable),
        tuple(arguments),
        is_system,
        data_dir,
        config.absolute() if config is not None else None,
        args.run_as or "",
        tuple(args.group or ()),
        (cache,) if cache is not None and not cache.is_relative_to(data_dir) else (),
        port,
        _systemd(args).gives_views(),
    )


def _settings(file: Path) -> Settings:
    """As the service will read them: without the environment of who installs it."""
    try:
        return load(file if file.exists() else None, {})
    except SettingsInvalid as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        raise SystemExit(USAGE) from None


def _check(args: argparse.Namespace, *, is_system: bool, data_dir: Path, folders: list[Path]) -> None:
    """Raises Invalid for what the service could not do."""
    for path in (data_dir, *folders):
        if any(path.is_relative_to(one) for one in _TEMPORARY):
            raise Invalid(f"{path} lies in a folder for what is temporary, of which the service has its own")
    if args.run_as:
        try:
            pwd.getpwnam(args.run_as)
        except KeyError:
            raise Invalid(f"there is no user {args.run_as}") from None
    elif is_system:
        if data_dir != unit.STATE_DIR:
            raise Invalid(f"--data-dir needs --run-as USER, whose it shall be; without it is {unit.STATE_DIR}")
        closed = unit.closed_to_others([Path(sys.executable), Path(__file__), *([] if args.group else folders)])
        if closed is not None:
            owner = os.environ.get("SUDO_USER") or "USER"
            raise Invalid(
                f"{closed} is closed to the service's own user: --run-as {owner} lets it run as somebody who may enter"
            )


def _must_be_ours(path: Path) -> None:
    if path.exists() and not unit.is_ours(path.read_text(encoding="utf-8", errors="surrogateescape")):
        raise Conflict(f"{path} was not written by mediaserver: it is left alone")


def _make_folders(wanted: Wanted) -> None:
    """What systemd does not make, and would miss."""
    by_systemd = wanted.is_system and wanted.data_dir == unit.STATE_DIR
    for folder in (*(() if by_systemd else (wanted.data_dir,)), *wanted.writable):
        is_new = not folder.exists()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_new and wanted.run_as:
            account = pwd.getpwnam(wanted.run_as)
            os.chown(folder, account.pw_uid, account.pw_gid)


def _give_to_service(wanted: Wanted) -> None:
    """A cache on another disk. Whom systemd has made up is known once it has made the data directory."""
    if not wanted.is_system or wanted.run_as:
        return
    owner = unit.STATE_DIR.stat()
    for folder in wanted.writable:
        if folder.stat().st_uid == 0 and not any(folder.iterdir()):
            os.chown(folder, owner.st_uid, owner.st_gid)
        elif folder.stat().st_uid != owner.st_uid:
            print(f"Mind that it may not write there: sudo chown -R --reference={unit.STATE_DIR}/ {folder}")


def _unit_path(systemd: Systemd) -> Path:
    if systemd.is_system:
        return Path("/etc/systemd/system") / unit.NAME
    config = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(config) if config.startswith("/") else Path.home() / ".config") / "systemd" / "user" / unit.NAME


def _shown(systemd: Systemd) -> str:
    return "sudo systemctl" if systemd.is_system else "systemctl --user"


async def tell_addresses(data_dir: Path) -> None:
    """Where the running server of this data directory is reached, and how the first person comes in."""
    try:
        async with server(data_dir, patience_s=0) as ask:
            about = await ask("GET", "/about")
    except Unavailable:
        return
    # What a server of an older version does not tell, it does not have.
    has_tls, base_path = bool(about.get("has_tls")), str(about.get("base_path", ""))
    addresses = reachable(about["host"], int(about["port"]), has_tls=has_tls, base_path=base_path)
    print("address    " + "\n           ".join(addresses))
    if about["version"] != __version__:
        print(f"version    {about['version']}, and {__version__} is here: {unit.NAME} has to be restarted")
    if about["setup_link"]:
        print("Nobody can sign in yet. This link makes the first administrator; it works once:")
        print(f"  {addresses[0]}/setup?link={about['setup_link']}")


def _tell_log(data_dir: Path) -> None:
    """The last lines, where they may be read."""
    try:
        lines = [line for file in logfile.lines(data_dir / logs.FOLDER) for line in file.read_text().splitlines()]
        print("log        " + "\n           ".join(_line(json.loads(one)) for one in lines[-_LAST_LINES:]))
    except (OSError, ValueError, KeyError):
        return


def _line(told: dict[str, str]) -> str:
    at = datetime.fromisoformat(told["time"].replace("Z", "+00:00")).astimezone(UTC)
    shown = "".join(c if c.isprintable() else " " for c in told["message"])
    return f"{at:%Y-%m-%d %H:%M:%S} {told['level']:<7} {shown}"


def _tell_linger(systemd: Systemd) -> None:
    user = getpass.getuser()
    if not systemd.is_system and not systemd.lingers(user):
        print(f"It ends when {user} signs out; to let it run always: sudo loginctl enable-linger {user}")
