"""GET /e/TOKEN/DIGEST/RECIPE/FILE: signed media, for players that send no header."""

from __future__ import annotations

from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta

from mediaserver.accounts import signing
from mediaserver.accounts.addresses import Addresses
from mediaserver.core.errors import Damaged, Forbidden, Gone, NotFound, TooManyAttempts, WorkerFailed
from mediaserver.http.base.endpoints import Door
from mediaserver.http.base.ranges import judge
from mediaserver.http.base.shapes import Query
from mediaserver.http.stream import progressive, whole
from mediaserver.streaming import Streaming, originals
from mediaserver.streaming.ladder import RANK_ORIGINAL, SEGMENT_S, Recipe, parse_recipe
from mediaserver.streaming.progressive import FILES as STREAMS
from mediaserver.streaming.segments import Media
from mediaserver.views.playing import Playing

_IMMUTABLE = "public, max-age=31536000, immutable"
_SHORT = "private, max-age=60"
_PREFLIGHT = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Range",
    "Access-Control-Max-Age": "86400",
}
_LONGEST_S = 7 * 86_400
_EXPOSED = {"Access-Control-Expose-Headers": "Content-Length, Content-Range, ETag"}


class Wished(Query):
    """Of a progressive stream, by the names that the Subsonic API has for it."""

    timeOffset: Annotated[
        int,
        Meta(ge=0, le=_LONGEST_S, description="seconds left out at the beginning, of MP3 and Opus streams"),
    ] = 0
    estimateContentLength: Annotated[
        Literal["true", "false"],
        Meta(description="changes nothing: the length is told where it is known, and it is never a guess"),
    ] = "false"


def routes(addresses: Addresses, streaming: Streaming, playing: Playing) -> list[web.AbstractRouteDef]:
    door = Door("Media", "What signed addresses lead to: playlists, segments, original files.")
    path = "/e/{token}/{digest}/{recipe}/{file}"

    @door(
        f"GET {path}",
        content=["application/vnd.apple.mpegurl", "application/dash+xml", "audio/mp4", "audio/*"],
        also={
            206: "one range; of streams several, as `multipart/byteranges`",
            304: "`If-None-Match` has the file's ETag",
            412: "`If-Match` has another ETag",
            416: "the range lies outside",
        },
        raises=[Forbidden, Gone, Damaged, WorkerFailed, TooManyAttempts],
    )
    async def media(request: web.Request, query: Wished) -> web.StreamResponse:
        """A playlist, a manifest, a segment, a progressive stream or an original file.

        Addresses come from `playback` and from playlists, and need no header: the token in them is signed, and ends
        with the session or token that asked. `Range` is answered for all of it.
        """
        info = request.match_info
        token, digest, recipe, file = info["token"], info["digest"], parse_recipe(info["recipe"]), info["file"]
        cap = await addresses.check(token, digest, rank=recipe.rank)
        is_original = recipe.family == originals.FAMILY
        if is_original and recipe.rank != RANK_ORIGINAL:  # what was checked above must be the rank of what is sent
            raise NotFound("there is nothing at this address")
        who = signing.parse(token, digest).grant
        is_sound = is_original or file in STREAMS.values() or file.endswith(".m4s")
        if request.method == "HEAD" or not is_sound:
            return await answer(request, query, recipe, who, cap)
        holder = await addresses.holder(who)
        if holder is None:
            raise Forbidden(signing.REFUSAL)
        with streaming.audience.fetching(holder.user_id, who, digest, most=holder.max_streams) as sent:
            answered = await answer(request, query, recipe, who, cap)
            sent(SEGMENT_S if file.endswith(".m4s") else 0, answered.content_length or 0)
            return answered

    async def answer(request: web.Request, query: Wished, recipe: Recipe, who: str, cap: int) -> web.StreamResponse:
        digest, file = request.match_info["digest"], request.match_info["file"]
        if recipe.family == originals.FAMILY:
            return await original(request, digest, recipe.hash, file)

        def is_there() -> bool:
            return request.transport is not None

        if file in STREAMS.values():
            stream = await streaming.streams.open(
                digest, str(recipe), file, offset_s=query.timeOffset, who=who, is_there=is_there
            )
            return await progressive.send(request, stream, {"Cache-Control": _IMMUTABLE, **_EXPOSED})
        found = await streaming.segments.get(digest, str(recipe), file, cap=cap, who=who, is_there=is_there)
        return _whole(request, found, f'"{digest}/{recipe}/{file}"')

    async def original(request: web.Request, digest: str, version: str, file: str) -> web.StreamResponse:
        found = await playing.original(digest, version, file)
        headers = {
            "Cache-Control": _IMMUTABLE,
            "Content-Type": found.content_type,
            "Content-Disposition": f'inline; filename="{file}"',  # letters, digits and .-_ alone: it was compared
            **_EXPOSED,
        }
        return await whole.send(request, found, headers)

    async def options(request: web.Request) -> web.Response:
        return web.Response(status=204, headers=_PREFLIGHT)

    return [*door.endpoints, web.options(path, options)]


def _whole(request: web.Request, media: Media, tag: str) -> web.Response:
    """A body of which one range may be asked; it leaves in one piece. What an address names never changes, and so
    the address itself is the ETag (RFC 9110, 8.8.3)."""
    headers = {
        "Cache-Control": _IMMUTABLE if media.is_immutable else _SHORT,
        "Content-Type": media.content_type,
        "Accept-Ranges": "bytes",
        **_EXPOSED,
    }
    size = len(media.body)
    verdict = judge(request.method, request.headers, size, tag=tag if media.is_immutable else None)
    if media.is_immutable:
        headers["ETag"] = tag
    if verdict.status in (412, 416):
        return whole.refused(verdict.status, size, headers)
    if verdict.status == 206:
        headers["Content-Range"] = f"bytes {verdict.span.start}-{verdict.span.stop - 1}/{size}"
    body = media.body if verdict.status == 200 else media.body[verdict.span.start : verdict.span.stop]
    return web.Response(status=verdict.status, body=body or None, headers=headers)
