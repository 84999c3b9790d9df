"""JSON answers, and answers that a browser keeps as long as they have not changed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec
from aiohttp import web

T = TypeVar("T")
_ENCODER = msgspec.json.Encoder()


class Answer(web.Response, Generic[T]):
    """A shape as JSON, or nothing for None; never kept by a cache unless `headers` say so."""

    def __init__(self, shape: T, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        told = {"Cache-Control": "no-store", **(headers or {})}
        if shape is None:
            super().__init__(status=status, headers=told)
            return
        super().__init__(
            body=_ENCODER.encode(shape),
            status=status,
            content_type="application/json",
            charset="utf-8",
            headers=told,
        )


def json(data: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """`data` of plain types or dataclasses as JSON; never kept by a cache unless `headers` say so."""
    return Answer(data, status=status, headers=headers)


def page(items: list[Any], next_cursor: str | None) -> web.Response:
    """A list as every list is answered: `{"items": [...], "next": cursor or null}`."""
    return json({"items": items, "next": next_cursor})


def revalidated(request: web.Request, response: web.Response) -> web.Response:
    """`response` with an ETag out of its body, or 304 where the client has it already (RFC 9110, 13.1.2).

    For what is no secret: browsers keep it, and ask each time whether it still holds.
    """
    if not isinstance(response.body, bytes):
        return response
    tag = hashlib.blake2b(response.body, digest_size=12).hexdigest()
    headers = {"ETag": f'"{tag}"', "Cache-Control": "private, no-cache"}
    known = request.if_none_match or ()
    if not any(one.value in (tag, "*") for one in known):
        response.headers.update(headers)
        return response
    return web.Response(status=304, headers=headers)
