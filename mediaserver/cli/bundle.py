"""What `mediaserver doctor --bundle` packs for whoever helps: nothing secret, and no names of music unless asked."""

from __future__ import annotations

import json
import os
import platform
import re
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from mediaserver.checkup.findings import Finding
from mediaserver.core import logfile, logs
from mediaserver.core.errors import Conflict
from mediaserver.core.masking import masked
from mediaserver.core.settings import Settings
from mediaserver.media.kinds import KINDS

_WORDS = """\
Packed by `mediaserver doctor --bundle`.

doctor.json    what the doctor found
settings.json  the settings, without the password of a database
versions.json  Python, system and packages
scans.json     how many files the scans could not take, by reason
logs/          what the server logged, as JSON lines

There are no passwords, tokens, cookies, keys or hashes in it, and no database.{names}
"""
_NO_NAMES = " Names of folders and files of music were\ntaken out; --with-names leaves them in."
_ENDINGS = "|".join(re.escape(ending) for ending in KINDS)
_MUSIC_FILE = re.compile(rf"[^\"'\n:<>]*(?:{_ENDINGS})\b", re.IGNORECASE)
Change = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Looked:
    """All that the doctor found, and what it was found in."""

    settings: Settings
    findings: list[Finding]
    folders: list[Path]
    about: dict[str, Any] | None
    """What the running server says of itself; None where none runs."""
    scans: dict[str, Any] = field(default_factory=dict)


def write(path: Path, data_dir: Path, looked: Looked, told: dict[str, Any], *, with_names: bool) -> None:
    """A ZIP file for its owner alone. Raises Conflict where there is one already, and OSError."""
    change = masked if with_names else without_names(looked.folders)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as error:
        raise Conflict(f"{path} is there already: name another file") from error
    with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("README.txt", _WORDS.format(names="" if with_names else _NO_NAMES))
        for name, value in (
            ("doctor.json", told),
            ("settings.json", shown(looked.settings)),
            ("versions.json", versions()),
            ("scans.json", looked.scans),
        ):
            packed.writestr(name, json.dumps(changed(value, change), indent=2, ensure_ascii=False))
        for log in logfile.lines(data_dir / logs.FOLDER):
            packed.writestr(f"logs/{log.name}", "".join(_log(log, change)))


def shown(settings: Settings) -> dict[str, Any]:
    """The settings; of the address of a database only that there is one: in a wrong one, anything may be a password."""
    told: dict[str, Any] = msgspec.to_builtins(settings)
    if settings.database.url:
        told["database"]["url"] = "postgresql://-"
    return told


def versions() -> dict[str, Any]:
    packages = {one.metadata["Name"]: one.version for one in metadata.distributions() if one.metadata["Name"]}
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "packages": dict(sorted(packages.items())),
    }


def without_names(folders: Sequence[Path]) -> Change:
    """Takes out what lies in the folders of music, up to the end of the line, and names of audio files."""
    known = sorted(((str(one), n) for n, one in enumerate(folders, 1)), reverse=True)
    patterns = [(re.compile(re.escape(path) + r"(?:/[^\n]*|(?![\w./-]))"), n) for path, n in known]

    def change(text: str) -> str:
        for pattern, number in patterns:
            text = pattern.sub(f"<folder {number}>", text)
        return masked(_MUSIC_FILE.sub(" <a file>", text))

    return change


def changed(value: Any, change: Change) -> Any:
    """JSON with every text changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: changed(one, change) for key, one in value.items()}
    return [changed(one, change) for one in value] if isinstance(value, list | tuple) else value


def _log(path: Path, change: Change) -> list[str]:
    """Its lines; one that is no JSON was cut by a power cut, and is left out."""
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            lines.append(json.dumps(changed(json.loads(line), change), ensure_ascii=False) + "\n")
        except ValueError:
            continue
    return lines
