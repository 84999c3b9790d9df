"""What every command finds around it: its data directory, its settings, and a plain way to fail."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import NoReturn

from mediaserver.core.settings import Settings, SettingsInvalid, load

FAILURE, USAGE, INTERRUPTED = 1, 2, 130
CONFIG_NAME = "config.toml"


def command() -> str:
    """By what words this program is called: in a checkout, it is not where the shell looks."""
    if shutil.which("mediaserver"):
        return "mediaserver"
    return sys.argv[0] if Path(sys.argv[0]).name == "mediaserver" else f"{sys.executable} -m mediaserver"


def again(args: argparse.Namespace, *words: str) -> str:
    """The command line that asks `words` of the same data directory and settings, to be copied."""
    given = [("--data-dir", args.data_dir), ("--config", args.config)]
    options = [part for option, value in given if value is not None for part in (option, shlex.quote(str(value)))]
    return " ".join([command(), *words, *options])


def default_data_dir() -> Path:
    import platformdirs

    return Path(platformdirs.user_data_dir("mediaserver", appauthor=False))


def data_dir_of(args: argparse.Namespace) -> Path:
    """Where everything is kept; it need not exist."""
    data_dir: Path = args.data_dir or default_data_dir()
    return data_dir.expanduser().absolute()


def made_data_dir(args: argparse.Namespace) -> Path:
    """The data directory, made for its owner alone if it is new."""
    data_dir = data_dir_of(args)
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        fail(f"the data directory {data_dir} cannot be made: {error.strerror}")
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        fail(f"the data directory {data_dir} cannot be written")
    # Not mended here: it may be a folder that others use on purpose. What is secret in it is closed file by file.
    if data_dir.stat().st_mode & 0o022:
        print(f"mediaserver: others may write in {data_dir}, and so replace what is in it: chmod 700", file=sys.stderr)
    return data_dir


def config_of(args: argparse.Namespace) -> Path | None:
    """The settings file of this run, if there is one."""
    if args.config is not None:
        config: Path = args.config
        return config.expanduser()
    default = data_dir_of(args) / CONFIG_NAME
    return default if default.exists() else None


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings of this run; where something is wrong, every fault is printed and the exit code is 2."""
    given = {"--host": ("server.host", "host"), "--port": ("server.port", "port")}
    options = {
        option: (setting, getattr(args, name))
        for option, (setting, name) in given.items()
        if getattr(args, name, None) is not None
    }
    try:
        return load(config_of(args), os.environ, options)
    except SettingsInvalid as error:
        for fault in error.faults:
            print(fault, file=sys.stderr)
        raise SystemExit(USAGE) from None


def fail(message: str, code: int = FAILURE) -> NoReturn:
    print(f"mediaserver: {message}", file=sys.stderr)
    raise SystemExit(code)
