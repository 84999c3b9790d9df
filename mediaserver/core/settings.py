"""Every setting of the server, with its default. Read from a file, the environment and options, and checked whole."""

from __future__ import annotations

import difflib
import ipaddress
import itertools
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

import msgspec

PREFIX = "MEDIASERVER_"
_NO_SETTINGS = "MEDIASERVER_TEST_"  # variables that tell the tests where things are

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?")
_BASE_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]{1,60}){1,5}")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_SPAN = re.compile(rf"({_TIME.pattern})-(?!\1)({_TIME.pattern})")
_NO_OPTIONS: Mapping[str, tuple[str, Any]] = {}
_LONGEST_SHOWN = 60


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    host: str = "::"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 4747
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=63)] = "Music"
    names: tuple[str, ...] = ()
    base_path: str = ""
    tls: Literal["off", "own", "given"] = "off"
    tls_certificate: str = ""
    tls_key: str = ""
    tls_hsts: bool = False
    trusted_proxies: tuple[str, ...] = ()


class Library(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    folders: tuple[str, ...] = ()
    scan_at_start: bool = True
    watch: bool = True
    scan_times: tuple[str, ...] = ()
    worker_processes: Annotated[int, msgspec.Meta(ge=0, le=64)] = 0


class Database(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    url: str = ""


class Streaming(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    cache_size_mb: Annotated[int, msgspec.Meta(ge=64, le=10_000_000)] = 2048
    cache_dir: str = ""
    streams_per_person: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 10
    ready_quality: Literal["off", "low", "normal", "high", "lossless"] = "high"
    ready_family: Literal["aac", "opus"] = "aac"
    ready_hours: tuple[str, ...] = ("01:00-06:00",)
    ready_share: Annotated[int, msgspec.Meta(ge=1, le=90)] = 50


class Loudness(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    measure: bool = True
    measure_hours: tuple[str, ...] = ()
    measure_share: Annotated[int, msgspec.Meta(ge=1, le=100)] = 25
    target_lufs: Annotated[int, msgspec.Meta(ge=-40, le=-5)] = -18
    preamp_db: Annotated[int, msgspec.Meta(ge=-15, le=15)] = 0
    prefer_tags: bool = False


class Accounts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    session_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 30


class Discovery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    enabled: bool = True


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    level: Literal["debug", "info", "warning", "error"] = "info"
    file: bool = True


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    server: Server = Server()
    library: Library = Library()
    database: Database = Database()
    streaming: Streaming = Streaming()
    loudness: Loudness = Loudness()
    accounts: Accounts = Accounts()
    discovery: Discovery = Discovery()
    log: Log = Log()


SECTIONS: dict[str, type[msgspec.Struct]] = {
    field.name: type(field.default) for field in msgspec.structs.fields(Settings)
}


@dataclass(frozen=True, slots=True)
class Fault:
    source: str
    """The file, or the name of the environment variable or option."""
    key: str
    problem: str
    """What was expected and, where it is no secret, what was there."""

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.source, self.key, self.problem)))


class SettingsInvalid(Exception):
    """Everything that is wrong, at once."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def load(
    file: Path | None, environment: Mapping[str, str], options: Mapping[str, tuple[str, Any]] = _NO_OPTIONS
) -> Settings:
    """Defaults, then `file`, then MEDIASERVER_SECTION__KEY, then `options`, as {"--port": ("server.port", 80)}.

    Raises SettingsInvalid with every fault there is.
    """
    reading = _Reading()
    if file is not None:
        reading.from_file(file)
    reading.from_environment(environment)
    for option, (name, value) in options.items():
        section, _, key = name.partition(".")
        reading.take(option, section, key, value)
    reading.hold_together()
    if reading.faults:
        raise SettingsInvalid(reading.faults)
    return msgspec.convert(reading.values, Settings)


class _Reading:
    """Settings as they come together, and the faults that are found on the way."""

    def __init__(self) -> None:
        self.values: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
        self.faults: list[Fault] = []

    def from_file(self, file: Path) -> None:
        source = str(file)
        try:
            tables = tomllib.loads(file.read_bytes().decode())
        except OSError as error:
            self.faults.append(Fault(source, "", f"cannot be read: {error.strerror}"))
            return
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            self.faults.append(Fault(source, "", f"is not TOML: {error}"))
            return
        for section, table in tables.items():
            if section not in SECTIONS:
                self.faults.append(Fault(source, section, "no such section" + _hint(section, SECTIONS)))
            elif not isinstance(table, dict):
                self.faults.append(Fault(source, section, f"expected a section, written [{section}]"))
            else:
                for key, value in table.items():
                    self.take(source, section, key, value)

    def from_environment(self, environment: Mapping[str, str]) -> None:
        for variable in sorted(environment):
            if not variable.startswith(PREFIX) or variable.startswith(_NO_SETTINGS):
                continue
            section, separator, key = variable.removeprefix(PREFIX).lower().partition("__")
            if not separator or section not in SECTIONS or key not in _kinds(section):
                known = [f"{PREFIX}{one}__{name}".upper() for one in SECTIONS for name in _kinds(one)]
                self.faults.append(Fault(variable, "", "no such setting" + _hint(variable, known)))
                continue
            self.take(variable, section, key, _parsed(environment[variable], _kinds(section)[key]))

    def take(self, source: str, section: str, key: str, value: Any) -> None:
        """Keep the value, or the fault that is in it."""
        name, kinds = f"{section}.{key}", _kinds(section)
        if key not in kinds:
            self.faults.append(Fault(source, name, "no such setting" + _hint(key, kinds)))
            return
        try:
            msgspec.convert(value, kinds[key])
            problem = _impossible(name, value)
        except msgspec.ValidationError:
            # An address of a database holds a password.
            got = "something else" if name == "database.url" else _shown(value)
            problem = f"expected {_expected(kinds[key])}, got {got}"
        if problem:
            self.faults.append(Fault(source, name, problem))
        else:
            self.values[section][key] = value

    def hold_together(self) -> None:
        """What is right by itself and makes no sense beside the rest."""
        server = self.values["server"]
        tls = server.get("tls", "off")
        for key in ("tls_certificate", "tls_key"):
            if tls == "given" and not server.get(key):
                self.faults.append(Fault("", f"server.{key}", 'expected a file, for server.tls is "given"'))
            elif tls != "given" and server.get(key):
                self.faults.append(Fault("", f"server.{key}", f'is of use only with server.tls = "given", not "{tls}"'))
        if server.get("tls_hsts") and tls != "given":
            words = 'expected server.tls = "given" with it: browsers would shut out a server that goes back to http'
            self.faults.append(Fault("", "server.tls_hsts", words))


def _parsed(raw: str, kind: Any) -> Any:
    """What a variable's text means for a setting of this type; a list is JSON or separated by commas."""
    if kind is bool:
        words = {
            "true": True,
            "1": True,
            "yes": True,
            "on": True,
            "false": False,
            "0": False,
            "no": False,
            "off": False,
        }
        return words.get(raw.strip().lower(), raw)
    if get_origin(kind) is tuple:
        if raw.lstrip().startswith("["):
            try:
                return json.loads(raw)
            except ValueError:
                return raw
        return [part.strip() for part in raw.split(",") if part.strip()]
    if get_origin(kind) is Annotated and get_args(kind)[0] is int:
        return int(raw) if re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", raw) else raw
    return raw


def _expected(kind: Any) -> str:
    """A type in words."""
    limits = msgspec.Meta()
    if get_origin(kind) is Annotated:
        kind, limits = get_args(kind)
    if kind is bool:
        return "true or false"
    if kind is int:
        return f"a whole number from {limits.ge} to {limits.le}"
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(map(json.dumps, get_args(kind)))
    if get_origin(kind) is tuple:
        return "a list of texts"
    return f"a text of {limits.min_length} to {limits.max_length} characters" if limits.max_length else "a text"


def _impossible(name: str, value: Any) -> str | None:
    """What a type cannot say."""
    match name:
        case "server.host":
            return None if _is_host(value) else f"expected an address or a name of this machine, got {_shown(value)}"
        case "server.names":
            for one in value:
                if len(one) > 253 or not _HOST.fullmatch(one):
                    return f"expected names without scheme and port, as music.example.org, got {_shown(one)}"
        case "server.base_path":
            if value and not _BASE_PATH.fullmatch(value):
                return f'expected "" or a path as /music, without a slash at its end, got {_shown(value)}'
        case "server.trusted_proxies":
            for network in value:
                if not _is_network(network):
                    return f"expected addresses or networks such as 127.0.0.1 or 10.0.0.0/8, got {_shown(network)}"
        case "database.url":
            if value and not _is_postgres(value):
                return 'expected "" for SQLite or "postgresql://USER:PASSWORD@HOST/NAME"'
        case "server.tls_certificate" | "server.tls_key" | "streaming.cache_dir":
            if value and not _is_absolute(value):
                return f"expected a whole path, as /var/cache/music or ~/cache, got {_shown(value)}"
        case "library.scan_times":
            for time in value:
                if not _TIME.fullmatch(time):
                    return f"expected times of the day, as 03:30, got {_shown(time)}"
        case "loudness.measure_hours" | "streaming.ready_hours":
            for span in value:
                if not _SPAN.fullmatch(span):
                    return f"expected spans of the day, as 01:00-06:00, got {_shown(span)}"
        case "library.folders":
            for folder in value:
                if not _is_absolute(folder):
                    return f"expected whole paths, as /srv/music or ~/Music, got {_shown(folder)}"
            return nested(Path(folder).expanduser() for folder in value)
    return None


def nested(folders: Iterable[Path]) -> str | None:
    """What is wrong where one folder lies in another: its files would be scanned twice."""
    for one, other in itertools.permutations(dict.fromkeys(folders), 2):
        if one.is_relative_to(other):
            return f"expected folders apart from each other: {one} lies in {other}"
    return None


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return len(text) <= 253 and _HOST.fullmatch(text) is not None
    return True


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _is_postgres(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("postgresql", "postgres") and len(parts.path) > 1 and parts.port != 0
    except ValueError:
        return False


def _is_absolute(text: str) -> bool:
    if "\0" in text:
        return False
    try:
        return Path(text).expanduser().is_absolute()
    except RuntimeError:  # ~somebody who does not exist
        return False


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "a section"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"


def _kinds(section: str) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(SECTIONS[section])}


def _hint(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else ""
