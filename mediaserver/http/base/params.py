"""Parameters of addresses, checked. What is wrong is Invalid and names the field."""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiohttp import web

from mediaserver.core.errors import Invalid, NotFound

LIMIT_DEFAULT, LIMIT_MAX = 100, 500
LARGEST = 2**63 - 1
LONGEST_TEXT = 1000
_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,12})?", re.ASCII)


def text(request: web.Request, name: str, *, default: str | None = None) -> str:
    """Raises Invalid where it is missing without a default, given twice, too long or holds a NUL."""
    values = request.query.getall(name, [])
    if not values:
        if default is None:
            raise Invalid(f"{name} is missing", field=name)
        return default
    if len(values) > 1:
        raise Invalid(f"{name} is given more than once", field=name)
    return checked_text(values[0], name)


def checked_text(value: str, name: str) -> str:
    """Text that every database takes: no NUL, no lone surrogates, at most 1,000 characters."""
    if len(value) > LONGEST_TEXT:
        raise Invalid(f"{name} is longer than {LONGEST_TEXT} characters", field=name)
    if "\0" in value or any("\ud800" <= c <= "\udfff" for c in value):
        raise Invalid(f"{name} holds a character that is none", field=name)
    return value


def integer(request: web.Request, name: str, *, default: int | None = None, least: int = 0, most: int = LARGEST) -> int:
    """Raises Invalid for what is no whole number between `least` and `most`."""
    raw = text(request, name, default="" if default is not None else None)
    if raw == "" and default is not None:
        return default
    if len(raw) > 20 or not raw.removeprefix("-").isascii() or not raw.removeprefix("-").isdigit():
        raise Invalid(f"{name} must be a whole number", field=name)
    number = int(raw)
    if not least <= number <= most:
        raise Invalid(f"{name} must be between {least} and {most}", field=name)
    return number


def decimal(request: web.Request, name: str, *, default: float, least: float, most: float) -> float:
    """Raises Invalid for what is no decimal number between `least` and `most`; an exponent is none."""
    raw = text(request, name, default="")
    if raw == "":
        return default
    if _DECIMAL.fullmatch(raw) is None:
        raise Invalid(f"{name} must be a number", field=name)
    if not least <= float(raw) <= most:
        raise Invalid(f"{name} must be between {least:g} and {most:g}", field=name)
    return float(raw)


def optional_integer(request: web.Request, name: str) -> int | None:
    """None where it is not given."""
    return integer(request, name) if name in request.query else None


def choice(request: web.Request, name: str, allowed: Sequence[str], *, default: str | None = None) -> str:
    """Raises Invalid for anything that is not one of `allowed`, and where it is missing without a default."""
    value = text(request, name, default=default)
    if value not in allowed:
        raise Invalid(f"{name} must be one of {', '.join(allowed)}", field=name)
    return value


def limit(request: web.Request) -> int:
    return integer(request, "limit", default=LIMIT_DEFAULT, least=1, most=LIMIT_MAX)


def cursor(request: web.Request) -> str | None:
    return text(request, "cursor", default="") or None


def path_id(request: web.Request, name: str = "id") -> int:
    """An id out of the path. Raises NotFound for what can be no id."""
    raw = request.match_info[name]
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 19 and int(raw) <= LARGEST):
        raise NotFound("there is nothing at this address")
    return int(raw)
