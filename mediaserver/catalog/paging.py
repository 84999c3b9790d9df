"""Pages of lists, and their cursors: the sort key and id of the last item, so that a page is stable while the library
grows. A cursor is bound to its list, order and filters."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from mediaserver.core.errors import Invalid
from mediaserver.storage.database import NO_PARAMS, Database, Row

Key = list[str | int | None]
_REFUSAL = "the cursor is not one of this list, in this order and with these filters"


@dataclass(frozen=True, slots=True)
class Order:
    """By what a list is sorted, the id last, so that no two items are alike. None of the columns may be NULL."""

    columns: tuple[str, ...]
    """As SQL."""
    names: tuple[str, ...]
    """The same as they are called in a row."""
    shape: tuple[type, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed page by page."""

    name: str
    select: str
    """As SQL, up to its tables."""
    condition: str
    """As SQL: what every item meets."""
    filters: Mapping[str, str] = field(default_factory=dict)
    """By name of its parameter, as SQL: what an item has to meet where that is wanted."""


def mark(*of: object) -> str:
    """What binds a cursor to its list: name, order and filters of it, in eight hexadecimal digits."""
    return hashlib.blake2s(msgspec.json.encode(of), digest_size=4).hexdigest()


def encode(key: Key, bound: str) -> str:
    """`bound` is the list's `mark`."""
    return base64.urlsafe_b64encode(msgspec.json.encode([bound, *key])).rstrip(b"=").decode("ascii")


def decode(cursor: str, shape: Sequence[type], bound: str) -> Key:
    """The key, its parts of the types of `shape` (None is allowed for int).

    Raises Invalid(field="cursor") for what is none, and for that of another list, order or filter.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        found, *key = msgspec.json.decode(raw, type=list[str | int | None])
    except (UnicodeEncodeError, binascii.Error, ValueError, msgspec.MsgspecError) as error:
        raise Invalid(_REFUSAL, field="cursor") from error
    fits = len(key) == len(shape) and all(
        isinstance(part, kind) or (part is None and kind is int) for part, kind in zip(key, shape, strict=True)
    )
    if found != bound or not fits or not all(_storable(part) for part in key):
        raise Invalid(_REFUSAL, field="cursor")
    return key


def _storable(part: str | int | None) -> bool:
    """Whether every database takes it: no NUL, no lone surrogates, 64 bits."""
    if isinstance(part, str):
        return "\0" not in part and not any("\ud800" <= c <= "\udfff" for c in part)
    return part is None or abs(part) < 2**63


async def rows_of(
    database: Database,
    listing: Listing,
    order: Order,
    *,
    wanted: Mapping[str, int | None] = NO_PARAMS,
    limit: int,
    cursor: str | None,
    descending: bool = False,
) -> tuple[list[Row], str | None]:
    """At most `limit` rows, and the cursor of what follows, None at the end.

    `wanted` are the values of filters; None for one that does not hold. Raises Invalid(field="cursor").
    """
    given: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
    conditions = [listing.condition, *(listing.filters[name] for name in given)]
    bound = mark(listing.name, order.names, descending, sorted(given.items()))
    if cursor is not None:
        key = decode(cursor, order.shape, bound)
        conditions.append(_after(order.columns, descending=descending))
        given |= {f"after_{n}": part for n, part in enumerate(key)}
    direction = " DESC" if descending else ""
    rows = await database.all(
        f"{listing.select} WHERE {' AND '.join(conditions)}"
        f" ORDER BY {', '.join(column + direction for column in order.columns)} LIMIT :limit",
        {**given, "limit": limit + 1},
    )
    shown = list(rows[:limit])
    is_last = len(rows) <= limit or not shown
    return shown, None if is_last else encode([shown[-1][name] for name in order.names], bound)


def _after(columns: Sequence[str], *, descending: bool) -> str:
    """What follows the key `:after_0, ...` in the order of `columns`."""
    sign = "<" if descending else ">"
    return f"({', '.join(columns)}) {sign} ({', '.join(f':after_{n}' for n in range(len(columns)))})"
