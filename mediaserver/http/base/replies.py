"""JSON answers."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

_ENCODER = msgspec.json.Encoder()


def json(data: Any, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """`data` of plain types or dataclasses as JSON; never kept by a cache unless `headers` say so."""
    return web.Response(
        body=_ENCODER.encode(data),
        status=status,
        content_type="application/json",
        charset="utf-8",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def page(items: list[Any], next_cursor: str | None) -> web.Response:
    """A list as every list is answered: `{"items": [...], "next": cursor or null}`."""
    return json({"items": items, "next": next_cursor})
