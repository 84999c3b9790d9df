"""An original file as it was opened: one descriptor, one version, by sendfile where the loop can."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping

from aiohttp import web

from mediaserver.http.base.problems import problem
from mediaserver.http.base.ranges import http_date, judge
from mediaserver.views.playing import Original

log = logging.getLogger(__name__)

_PIECE_BYTES = 4 << 20  # between two looks at the file
_READ_BYTES = 256 * 1024


async def send(request: web.Request, original: Original, headers: Mapping[str, str]) -> web.StreamResponse:
    """Sends what was asked of it (a range, or nothing where the client has it) and closes it.

    The address is kept for a year, so no byte of another version may complete an answer: who replaces the file leaves
    the open one as it is, and where it is written over, the connection breaks before the announced end.
    """
    try:
        return await _send(request, original, headers)
    finally:
        asyncio.get_running_loop().run_in_executor(None, original.file.close)


def refused(status: int, size_bytes: int, headers: Mapping[str, str]) -> web.Response:
    """412 or 416 in words, with what the headers of the file say beside its type and length."""
    kept = {name: value for name, value in headers.items() if name not in ("Content-Type", "Content-Disposition")}
    if status == 412:
        return problem(412, "the file is another one by now", headers={**kept, "Cache-Control": "no-store"})
    told = {**kept, "Cache-Control": "no-store", "Content-Range": f"bytes */{size_bytes}"}
    return problem(416, f"the range lies outside of the file's {size_bytes} bytes", headers=told)


async def _send(request: web.Request, original: Original, headers: Mapping[str, str]) -> web.StreamResponse:
    size, tag = original.size_bytes, f'"{original.mtime_ns:x}-{original.size_bytes:x}"'
    verdict = judge(request.method, request.headers, size, tag=tag, modified_ns=original.mtime_ns)
    told = {**headers, "ETag": tag, "Last-Modified": http_date(original.mtime_ns), "Accept-Ranges": "bytes"}
    if verdict.status in (412, 416):
        return refused(verdict.status, size, told)
    if verdict.status == 304:
        return web.Response(status=304, headers=told)
    span = verdict.span
    if verdict.status == 206:
        told["Content-Range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    response = web.StreamResponse(status=verdict.status, headers=told)
    response.content_length = len(span)
    await response.prepare(request)
    if request.method == "HEAD" or not span:
        return response
    for at in range(span.start, span.stop, _PIECE_BYTES):
        count = min(_PIECE_BYTES, span.stop - at)
        if not await _piece(request, response, original, at, count):
            log.warning("an original file was changed while it was sent; the connection is broken off")
            if request.transport is not None:
                request.transport.abort()
            break
    return response


async def _piece(request: web.Request, response: web.StreamResponse, original: Original, at: int, count: int) -> bool:
    """Whether all of it went out, and is of the version that was opened."""
    loop = asyncio.get_running_loop()
    if request.transport is None:
        raise ConnectionResetError("the client has left")
    try:
        sent = await loop.sendfile(request.transport, original.file, at, count)
        return sent == count and await asyncio.to_thread(_is_unchanged, original)
    except NotImplementedError:  # uvloop has none; then nothing leaves unproved
        for start in range(at, at + count, _READ_BYTES):
            wanted = min(_READ_BYTES, at + count - start)
            body = await asyncio.to_thread(_proved, original, wanted, start)
            if body is None:
                return False
            await response.write(body)
        return True


def _proved(original: Original, count: int, at: int) -> bytes | None:
    """Bytes of the version that was opened; None where it is another by now."""
    body = os.pread(original.file.fileno(), count, at)
    return body if len(body) == count and _is_unchanged(original) else None


def _is_unchanged(original: Original) -> bool:
    stat = os.fstat(original.file.fileno())
    return (stat.st_size, stat.st_mtime_ns) == (original.size_bytes, original.mtime_ns)
