"""What a player says of itself in an address, and the offers that it is told: of all requests for playback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from mediaserver.http.base.basepath import address
from mediaserver.http.base.shapes import Query, Shape
from mediaserver.streaming import abilities
from mediaserver.streaming.abilities import CODECS, WAYS, Abilities, Way
from mediaserver.views import offered
from mediaserver.views.levels import Baked

Most = Annotated[int, Meta(ge=1, le=10**9)]


class PlayerAsked(Query):
    """What the player is able to. What is not said is taken from what is known of it by its `User-Agent`."""

    codecs: Annotated[
        str,
        Meta(description=f"that it decodes, the preferred one first: of {', '.join(CODECS)}", examples=["flac,aac"]),
    ] = ""
    ways: Annotated[
        str, Meta(description=f"that it takes, the preferred one first: of {', '.join(WAYS)}", examples=["hls,direct"])
    ] = ""
    max_rate_hz: Most | None = None
    max_bit_depth: Most | None = None
    max_channels: Most | None = None
    max_bitrate_bps: Most | None = None
    lossless: Annotated[
        Literal["true", "false"] | None, Meta(description="whether lossless sound goes before all else")
    ] = None
    level: Annotated[
        Literal["track", "album", "smart"] | None,
        Meta(description="bakes the gain of this levelling into all but `direct`, for players that apply none"),
    ] = None
    preamp_db: Annotated[float, Meta(ge=-12, le=12, description="on top of what `level` leads to", examples=[0.0])] = (
        0.0
    )
    night: Annotated[
        Literal["true", "false"],
        Meta(description="`true` bakes in less range, for the night: what is soft comes up, what is loud goes down"),
    ] = "false"


class Offer(Shape):
    """One way to play it."""

    way: Annotated[Way, Meta(examples=["hls"])]
    name: Annotated[
        str,
        Meta(description="its key in `hls` or `stream`; `flac16` for FLAC of 16 bits; else empty", examples=["flac"]),
    ]
    address: Annotated[str, Meta(examples=["/e/TOKEN/DIGEST/RECIPE/main.m3u8"])]
    codec: Annotated[str, Meta(examples=["flac"])]
    is_lossless: Annotated[bool, Meta(examples=[True])] = msgspec.field(name="lossless")
    is_untouched: Annotated[bool, Meta(description="what the file holds, not encoded")] = msgspec.field(
        name="untouched"
    )
    rate_hz: Annotated[int, Meta(examples=[44100])]
    bit_depth: Annotated[int | None, Meta(description="of lossless sound", examples=[16])]
    channels: Annotated[int, Meta(examples=[2])]
    bitrate_bps: Annotated[int, Meta(description="that it takes at most in the mean", examples=[1467648])]
    plays: Annotated[bool, Meta(description="whether the player is able to play it, as far as is known")]
    reason: Annotated[str, Meta(examples=["FLAC as the file holds it"])]


def player(request: web.Request, query: PlayerAsked) -> Abilities:
    """Raises Invalid for words that there are not."""
    told = abilities.known(request.headers.get("User-Agent", ""))
    limits = ("max_rate_hz", "max_bit_depth", "max_channels")
    said: dict[str, object] = {name: value for name in limits if (value := getattr(query, name)) is not None}
    if query.codecs:
        said["codecs"] = abilities.listed(query.codecs, CODECS, "codecs")
    if query.ways:
        said["ways"] = abilities.listed(query.ways, WAYS, "ways")
    if query.max_bitrate_bps is not None:
        said["max_bps"] = query.max_bitrate_bps
    if query.lossless is not None:
        said["wants_lossless"] = query.lossless == "true"
    return replace(told, **said, is_known=told.is_known or bool(query.codecs))  # type: ignore[arg-type]


def baked(query: PlayerAsked) -> Baked:
    """What is to be baked in."""
    return Baked(query.level, query.preamp_db if query.level is not None else 0.0, query.night == "true")


def told(found: Sequence[offered.Offered]) -> list[Offer]:
    return [Offer.of(one, address=address(one.address)) for one in found]
