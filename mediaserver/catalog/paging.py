"""Cursors: the sort key and id of the last item, so that a page is stable while the library grows."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from mediaserver.catalog.shapes import Page
from mediaserver.core.errors import Invalid
from mediaserver.storage.database import Row

T = TypeVar("T")
Key = list[str | int | None]


def encode(key: Key) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode("ascii")


def decode(cursor: str, shape: Sequence[type]) -> Key:
    """The key, its parts of the types of `shape` (None is allowed for int). Raises Invalid(field="cursor")."""
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        key = msgspec.json.decode(raw, type=list[str | int | None])
    except (UnicodeEncodeError, binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise Invalid("the cursor is not one of this list", field="cursor") from error
    fits = len(key) == len(shape) and all(
        isinstance(part, kind) or (part is None and kind is int) for part, kind in zip(key, shape, strict=True)
    )
    if not fits or not all(_storable(part) for part in key):
        raise Invalid("the cursor is not one of this list", field="cursor")
    return key


def _storable(part: str | int | None) -> bool:
    """Whether every database takes it: no NUL, no lone surrogates, 64 bits."""
    if isinstance(part, str):
        return "\0" not in part and not any("\ud800" <= c <= "\udfff" for c in part)
    return part is None or abs(part) < 2**63


def page_of(rows: Sequence[Row], limit: int, item: Callable[[Row], T], key: Callable[[Row], Key]) -> Page[T]:
    """`rows` holds one more than `limit` where there is a next page."""
    shown = rows[:limit]
    following = encode(key(shown[-1])) if len(rows) > limit and shown else None
    return Page(tuple(item(row) for row in shown), following)


def after(columns: Sequence[str], key: Key, *, descending: bool) -> tuple[str, Mapping[str, Any]]:
    """`WHERE` text and parameters for what follows `key` in the order of `columns`; none of them may be NULL."""
    sign = "<" if descending else ">"
    names = ", ".join(f":after_{n}" for n in range(len(columns)))
    return f"({', '.join(columns)}) {sign} ({names})", {f"after_{n}": part for n, part in enumerate(key)}
