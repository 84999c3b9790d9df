"""`mediaserver backup FILE`: all that cannot be made anew, in one file, while the server runs or not."""

from __future__ import annotations

import argparse
import os
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mediaserver.cli.surroundings import data_dir_of, settings_of
from mediaserver.core import logs
from mediaserver.core.errors import Conflict, Invalid, NotFound
from mediaserver.core.settings import Settings
from mediaserver.storage.backup import copy_database
from mediaserver.storage.place import sqlite_file


async def run(args: argparse.Namespace) -> int:
    """Raises Conflict (the file is there), Invalid, NotFound, Unavailable, StorageDamaged; none is made then."""
    settings, data_dir, file = settings_of(args), data_dir_of(args), args.file.expanduser().absolute()
    if not data_dir.is_dir():
        raise NotFound(f"there is no data directory {data_dir}")
    if file.exists():
        raise Conflict(f"{file} is there already: name another file")
    if file.is_relative_to(data_dir):
        raise Invalid(f"{file} would be lost with {data_dir}: name a place outside, best on another disk")
    # Made beside its place, where there is room; it gets its name when it is whole.
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as aside:
        packed = Path(aside, "packed")
        _pack(packed, Path(aside), data_dir, settings)
        packed.rename(file)
    _keep_name(file.parent)
    print(f"Backed up into {file} ({file.stat().st_size / 1_000_000:.1f} MB). Keep it secret: who has it may sign in.")
    if settings.database.url:
        print("The database is not in it: back up PostgreSQL by its own means, as pg_dump.")
    return 0


def _pack(packed: Path, aside: Path, data_dir: Path, settings: Settings) -> None:
    """On disk when this returns; for its owner alone."""
    copy = None if settings.database.url else copy_database(data_dir, aside)
    with os.fdopen(os.open(packed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            if copy is not None:
                tar.add(copy, copy.name, filter=_for_owner)
            for path in _kept(data_dir, settings):
                tar.add(path, path.name, filter=_plain)
        out.flush()
        os.fsync(out.fileno())


def _kept(data_dir: Path, settings: Settings) -> Iterator[Path]:
    """What is in the data directory but the database, what can be made anew, and what is of a running server."""
    database = sqlite_file(data_dir).name
    caches = (data_dir / "cache", Path(settings.streaming.cache_dir).expanduser())
    for path in sorted(data_dir.iterdir()):
        if path not in caches and path.name not in ("lock", logs.FOLDER) and not path.name.startswith(database):
            yield path


def _for_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode = 0o600
    return entry


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """No sockets, which are of a running server."""
    return entry if entry.isreg() or entry.isdir() or entry.issym() else None


def _keep_name(folder: Path) -> None:
    """A power cut leaves the file under its name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
