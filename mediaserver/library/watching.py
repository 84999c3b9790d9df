"""How a root folder is watched, in words: what is the matter, and what mends it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

Mode = Literal["off", "starting", "watching", "polling", "away"]
Reason = Literal["", "remote", "watches", "instances", "no-inotify", "away"]

_LIMITS = Path("/proc/sys/fs/inotify")
_PLENTY = 524_288
_PLENTY_INSTANCES = 1024
_POLLED = "the folder is looked through about every minute"


class Limits(NamedTuple):
    """Of inotify, for one user."""

    watches: int
    instances: int


@dataclass(frozen=True, slots=True)
class WatchStatus:
    root: str
    mode: Mode
    reason: Reason
    folders: int
    """That have a watch."""
    message: str
    """What is the matter; "" where all is well. Names no path but that of an away root."""
    remedy: str
    """A command or a deed; "" where nothing need be done."""


def limits() -> Limits | None:
    """As they are now; None where the system does not tell."""
    try:
        return Limits(*(int((_LIMITS / name).read_text()) for name in ("max_user_watches", "max_user_instances")))
    except (OSError, ValueError):
        return None


def told(root: str, mode: Mode, reason: Reason, folders: int, message: str, limit: Limits | None) -> WatchStatus:
    """`message` is of an away root; the others' stand here."""
    remedy = ""
    match reason:
        case "remote":
            message = f"A network file system does not tell what others change on it: {_POLLED}."
        case "watches":
            message = f"The system's limit of inotify watches{_now(limit and limit.watches)} is used up: {_POLLED}."
            remedy = _sysctl("max_user_watches", max(_PLENTY, 2 * limit.watches if limit else 0))
        case "instances":
            message = f"The system's limit of inotify instances{_now(limit and limit.instances)} is used up: {_POLLED}."
            remedy = _sysctl("max_user_instances", max(_PLENTY_INSTANCES, 2 * limit.instances if limit else 0))
        case "no-inotify":
            message = f"This system has no inotify: {_POLLED}."
        case "away":
            remedy = "Mount the disk, or put the folder back: it is noticed by itself."
    return WatchStatus(root, mode, reason, folders, message, remedy)


def _now(number: int | None) -> str:
    return f" ({number:,})" if number is not None else ""


def _sysctl(name: str, value: int) -> str:
    return f"echo fs.inotify.{name}={value} | sudo tee -a /etc/sysctl.d/90-mediaserver.conf && sudo sysctl --system"
