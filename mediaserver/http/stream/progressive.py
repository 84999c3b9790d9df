"""A progressive stream as it is asked for: whole, one range or several, in pieces that the client takes one by one.

Only the piece that is being sent is in memory, and the next is not fetched before it was taken: a slow client holds
nothing but its own connection, and nothing is made any more for one that has left.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping
from hashlib import sha256

from aiohttp import web

from mediaserver.core.errors import MediaServerError
from mediaserver.http.base.ranges import judge
from mediaserver.http.stream import whole
from mediaserver.streaming.progressive import Stream

log = logging.getLogger(__name__)

_MOST_RANGES = 16


async def send(request: web.Request, stream: Stream, headers: Mapping[str, str]) -> web.StreamResponse:
    """Sends what was asked of it. Raises as `Stream.body` does, until the first bytes have left; from then on a failure
    breaks the connection before the announced end."""
    told = {**headers, "Content-Type": stream.content_type}
    if not stream.is_sized:
        # It is made just now. Nobody can say how long it will be, and ranges wait until it is known.
        told |= {"Accept-Ranges": "none", "Cache-Control": "no-store"}
        return await _sent(request, web.StreamResponse(headers=told), stream.body(range(0)))
    size = stream.size_bytes
    verdict = judge(request.method, request.headers, size, tag=stream.tag, most_ranges=_MOST_RANGES)
    told |= {"ETag": stream.tag, "Accept-Ranges": "bytes"}
    if verdict.status in (412, 416):
        return whole.refused(verdict.status, size, told)
    if verdict.status == 304:
        return web.Response(status=304, headers=told)
    if verdict.more:
        return await _several(request, stream, verdict.more, told)
    if verdict.status == 206:
        told["Content-Range"] = f"bytes {verdict.span.start}-{verdict.span.stop - 1}/{size}"
    response = web.StreamResponse(status=verdict.status, headers=told)
    response.content_length = len(verdict.span)
    return await _sent(request, response, stream.body(verdict.span))


async def _several(
    request: web.Request, stream: Stream, spans: tuple[range, ...], headers: Mapping[str, str]
) -> web.StreamResponse:
    """multipart/byteranges (RFC 9110, 14.6), of a length that is known."""
    boundary = sha256(f"{stream.tag}{spans}".encode()).hexdigest()[:32]
    heads = [
        (
            f"\r\n--{boundary}\r\nContent-Type: {stream.content_type}\r\n"
            f"Content-Range: bytes {span.start}-{span.stop - 1}/{stream.size_bytes}\r\n\r\n"
        ).encode("ascii")
        for span in spans
    ]
    tail = f"\r\n--{boundary}--\r\n".encode("ascii")

    async def body() -> AsyncIterator[bytes]:
        for head, span in zip(heads, spans, strict=True):
            is_first = True
            async for piece in stream.body(span):
                yield head + piece if is_first else piece
                is_first = False
        yield tail

    response = web.StreamResponse(status=206, headers=headers)
    response.headers["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    response.content_length = sum(map(len, heads)) + sum(map(len, spans)) + len(tail)
    return await _sent(request, response, body())


async def _sent(request: web.Request, response: web.StreamResponse, body: AsyncIterator[bytes]) -> web.StreamResponse:
    if request.method == "HEAD":
        await response.prepare(request)
        return response
    first = await anext(body, b"")  # before anything is said: what cannot be made is told in words
    await response.prepare(request)
    await response.write(first)
    try:
        async for piece in body:
            await response.write(piece)
    except MediaServerError as error:
        log.warning("a stream could not be made on while it was sent; the connection is broken off: %s", error)
        if request.transport is not None:
            request.transport.abort()
    return response
