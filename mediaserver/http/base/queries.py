"""A query by its shape: each field is read by its type, with the words of `params`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import msgspec
from aiohttp import web
from msgspec.inspect import (
    Field,
    FloatType,
    IntType,
    LiteralType,
    Metadata,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
)

from mediaserver.http.base import params


def reader(shape: type) -> Callable[[web.Request], Any]:
    """What reads `shape`, a shapes.Query. Raises TypeError for a field of a type that has no form in an address."""
    told = cast(StructType, msgspec.inspect.type_info(shape))
    fields = {field.name: _field(field) for field in told.fields}
    return lambda request: shape(**{name: read(request) for name, read in fields.items()})


def _field(field: Field) -> Callable[[web.Request], Any]:
    name, kind, is_optional = field.encode_name, field.type, False
    kind = _plain(kind)
    if isinstance(kind, UnionType):
        (kind,) = (_plain(one) for one in kind.types if not isinstance(one, NoneType))
        is_optional = True
    default = None if field.default is msgspec.NODEFAULT else field.default
    match kind:
        case IntType(ge=least, le=most):
            limits = {"least": 0 if least is None else least, **({} if most is None else {"most": most})}
            if is_optional:
                return lambda r: params.integer(r, name, **limits) if name in r.query else None
            return lambda r: params.integer(r, name, default=default, **limits)
        case FloatType(ge=float() | int() as lowest, le=float() | int() as highest) if default is not None:
            return lambda r: params.decimal(r, name, default=default, least=lowest, most=highest)
        case LiteralType(values=values):
            allowed = tuple(str(value) for value in values)
            if is_optional:
                return lambda r: params.choice(r, name, allowed) if params.text(r, name, default="") else None
            return lambda r: params.choice(r, name, allowed, default=default)
        case StrType():
            if is_optional:
                return lambda r: params.text(r, name, default="") or None
            return lambda r: params.text(r, name, default=default)
    raise TypeError(f"{name}: an address has no {kind}")


def _plain(kind: Type) -> Type:
    return kind.type if isinstance(kind, Metadata) else kind
