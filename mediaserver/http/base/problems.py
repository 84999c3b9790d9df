"""Every failure in one shape, RFC 9457 problem details; the only place that gives the house's errors a status code."""

from __future__ import annotations

import logging
import math
from http import HTTPStatus
from typing import Annotated

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler
from msgspec import UNSET, Meta, UnsetType

from mediaserver.core import errors

log = logging.getLogger(__name__)

STATUS: dict[type[errors.MediaServerError], HTTPStatus] = {
    errors.Invalid: HTTPStatus.BAD_REQUEST,
    errors.Unauthenticated: HTTPStatus.UNAUTHORIZED,
    errors.Forbidden: HTTPStatus.FORBIDDEN,
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Gone: HTTPStatus.GONE,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.TooManyAttempts: HTTPStatus.TOO_MANY_REQUESTS,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.Damaged: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.WorkerFailed: HTTPStatus.INTERNAL_SERVER_ERROR,
}


CLIENT_GONE = 499
"""The status that is told of requests whose asker left, as nginx does."""


class Problem(msgspec.Struct):
    """What went wrong (RFC 9457)."""

    type: Annotated[str, Meta(examples=["about:blank"])]
    title: Annotated[str, Meta(description="the status in words", examples=["Bad Request"])]
    status: Annotated[int, Meta(examples=[400])]
    detail: Annotated[str, Meta(description="for people", examples=["limit must be between 1 and 500"])]
    field: Annotated[
        str | UnsetType, Meta(description="the part of the request that is to blame, if one is", examples=["limit"])
    ] = UNSET


def status_of(kind: type[errors.MediaServerError]) -> HTTPStatus:
    return next((STATUS[one] for one in kind.__mro__ if one in STATUS), HTTPStatus.INTERNAL_SERVER_ERROR)


def problem(
    status: int, detail: str, *, field: str | None = None, headers: dict[str, str] | None = None
) -> web.Response:
    """`application/problem+json`: type, title, status, detail, and field where one part of the input is to blame."""
    told = Problem("about:blank", HTTPStatus(status).phrase, status, detail, UNSET if field is None else field)
    return web.Response(
        body=msgspec.json.encode(told),
        status=status,
        content_type="application/problem+json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def of_error(error: errors.MediaServerError) -> web.Response:
    """The answer to a failure that the house can name."""
    headers = {}
    if isinstance(error, errors.Unavailable):
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    if isinstance(error, errors.Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"
    field = error.field if isinstance(error, errors.Invalid) else None
    return problem(status_of(type(error)), str(error), field=field, headers=headers)


@web.middleware
async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns whatever goes wrong below into a problem. What nobody foresaw is logged and told as a bare 500."""
    try:
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            # Not even what nobody reads: a small body may hold a gigabyte.
            return problem(415, "bodies are taken as they are, not compressed", headers={"Accept-Encoding": "identity"})
        return await handler(request)
    except errors.MediaServerError as error:
        if isinstance(error, errors.WorkerFailed):
            log.warning("%s %s: %s", request.method, request.path.split("/")[1], error)
        return of_error(error)
    except web.HTTPRedirection:
        raise
    except web.HTTPException as error:
        return of_http(error)
    except Exception as error:
        if isinstance(error, ConnectionError) and _is_gone(request):
            return web.Response(status=CLIENT_GONE)  # for the access log: there is nobody to be told
        log.exception("a request failed: %s /%s", request.method, request.path.split("/")[1])
        return problem(500, "the server made a mistake; its log says more")


def _is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def of_http(error: web.HTTPException) -> web.Response:
    """The answer to a failure that aiohttp names, in our words: its own would echo what was sent."""
    headers = {name: error.headers[name] for name in ("Allow", "Connection") if name in error.headers}
    return problem(error.status, _detail(error), headers=headers)


def _detail(error: web.HTTPException) -> str:
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return "the body is too large"
    if isinstance(error, web.HTTPRequestTimeout):
        return "the body came too slowly"
    if isinstance(error, web.HTTPNotFound):
        return "there is nothing at this address"
    if isinstance(error, web.HTTPMethodNotAllowed):
        return f"{error.method} is not possible here"
    return HTTPStatus(error.status).phrase
