"""What the shapes of all doors are made of: answers, bodies, queries, lists.

A field's type is what is read and answered, and what the API's document says. `Meta(description=...)` is for what the
name does not tell, `examples` for what a type does not show. The rules of names and passwords stand in the rooms; a
shape repeats them by `told`, for the document alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, Protocol, Self, TypeVar

import msgspec
from msgspec import Meta

from mediaserver.http.base.params import LIMIT_DEFAULT, LIMIT_MAX

S = TypeVar("S")
T = TypeVar("T")
S_co = TypeVar("S_co", covariant=True)

Limit = Annotated[int, Meta(ge=1, le=LIMIT_MAX, description="how many items at most")]
AtMs = Annotated[int, Meta(description="milliseconds since 1970 (UTC)", examples=[1795529868178])]


def told(description: str = "", *, examples: list[Any] | None = None, **schema: Any) -> Meta:
    """For the document alone: `schema` is JSON Schema that nothing here enforces, for a room does."""
    return Meta(description=description or None, examples=examples, extra_json_schema=schema or None)


class Shape(msgspec.Struct):
    """Base of what is answered."""

    @classmethod
    def of(cls, one: object, **more: Any) -> Self:
        """From a value that has the fields as attributes by their Python names, but for those in `more`.

        Raises msgspec.ValidationError where an attribute is missing or of another type: a fault of the program.
        """
        if not more:
            return msgspec.convert(one, cls, from_attributes=True)
        fields = msgspec.structs.fields(cls)
        values = {f.encode_name: more[f.name] if f.name in more else getattr(one, f.name) for f in fields}
        return msgspec.convert(values, cls, from_attributes=True)


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """Base of what is read from a body."""


class Query(msgspec.Struct, kw_only=True):
    """Base of what is read from an address behind the question mark. What it does not name is ignored."""


class Paging(Query):
    limit: Limit = LIMIT_DEFAULT
    cursor: Annotated[str, Meta(description="`next` of the page before")] | None = None


class Page(msgspec.Struct, Generic[T]):
    """One page of a list."""

    items: list[T]
    next: Annotated[str | None, Meta(description="the cursor of the next page; null on the last", examples=[None])]


class _Pageful(Protocol[S_co]):
    @property
    def items(self) -> tuple[S_co, ...]: ...
    @property
    def next(self) -> str | None: ...


def page(found: _Pageful[S], shape: Callable[[S], T]) -> Page[T]:
    return Page([shape(one) for one in found.items], found.next)
