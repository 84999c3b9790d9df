"""Every setting of the server, with its default. Read from a TOML file and the environment, and checked whole."""

from __future__ import annotations

import difflib
import ipaddress
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

PREFIX = "MEDIASERVER_"
# Environment variables of this prefix that are no settings.
_OTHER_VARIABLES = {"MEDIASERVER_TEST_DATABASE"}


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "0.0.0.0"  # noqa: S104 (a phone must reach it; everything is closed to strangers)
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 4747
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=63)] = "Music"
    trusted_proxies: tuple[str, ...] = ()


class Library(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    folders: tuple[str, ...] = ()
    scan_at_start: bool = True
    worker_processes: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0


class Database(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str = ""


class Streaming(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cache_size_mb: Annotated[int, msgspec.Meta(ge=64, le=10_000_000)] = 2048
    cache_dir: str = ""


class Accounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    session_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    level: Literal["debug", "info", "warning", "error"] = "info"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    server: Server = Server()
    library: Library = Library()
    database: Database = Database()
    streaming: Streaming = Streaming()
    accounts: Accounts = Accounts()
    log: Log = Log()


SECTIONS: dict[str, type[msgspec.Struct]] = {
    field.name: type(field.default) for field in msgspec.structs.fields(Settings)
}


@dataclass(frozen=True, slots=True)
class Fault:
    source: str
    """The file, or the environment variable's name."""
    key: str
    expected: str

    def __str__(self) -> str:
        return f"{self.source}: {self.key}: {self.expected}" if self.key else f"{self.source}: {self.expected}"


class SettingsInvalid(Exception):
    """Everything that is wrong, at once."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def load(file: Path | None, environment: Mapping[str, str]) -> Settings:
    """Defaults, then `file`, then MEDIASERVER_SECTION__KEY. Raises SettingsInvalid with every fault there is."""
    faults: list[Fault] = []
    values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    if file is not None:
        _from_file(file, values, faults)
    _from_environment(environment, values, faults)
    if faults:
        raise SettingsInvalid(faults)
    return msgspec.convert(values, Settings)


def _from_file(file: Path, values: dict[str, dict[str, Any]], faults: list[Fault]) -> None:
    try:
        with file.open("rb") as opened:
            tables = tomllib.load(opened)
    except OSError as error:
        faults.append(Fault(str(file), "", f"cannot be read: {error.strerror}"))
        return
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        faults.append(Fault(str(file), "", f"is not TOML: {error}"))
        return
    for section, table in tables.items():
        if section not in SECTIONS:
            faults.append(Fault(str(file), section, "no such section" + _hint(section, SECTIONS)))
        elif not isinstance(table, dict):
            faults.append(Fault(str(file), section, f"must be a table: [{section}]"))
        else:
            for key, value in table.items():
                _take(str(file), section, key, value, values, faults)


def _from_environment(environment: Mapping[str, str], values: dict[str, dict[str, Any]], faults: list[Fault]) -> None:
    for variable in sorted(environment):
        if not variable.startswith(PREFIX) or variable in _OTHER_VARIABLES:
            continue
        section, separator, key = variable.removeprefix(PREFIX).lower().partition("__")
        if not separator or section not in SECTIONS:
            known = {f"{PREFIX}{s}__{k}".upper() for s in SECTIONS for k in _keys(s)}
            faults.append(Fault(variable, "", "no such setting" + _hint(variable, known)))
            continue
        raw: Any = environment[variable]
        if key in _keys(section):
            raw = _parsed(raw, _keys(section)[key])
        _take(variable, section, key, raw, values, faults)


def _parsed(raw: str, kind: Any) -> Any:
    """What the text means for a setting of this type; a list is JSON or separated by commas."""
    if kind is bool:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(raw.lower(), raw)
    if kind == tuple[str, ...]:
        if raw.lstrip().startswith("["):
            try:
                return json.loads(raw)
            except ValueError:
                return raw
        return [part.strip() for part in raw.split(",") if part.strip()]
    if kind is str or (getattr(kind, "__origin__", None) is str):
        return raw
    try:
        return int(raw)
    except ValueError:
        return raw


def _take(
    source: str, section: str, key: str, value: Any, values: dict[str, dict[str, Any]], faults: list[Fault]
) -> None:
    name = f"{section}.{key}"
    kinds = _keys(section)
    if key not in kinds:
        faults.append(Fault(source, name, "no such setting" + _hint(key, kinds)))
        return
    try:
        msgspec.convert({key: value}, SECTIONS[section])
    except msgspec.ValidationError as error:
        expected = str(error).split(" - at ")[0]
        faults.append(Fault(source, name, expected[:1].lower() + expected[1:]))
        return
    wrong = _impossible(name, value)
    if wrong:
        faults.append(Fault(source, name, wrong))
        return
    values[section][key] = value


def _impossible(name: str, value: Any) -> str | None:
    """What a type cannot say."""
    if name == "server.trusted_proxies":
        for network in value:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError:
                return f"expected addresses or networks such as 127.0.0.1 or 10.0.0.0/8, got {network!r}"
    if name == "database.url" and value and not value.startswith(("postgresql://", "postgres://")):
        return 'expected "" for SQLite or "postgresql://USER:PASSWORD@HOST/NAME"'
    if name == "library.folders":
        for folder in value:
            if not Path(folder).expanduser().is_absolute():
                return f"expected absolute paths (or ~/...), got {folder!r}"
    return None


def _keys(section: str) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(SECTIONS[section])}


def _hint(word: str, known: Any) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
