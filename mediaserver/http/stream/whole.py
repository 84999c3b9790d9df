"""An original file as it was opened: one descriptor, one version, read in pieces by threads of its disk.

Not by sendfile, which reads in the thread of the event loop: a disk that hangs would hold the whole server.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from aiohttp import web

from mediaserver.core.folders import FolderAway
from mediaserver.http.base.problems import problem
from mediaserver.http.base.ranges import http_date, judge
from mediaserver.views.playing import Original

log = logging.getLogger(__name__)

_PIECE_BYTES = 256 * 1024


async def send(request: web.Request, original: Original, headers: Mapping[str, str]) -> web.StreamResponse:
    """Sends what was asked of it (a range, or nothing where the client has it) and closes it.

    The address is kept for a year, so no byte of another version may complete an answer: who replaces the file leaves
    the open one as it is, and where it is written over, the connection breaks before the announced end.
    """
    try:
        return await _send(request, original, headers)
    finally:
        original.close()


def refused(status: int, size_bytes: int, headers: Mapping[str, str]) -> web.Response:
    """412 or 416 in words, with what the headers of the file say beside its type and length."""
    kept = {name: value for name, value in headers.items() if name not in ("Content-Type", "Content-Disposition")}
    if status == 412:
        return problem(412, "the file is another one by now", headers={**kept, "Cache-Control": "no-store"})
    told = {**kept, "Cache-Control": "no-store", "Content-Range": f"bytes */{size_bytes}"}
    return problem(416, f"the range lies outside of the file's {size_bytes} bytes", headers=told)


async def _send(request: web.Request, original: Original, headers: Mapping[str, str]) -> web.StreamResponse:
    size, mtime_ns = original.looked.size_bytes, original.looked.mtime_ns
    tag = f'"{mtime_ns:x}-{size:x}"'
    verdict = judge(request.method, request.headers, size, tag=tag, modified_ns=mtime_ns)
    told = {**headers, "ETag": tag, "Last-Modified": http_date(mtime_ns), "Accept-Ranges": "bytes"}
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
        try:
            body = await original.read(min(_PIECE_BYTES, span.stop - at), at)
            reason = "was changed"
        except (FolderAway, OSError) as error:
            body, reason = None, f"could not be read on ({error})"
        if body is None:  # nothing leaves unproved
            log.warning("an original file %s while it was sent; the connection is broken off", reason)
            if request.transport is not None:
                request.transport.abort()
            break
        await response.write(body)
    return response
