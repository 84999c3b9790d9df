"""The command `mediaserver`: its arguments, and one clear line for every failure."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NoReturn

from mediaserver import __version__
from mediaserver.cli.surroundings import CONFIG_NAME, INTERRUPTED, USAGE, default_data_dir, fail
from mediaserver.core.errors import Invalid, MediaServerError


def parser() -> argparse.ArgumentParser:
    """Every command with its options; `--help` of each shows an example."""
    top = argparse.ArgumentParser(
        prog="mediaserver",
        description="A music server for the house.",
        epilog="example: mediaserver serve ~/Music",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"mediaserver {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    serve = _command(commands, "serve", "scan folders and serve them", "mediaserver serve ~/Music --port 8080")
    serve.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help=_FOLDERS)
    serve.add_argument("--host", metavar="H", help="address to listen on (default: all interfaces)")
    serve.add_argument("--port", type=int, metavar="N", help="port to listen on (default: 4747; 0: any free one)")
    _common(serve)

    scan = _command(commands, "scan", "bring the catalogue in line with the folders", "mediaserver scan ~/Music")
    scan.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help=_FOLDERS)
    scan.add_argument("--cancel", action="store_true", help="stop the scan that runs; the next one goes on from there")
    scan.add_argument("--problems", action="store_true", help="list the files that could not be taken, and why")
    _common(scan)

    user = _group(commands, "user", "who may sign in", "mediaserver user add anna --admin")
    add = _command(user, "add", "add a person", "mediaserver user add anna --admin")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--admin", action="store_true", help="may add people and start scans")
    _password_option(add)
    _common(add)
    _common(_command(user, "list", "list everybody", "mediaserver user list"))
    password = _command(user, "password", "give a person a new password", "mediaserver user password anna")
    password.add_argument("name", metavar="NAME")
    _password_option(password)
    _common(password)
    remove = _command(user, "remove", "remove a person, sessions and tokens included", "mediaserver user remove anna")
    remove.add_argument("name", metavar="NAME")
    _common(remove)

    token = _group(commands, "token", "access for devices and programs", "mediaserver token list")
    create = _command(token, "create", "make a token; it is shown once", "mediaserver token create anna --name phone")
    create.add_argument("user", metavar="USER")
    create.add_argument("--name", required=True, metavar="NAME", help="what it is for")
    _common(create)
    _common(_command(token, "list", "list all tokens", "mediaserver token list"))
    revoke = _command(token, "revoke", "end a token at once", "mediaserver token revoke 3")
    revoke.add_argument("id", type=int, metavar="ID", help="its number in the list")
    _common(revoke)

    discover = _command(commands, "discover", "list the servers in this network", "mediaserver discover --timeout 5")
    discover.add_argument("--timeout", type=_seconds, default=3.0, metavar="S", help="how long to listen (default: 3)")
    discover.add_argument("--json", action="store_true", help="for programs")
    _common(discover)

    _service(_group(commands, "service", "started with the machine, by systemd", "mediaserver service install"))

    doctor = _command(commands, "doctor", "tell what is missing, slow or risky", "mediaserver doctor")
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.add_argument("--bundle", type=Path, metavar="FILE", help="pack logs and settings, without secrets, for help")
    doctor.add_argument("--with-names", action="store_true", help="leave names of music in the bundle")
    _common(doctor)

    backup = _command(commands, "backup", "pack all that cannot be made anew", "mediaserver backup /mnt/usb/music.tar")
    backup.add_argument("file", type=Path, metavar="FILE", help="a tar file that is not there yet")
    _common(backup)

    level = _command(commands, "log-level", "change how much the running server says", "mediaserver log-level debug")
    level.add_argument("words", nargs="*", metavar="[LOGGER] LEVEL", help="default: print the levels")
    _common(level)

    _common(_command(commands, "check-config", "check the settings", "mediaserver check-config --config my.toml"))
    return top


def _service(service: Any) -> None:
    install = _command(service, "install", "write, enable and start the unit", "mediaserver service install ~/Music")
    install.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help=_FOLDERS)
    install.add_argument("--host", metavar="H", help="address to listen on")
    install.add_argument("--port", type=int, metavar="N", help="port to listen on")
    install.add_argument("--run-as", metavar="USER", help="run as this user (default: one that systemd makes up)")
    install.add_argument(
        "--group", action="append", metavar="G", help="a group that may read the music; can be repeated"
    )
    install.add_argument("--no-start", action="store_true", help="only write the unit")
    install.add_argument("--print", action="store_true", help="print the unit and change nothing")
    status = _command(service, "status", "whether it runs, and where", "mediaserver service status")
    remove = _command(service, "remove", "stop it and take the unit away; the data stays", "mediaserver service remove")
    for command in (install, status, remove):
        whose = command.add_mutually_exclusive_group()
        whose.add_argument("--system", action="store_true", help="of the machine (default for root)")
        whose.add_argument("--user", action="store_true", help="of the user (default for everybody else)")
        _common(command)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.1 <= seconds <= 60:
        raise argparse.ArgumentTypeError(f"expected seconds from 0.1 to 60, got {text}")
    return seconds


_FOLDERS = "folders of music (default: library.folders of the settings, else all that were scanned before)"


def _group(commands: Any, name: str, text: str, example: str) -> Any:
    return _command(commands, name, text, example).add_subparsers(dest="action", required=True, metavar="ACTION")


def _command(commands: Any, name: str, text: str, example: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=text,
        description=f"{text[:1].upper()}{text[1:]}.",
        epilog=f"example: {example}",
        allow_abbrev=False,
    )
    return made


def _password_option(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--password-stdin", action="store_true", help="read the password from the first line of standard input"
    )


def _common(command: argparse.ArgumentParser) -> None:
    data_dir = f"where everything is kept (default: {default_data_dir()})".replace("%", "%%")
    command.add_argument("--data-dir", type=Path, metavar="DIR", help=data_dir)
    command.add_argument(
        "--config", type=Path, metavar="FILE", help=f"settings (default: {CONFIG_NAME} in the data directory)"
    )


def main(arguments: list[str] | None = None) -> NoReturn:
    """Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 130 interrupted."""
    args = parser().parse_args(arguments)
    try:
        code = _dispatch(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Invalid as error:
        fail(str(error), USAGE)
    except MediaServerError as error:
        fail(str(error))
    except OSError as error:
        fail(": ".join(str(part) for part in (error.filename, error.strerror or error) if part))
    raise SystemExit(code)


def _dispatch(args: argparse.Namespace) -> int:
    """Each command's module is imported only when it is asked for: the server must answer within a second."""
    command: Callable[[argparse.Namespace], Coroutine[Any, Any, int]]
    if args.command == "serve":
        from mediaserver.cli import serve

        return serve.run(args)
    if args.command == "check-config":
        from mediaserver.cli import check_config

        return check_config.run(args)
    if args.command == "scan":
        from mediaserver.cli import scan

        command = scan.run
    elif args.command == "discover":
        from mediaserver.cli import discover

        command = discover.run
    elif args.command == "service":
        from mediaserver.cli import service

        command = {"install": service.install, "status": service.status, "remove": service.remove}[args.action]
    elif args.command == "doctor":
        from mediaserver.cli import doctor

        command = doctor.run
    elif args.command == "backup":
        from mediaserver.cli import backup

        command = backup.run
    elif args.command == "log-level":
        from mediaserver.cli import log_level

        command = log_level.run
    elif args.command == "user":
        from mediaserver.cli import user

        command = {"add": user.add, "list": user.show, "password": user.password, "remove": user.remove}[args.action]
    else:
        from mediaserver.cli import token

        command = {"create": token.create, "list": token.show, "revoke": token.revoke}[args.action]
    return asyncio.run(command(args))
