"""JSON bodies, read into shapes. What is wrong is Invalid and names the field."""

from __future__ import annotations

import asyncio
import re
from typing import TypeVar

import msgspec
from aiohttp import ClientPayloadError, web

from mediaserver.core.errors import Invalid
from mediaserver.http.base.connections import LIMITS, Connection

LARGEST_BYTES = 1024 * 1024
LONGEST_TEXT = 1024
S = TypeVar("S")
_AT = re.compile(r" - at `\$\.?([^`]*)`")


async def _raw(request: web.Request) -> bytes:
    """All of it, or one byte more than is taken. Who sends too slowly is let go."""
    connection = request.protocol if isinstance(request.protocol, Connection) else None
    try:
        if connection is not None:
            connection.awaits_body = True
        raw = b""
        async with asyncio.timeout((connection.limits if connection is not None else LIMITS).body_s):
            while len(raw) <= LARGEST_BYTES and not request.content.at_eof():
                raw += await request.content.read(LARGEST_BYTES + 1 - len(raw))
        return raw
    except TimeoutError as error:
        raise web.HTTPRequestTimeout(headers={"Connection": "close"}) from error
    except (web.RequestPayloadError, ClientPayloadError) as error:
        raise Invalid("the body is not what its headers say") from error
    finally:
        if connection is not None:
            connection.awaits_body = False


async def read(request: web.Request, shape: type[S]) -> S:
    """The body as `shape`, a msgspec.Struct. Raises Invalid for anything else."""
    if request.content_type != "application/json":
        raise Invalid("the body must be application/json")
    raw = await _raw(request) if request.can_read_body else b""
    if len(raw) > LARGEST_BYTES:
        raise web.HTTPRequestEntityTooLarge(max_size=LARGEST_BYTES, actual_size=len(raw))
    try:
        shaped = msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as error:
        message = str(error)
        at = _AT.search(message)
        missing = re.search(r"missing required field `([^`]*)`|unknown field `([^`]*)`", message)
        field = (missing and (missing.group(1) or missing.group(2))) or (at and at.group(1)) or None
        raise Invalid(_AT.sub("", message), field=field) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("the body is not JSON") from error
    for name in getattr(shape, "__struct_fields__", ()):
        value = getattr(shaped, name)
        if isinstance(value, str) and len(value) > LONGEST_TEXT:
            raise Invalid(f"{name} is longer than {LONGEST_TEXT} characters", field=name)
        if isinstance(value, str) and ("\0" in value or any("\ud800" <= c <= "\udfff" for c in value)):
            raise Invalid(f"{name} holds a character that is none", field=name)
    return shaped
