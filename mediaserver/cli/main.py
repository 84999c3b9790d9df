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
from mediaserver.core.errors import MediaServerError
from mediaserver.core.settings import Settings, SettingsInvalid, load

FAILURE, USAGE = 1, 2
CONFIG_NAME = "config.toml"


def default_data_dir() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("mediaserver", appauthor=False))


def parser() -> argparse.ArgumentParser:
    """Every command with its options; `--help` of each shows an example."""
    top = argparse.ArgumentParser(
        prog="mediaserver",
        description="A music server for the house.",
        epilog="example: mediaserver serve ~/Music",
    )
    top.add_argument("--version", action="version", version=f"mediaserver {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    serve = _command(commands, "serve", "scan folders and serve them", "mediaserver serve ~/Music --port 8080")
    serve.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="folders of music")
    serve.add_argument("--host", help="address to listen on (default: all interfaces)")
    serve.add_argument("--port", type=_port, help="port to listen on (default: 4747; 0: any free one)")
    _common(serve)

    scan = _command(commands, "scan", "bring the catalogue in line with the folders", "mediaserver scan ~/Music")
    scan.add_argument("folders", nargs="*", type=Path, metavar="FOLDER", help="folders of music")
    _common(scan)

    user = _group(commands, "user", "who may sign in")
    add = _command(user, "add", "add a person", "echo secret-word | mediaserver user add anna --password-stdin")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--admin", action="store_true", help="may add people and start scans")
    add.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    _common(add)
    _common(_command(user, "list", "list everybody", "mediaserver user list"))
    remove = _command(user, "remove", "remove a person, sessions and tokens included", "mediaserver user remove anna")
    remove.add_argument("name", metavar="NAME")
    _common(remove)

    token = _group(commands, "token", "access for devices and programs")
    create = _command(token, "create", "make a token; it is shown once", "mediaserver token create anna --name phone")
    create.add_argument("user", metavar="USER")
    create.add_argument("--name", required=True, help="what it is for")
    _common(create)
    _common(_command(token, "list", "list all tokens", "mediaserver token list"))
    revoke = _command(token, "revoke", "end a token at once", "mediaserver token revoke 3")
    revoke.add_argument("id", type=int, metavar="ID")
    _common(revoke)

    _common(_command(commands, "check-config", "check the settings", "mediaserver check-config --config my.toml"))
    return top


def _group(commands: Any, name: str, text: str) -> Any:
    group = commands.add_parser(name, help=text, description=text.capitalize() + ".")
    return group.add_subparsers(dest="action", required=True, metavar="ACTION")


def _command(commands: Any, name: str, text: str, example: str) -> argparse.ArgumentParser:
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=text[:1].upper() + text[1:] + ".", epilog=f"example: {example}"
    )
    return made


def _common(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data-dir", type=Path, help=f"where everything is kept (default: {default_data_dir()})")
    command.add_argument("--config", type=Path, help=f"settings file (default: {CONFIG_NAME} in the data directory)")


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError("a port is a number from 0 to 65535")
    return port


def data_dir_of(args: argparse.Namespace) -> Path:
    """The data directory, made for its owner alone if it is new."""
    data_dir: Path = (args.data_dir or default_data_dir()).expanduser().absolute()
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        fail(f"the data directory {data_dir} cannot be made: {error.strerror}")
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        fail(f"the data directory {data_dir} cannot be written")
    return data_dir


def settings_of(args: argparse.Namespace, data_dir: Path) -> Settings:
    """The settings of this run; every fault is printed, and the exit code is 2."""
    file = args.config
    if file is None and (data_dir / CONFIG_NAME).exists():
        file = data_dir / CONFIG_NAME
    try:
        return load(file, os.environ)
    except SettingsInvalid as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        raise SystemExit(USAGE) from None


def fail(message: str, code: int = FAILURE) -> NoReturn:
    print(f"mediaserver: {message}", file=sys.stderr)
    raise SystemExit(code)


def _run(command: Callable[[argparse.Namespace], Coroutine[Any, Any, int]], args: argparse.Namespace) -> int:
    try:
        return asyncio.run(command(args))
    except MediaServerError as error:
        fail(str(error))


def main(arguments: list[str] | None = None) -> NoReturn:
    """Exit codes: 0 done, 1 failed, 2 wrong usage or settings."""
    args = parser().parse_args(arguments)
    try:
        raise SystemExit(_dispatch(args))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def _dispatch(args: argparse.Namespace) -> int:
    """Each command's module is imported only when it is asked for: the server must answer within a second."""
    if args.command == "serve":
        from mediaserver.cli import serve

        return serve.run(args)
    if args.command == "check-config":
        settings_of(args, data_dir_of(args))
        print("the settings are right")
        return 0
    if args.command == "scan":
        from mediaserver.cli import scan

        return _run(scan.run, args)
    if args.command == "user":
        from mediaserver.cli import user

        return _run({"add": user.add, "list": user.show, "remove": user.remove}[args.action], args)
    from mediaserver.cli import token

    return _run({"create": token.create, "list": token.show, "revoke": token.revoke}[args.action], args)
