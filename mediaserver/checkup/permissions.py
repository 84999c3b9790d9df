"""Whether the server may do what it has to, and others may not: its data directory, and the folders of music."""

from __future__ import annotations

import os
import pwd
import shlex
import stat
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mediaserver.checkup.findings import Finding

_SECRET = ("mediaserver.db", "mediaserver.db-wal", "mediaserver.db-shm", "config.toml", "identity.json", "logs", "tls")
_LOOK_S, _MOST = 3.0, 20_000


@dataclass(frozen=True, slots=True)
class Place:
    """A folder or file as its permissions show it."""

    path: Path
    mode: int
    owner: int


def look(path: Path) -> Place | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return Place(path, stat.S_IMODE(found.st_mode), found.st_uid)


def judged_data_dir(
    data_dir: Path, place: Place | None, inside: Sequence[Place], *, me: int, is_writable: bool
) -> Finding:
    """`inside` is what lies in it and holds secrets; `me` is the user who looks."""
    name, shown = "Data directory", shlex.quote(str(data_dir))
    if place is None:
        return Finding("permissions", name, "ok", f"{data_dir} is not there yet: the first start makes it")
    if place.owner != me and me != 0:
        told = f"{data_dir} belongs to {user_name(place.owner)}, and you are {user_name(me)}"
        return Finding("permissions", name, "bad", told, f"sudo -u {user_name(place.owner)} mediaserver doctor")
    if not is_writable:
        return Finding("permissions", name, "bad", f"{data_dir} cannot be written", f"chmod u+rwx {shown}")
    if place.mode & 0o022:
        told = f"others may write in {data_dir}, and so replace what is in it"
        return Finding("permissions", name, "bad", told, f"chmod 700 {shown}")
    # Nobody reaches what lies in a folder that is closed.
    open_ones = [one.path.name for one in inside if one.mode & 0o077 and place.mode & 0o011]
    if open_ones:
        told = f"others may read {', '.join(open_ones)}"
        return Finding("permissions", name, "bad", told, f"chmod -R go= {shown}")
    foreign = [one.path.name for one in inside if one.owner != place.owner]
    if foreign:
        owner = user_name(place.owner)
        told = f"{', '.join(foreign)} does not belong to {owner}, whose server may not be able to write it"
        return Finding("permissions", name, "bad", told, f"sudo chown -R {owner}: {shown}")
    if place.mode & 0o077:
        told = f"others may look into {data_dir}; what is secret in it is closed"
        return Finding("permissions", name, "warning", told, f"chmod 700 {shown}")
    return Finding("permissions", name, "ok", f"{data_dir}, for {user_name(place.owner)} alone")


def data_dir(path: Path) -> Finding:
    inside = [place for name in _SECRET if (place := look(path / name)) is not None]
    is_writable = os.access(path, os.R_OK | os.W_OK | os.X_OK)
    return judged_data_dir(path, look(path), inside, me=os.geteuid(), is_writable=is_writable)


@dataclass(frozen=True, slots=True)
class Readable:
    """What a look through a folder found, as far as it came in its time."""

    folders: int
    refused: tuple[str, ...]
    """Folders and files that may not be read, relative to it."""
    is_whole: bool


def read_through(root: Path, *, limit_s: float = _LOOK_S) -> Readable:
    """Whether this user may read what is in it, folders first. Raises OSError for the root itself."""
    end_s = time.monotonic() + limit_s
    waiting, refused, folders, seen = [root], [], 0, 0
    while waiting and time.monotonic() < end_s and seen < _MOST:
        folder = waiting.pop()
        folders += 1
        try:
            entries = list(os.scandir(folder))
        except OSError:
            if folder == root:
                raise
            refused.append(str(folder.relative_to(root)))
            continue
        for entry in entries:
            seen += 1
            if entry.is_dir(follow_symlinks=False):
                waiting.append(Path(entry.path))
            elif not os.access(entry.path, os.R_OK):
                refused.append(str(Path(entry.path).relative_to(root)))
    return Readable(folders, tuple(refused), not waiting)


def judged_music(number: int, root: Path, found: Readable | OSError) -> Finding:
    """`number` is its place among the folders of music, from 1 on."""
    name, shown = f"Folder {number}", shlex.quote(str(root))
    if isinstance(found, FileNotFoundError):
        return Finding("permissions", name, "bad", f"{root} is away", "Mount the disk, or put the folder back.")
    if isinstance(found, OSError):
        told = f"{root} cannot be read: {os.strerror(found.errno or 0).lower()}"
        return Finding("permissions", name, "bad", told, f"sudo chmod -R a+rX {shown}")
    if found.refused:
        told = f"{len(found.refused):,} in it may not be read, as {root / found.refused[0]}"
        remedy = f"sudo chmod -R a+rX {shown}"
        return Finding("permissions", name, "warning", told, remedy)
    return Finding("permissions", name, "ok", f"{root} can be read{'' if found.is_whole else ', as far as was looked'}")


def music(number: int, root: Path) -> tuple[Finding, int]:
    """And how many folders were seen in it."""
    try:
        found = read_through(root)
    except OSError as error:
        return judged_music(number, root, error), 0
    return judged_music(number, root, found), found.folders


def user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
