"""`mediaserver backup FILE`: all that cannot be made anew, in one file, while the server runs or not."""

from __future__ import annotations

import argparse
import errno
import os
import stat
import tarfile
import tempfile
from pathlib import Path

from mediaserver.cli.surroundings import data_dir_of, settings_of
from mediaserver.core import logs, places
from mediaserver.core.errors import Conflict, Invalid, NotFound
from mediaserver.core.settings import Settings
from mediaserver.storage.backup import copy_database
from mediaserver.storage.place import sqlite_file
from mediaserver.streaming import cached


async def run(args: argparse.Namespace) -> int:
    """Raises Conflict (the file is there), Invalid, NotFound, Unavailable, StorageDamaged; none is made then."""
    settings, data_dir, file = settings_of(args), data_dir_of(args), args.file.expanduser().absolute()
    if not data_dir.is_dir():
        raise NotFound(f"there is no data directory {data_dir}")
    if file.exists():
        raise Conflict(f"{file} is there already: name another file")
    if _real(file).is_relative_to(_real(data_dir)):
        raise Invalid(f"{file} would be lost with {data_dir}: name a place outside, best on another disk")
    # Made beside its place, where there is room; it gets its name when it is whole.
    with tempfile.TemporaryDirectory(prefix=f".{file.name}.", dir=file.parent) as aside:
        packed = Path(aside, "packed")
        _pack(packed, Path(aside), data_dir, settings)
        _name(packed, file)
    _keep_name(file.parent)
    print(f"Backed up into {file} ({file.stat().st_size / 1_000_000:.1f} MB). Keep it secret: who has it may sign in.")
    if settings.database.url:
        print("The database is not in it: back up PostgreSQL by its own means, as pg_dump.")
    return 0


def _pack(packed: Path, aside: Path, data_dir: Path, settings: Settings) -> None:
    """On disk when this returns; for its owner alone."""
    copy = None if settings.database.url else copy_database(data_dir, aside)
    with os.fdopen(os.open(packed, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT, dereference=True) as tar:
            if copy is not None:
                tar.add(copy, copy.name, filter=_for_owner)
            left_out = _left_out(data_dir, settings)
            for path in _within(data_dir):
                if not path.name.startswith(sqlite_file(data_dir).name):
                    _add(tar, path, Path(path.name), left_out, inside=frozenset())
        out.flush()
        os.fsync(out.fileno())


def _left_out(data_dir: Path, settings: Settings) -> set[Path]:
    """What can be made anew, and what is of a running server; where links lead."""
    cache_dir = places.cache_dir(settings.streaming.cache_dir, data_dir)
    paths = {places.cache_dir("", data_dir), data_dir / logs.FOLDER, places.lock_file(data_dir), *cached(cache_dir)}
    if not _real(data_dir).is_relative_to(_real(cache_dir)):
        paths.add(cache_dir)
    return {_real(path) for path in paths}


def _add(
    tar: tarfile.TarFile, path: Path, name: Path, left_out: set[Path], *, inside: frozenset[tuple[int, int]]
) -> None:
    """With all that is in it and what links lead to, which would be missed where it is brought back; no sockets.

    `inside` are the folders that are being packed, by device and inode. Raises Invalid for links that lead nowhere.
    """
    if _real(path) in left_out:
        return
    try:
        there = path.stat()
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.ELOOP):
            raise
        if path.is_symlink():
            raise Invalid(f"{path} leads nowhere: mend or remove it, so that the backup is whole") from error
        return  # gone meanwhile
    if not stat.S_ISDIR(there.st_mode):
        if stat.S_ISREG(there.st_mode):
            tar.add(path, str(name), recursive=False)
        return
    me = there.st_dev, there.st_ino
    if me in inside:
        raise Invalid(f"{path} leads back to where it is: remove it, so that the backup has an end")
    tar.add(path, str(name), recursive=False)
    for one in _within(path):
        _add(tar, one, name / one.name, left_out, inside=inside | {me})


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # which a circle of links does not trouble


def _within(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


def _name(packed: Path, file: Path) -> None:
    """Both are on one disk. Raises Conflict where the file has come meanwhile: it is not written over."""
    try:
        try:
            file.hardlink_to(packed)
        except FileExistsError:
            raise
        except OSError:  # FAT has no hard links: the name is taken first, and only what took it is replaced
            os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            packed.replace(file)
    except FileExistsError as error:
        raise Conflict(f"{file} is there already: name another file") from error


def _for_owner(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode = 0o600
    return entry


def _keep_name(folder: Path) -> None:
    """A power cut leaves the file under its name."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
