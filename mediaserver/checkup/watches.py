"""Whether the system lets the server watch every folder of music."""

from __future__ import annotations

from mediaserver.checkup.findings import Finding, State
from mediaserver.library import watching
from mediaserver.library.watching import Limits, WatchStatus

_LEAST_INSTANCES = 32
_SPARE = 1.25  # other programs of the user watch too


def judged(limits: Limits | None, folders: int) -> Finding:
    """`folders` of music are to be watched."""
    if limits is None:
        return Finding("watching", "Watches", "warning", "no inotify: folders are looked through about every minute")
    told = f"{limits.watches:,} allowed, {folders:,} folders of music"
    if limits.watches < folders * _SPARE:
        status = watching.told("", "polling", "watches", 0, "", limits)
        return Finding("watching", "Watches", "warning", f"{told}: some are looked through instead", status.remedy)
    if limits.instances < _LEAST_INSTANCES:
        status = watching.told("", "polling", "instances", 0, "", limits)
        return Finding("watching", "Watches", "warning", f"only {limits.instances} inotify instances", status.remedy)
    return Finding("watching", "Watches", "ok", told)


def look(folders: int) -> Finding:
    return judged(watching.limits(), folders)


def folder(status: WatchStatus) -> Finding:
    """Of a running server: how it watches one folder of music."""
    modes = {
        "off": "changes are noticed by scans",
        "starting": "the watches are being set",
        "watching": f"watched, {status.folders:,} folders",
        "polling": "looked through about every minute",
        "away": "away",
    }
    state: State = "bad" if status.mode == "away" else "warning" if status.message else "ok"
    return Finding("folders", "Music", state, f"{status.root}: {status.message or modes[status.mode]}", status.remedy)
