"""Renditions of constant bit rate, MP3 and Opus in Ogg, of which progressive streams are made. Pure.

Their segments are packets behind each other, and no playlist names them.
"""

from __future__ import annotations

from dataclasses import replace

from mediaserver.core.errors import NotFound
from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import untouched
from mediaserver.streaming.ladder import OPUS_RUNGS, Ladder, Recipe, Rendition, Rung

MP3_RUNGS = tuple(Rung("mp3", rank, bps, bps, bps) for rank, bps in ((18, 128_000), (28, 192_000), (40, 320_000)))
OGG_OPUS_RUNGS = tuple(Rung("oggopus", one.rank, one.quality, one.quality, one.quality) for one in OPUS_RUNGS)
"""Of the rates of HLS, but of constant ones, without which no byte has its place before it is made.

The quality of both families is the bit rate of stereo; mono has half of it.
"""
RUNGS: dict[str, tuple[Rung, ...]] = {"mp3": MP3_RUNGS, "oggopus": OGG_OPUS_RUNGS}
"""By family, the lowest first; every sound has them all."""
MP3_PACKET_SAMPLES = 1152
_MP3_PRIMING_SAMPLES = 1105  # of LAME: 576, and the 529 by which every decoder is late
_MP3_PER_SEGMENT = 6 * 49  # LAME's padding repeats after 49 frames at 44.1 kHz: there an encoder may begin
_OPUS_PER_SEGMENT = 500  # ten pages of a second


def rate_bps(rendition: Rendition) -> int:
    return rendition.rung.quality if rendition.channels == 2 else rendition.rung.quality // 2


def mp3_rate_hz(rate_hz: int) -> int:
    """The rate at which MP3 is made: of MPEG-1's three, so that a frame is always 1152 samples."""
    if rate_hz % 11_025 == 0:
        return 44_100
    return 32_000 if rate_hz <= 32_000 and 32_000 % rate_hz == 0 else 48_000


def rendition(index: PacketIndex, rung: Rung) -> Rendition:
    """That of one of RUNGS."""
    is_mp3 = rung.family == "mp3"
    rate_hz = mp3_rate_hz(index.rate_hz) if is_mp3 else untouched.OPUS_RATE_HZ
    return Rendition(
        rung,
        rate_hz,
        min(2, index.channels),
        0,
        -(-index.length_samples * rate_hz // index.rate_hz),
        MP3_PACKET_SAMPLES if is_mp3 else untouched.OPUS_PACKET_SAMPLES,
        _MP3_PRIMING_SAMPLES if is_mp3 else untouched.OPUS_PRIMING_SAMPLES,
        _MP3_PER_SEGMENT if is_mp3 else _OPUS_PER_SEGMENT,
        is_passthrough=False,
    )


def of_recipe(ladder: Ladder, index: PacketIndex, recipe: Recipe) -> Rendition:
    """The rendition that a recipe of any family names for this sound. Raises NotFound as `Ladder.rendition`."""
    if recipe.family not in RUNGS:
        return ladder.rendition(index, recipe)
    for rung in RUNGS[recipe.family]:
        if ladder.recipe(rung) == recipe:
            return replace(rendition(index, rung), shape=recipe.shape)
    raise NotFound("there is no such rendition")


def current_hash(ladder: Ladder, recipe: Recipe) -> str:
    """As `Ladder.current_hash`, of any family."""
    if recipe.family not in RUNGS:
        return ladder.current_hash(recipe)
    return next((ladder.recipe(rung).hash for rung in RUNGS[recipe.family] if rung.rank == recipe.rank), "")
