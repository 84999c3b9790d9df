"""Which renditions there are, and what each is called. Pure.

A recipe is `FAMILY.RANK.HASH`: the hash stands for everything that decides the bytes, so that an address never
changes its content. Ranks grow with quality over all families and are what a signed address is capped by.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mediaserver.core.errors import NotFound
from mediaserver.media.packets import PacketIndex

Family = Literal["aac", "flac"]

CODE_VERSION = 2
"""Raised whenever this room would make other bytes from the same settings."""
RANK_FLAC, RANK_FLAC_HIRES, RANK_ORIGINAL = 70, 80, 90
SEGMENT_S = 4

_RECIPE = re.compile(r"([a-z0-9]{1,12})\.([0-9]{2})\.([a-z0-9-]{1,32})", re.ASCII)
_AAC_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


@dataclass(frozen=True, slots=True)
class Rung:
    """One quality of a family. Its bandwidths are declared constants: VBR follows the content, nodes must agree."""

    family: Family
    rank: int
    quality: int
    """AAC: `global_quality` in lambda units; FLAC: 0."""
    bandwidth_bps: int
    average_bps: int


AAC_RUNGS = (
    Rung("aac", 10, 59, 80_000, 70_000),
    Rung("aac", 20, 148, 160_000, 130_000),
    Rung("aac", 30, 350, 340_000, 300_000),
)


@dataclass(frozen=True, slots=True)
class Rendition:
    """One rung for one sound: the whole arithmetic of its timeline."""

    rung: Rung
    rate_hz: int
    channels: int
    bit_depth: int
    """Of FLAC; 0 for lossy families."""
    length_samples: int
    """Audible, at `rate_hz`."""
    packet_samples: int
    priming_samples: int
    packets_per_segment: int
    is_passthrough: bool
    """The packets are the source's own."""

    @property
    def packet_count(self) -> int:
        return -(-(self.length_samples + self.priming_samples) // self.packet_samples)

    @property
    def segment_count(self) -> int:
        return -(-self.packet_count // self.packets_per_segment)

    def segment_packets(self, n: int) -> range:
        """Packets of segment `n`, end exclusive. Raises NotFound past the last segment."""
        if not 0 <= n < self.segment_count:
            raise NotFound("there is no such segment")
        first = n * self.packets_per_segment
        return range(first, min(first + self.packets_per_segment, self.packet_count))

    def segment_samples(self, n: int) -> int:
        """Audible samples of segment `n`: the first lacks the priming, the last the padding (RFC 8216, 4.3.2.1)."""
        packets = self.segment_packets(n)
        start = max(0, packets.start * self.packet_samples - self.priming_samples)
        stop = min(self.length_samples, packets.stop * self.packet_samples - self.priming_samples)
        return max(0, stop - start)


@dataclass(frozen=True, slots=True)
class Recipe:
    family: str
    rank: int
    hash: str

    def __str__(self) -> str:
        return f"{self.family}.{self.rank:02d}.{self.hash}"


def parse_recipe(text: str) -> Recipe:
    """The form only; raises NotFound for anything else."""
    match = _RECIPE.fullmatch(text)
    if match is None:
        raise NotFound("there is nothing at this address")
    return Recipe(match[1], int(match[2]), match[3])


def aac_rate_hz(rate_hz: int) -> int:
    """The rate at which AAC is made: 44.1 and 48 kHz and their multiples end there, low rates stay."""
    if rate_hz in _AAC_RATES_HZ:
        return rate_hz
    if rate_hz > 48_000:
        return 44_100 if rate_hz % 44_100 == 0 else 48_000
    return next(rate for rate in _AAC_RATES_HZ if rate >= rate_hz)


def aac_rendition(index: PacketIndex, rung: Rung) -> Rendition:
    rate_hz = aac_rate_hz(index.rate_hz)
    return Rendition(
        rung,
        rate_hz,
        min(2, index.channels),
        0,
        -(-index.length_samples * rate_hz // index.rate_hz),
        1024,
        1024,
        round(SEGMENT_S * rate_hz / 1024),
        is_passthrough=False,
    )


def flac_rung(index: PacketIndex) -> Rung:
    """FLAC's one rung for this sound: hi-res above 48 kHz or 16 bits. Made or passed through, PCM's rate bounds it."""
    bit_depth = index.bit_depth or 16
    rank = RANK_FLAC if index.rate_hz <= 48_000 and bit_depth <= 16 else RANK_FLAC_HIRES
    pcm_bps = index.rate_hz * index.channels * (16 if bit_depth <= 16 else 24)
    return Rung("flac", rank, 0, pcm_bps + pcm_bps // 50, pcm_bps * 7 // 10)


def has_flac(index: PacketIndex) -> bool:
    """Whether the sound is lossless and FLAC frames can name its rate (RFC 9639, 9.1.2) and channels."""
    rate_hz = index.rate_hz
    is_named = rate_hz < 1 << 16 or rate_hz % 1000 == 0 or (rate_hz % 10 == 0 and rate_hz <= 192_000)
    return index.is_lossless and index.channels <= 8 and 1 <= rate_hz <= 192_000 and is_named


def flac_rendition(index: PacketIndex) -> Rendition:
    """Raises NotFound for a lossy sound, or one that FLAC in MP4 cannot hold."""
    if not has_flac(index):
        raise NotFound("this sound has no lossless rendition")
    block = _fixed_block(index)
    samples = block or 4096
    return Rendition(
        flac_rung(index),
        index.rate_hz,
        index.channels,
        16 if (index.bit_depth or 16) <= 16 else 24,
        index.length_samples,
        samples,
        0,
        max(1, round(SEGMENT_S * index.rate_hz / samples)),
        is_passthrough=bool(block),
    )


def _fixed_block(index: PacketIndex) -> int:
    """The block size of a FLAC source whose frames may be passed through; 0 where they may not (RFC 9639, 8.2)."""
    if index.decoder != "flac" or len(index.extradata) < 34 or (index.bit_depth or 0) not in (16, 24):
        return 0
    streaminfo = index.extradata[-34:]
    least, most = int.from_bytes(streaminfo[0:2], "big"), int.from_bytes(streaminfo[2:4], "big")
    declared = ((streaminfo[12] & 1) << 4 | streaminfo[13] >> 4) + 1
    count = len(index.starts)
    if not least or least != most or declared != index.bit_depth or -(-index.length_samples // least) != count:
        return 0
    is_regular = np.array_equal(index.starts, np.arange(count, dtype=np.int64) * least)
    lies_whole = np.array_equal(index.firsts, index.sizes)  # in Ogg, a page's border may lie within a frame
    return least if is_regular and lies_whole else 0


class Ladder:
    """The families as this machine's encoder makes them; `encoder` names libavcodec's version and the architecture."""

    def __init__(self, encoder: str) -> None:
        self._encoder = encoder

    def recipe(self, rung: Rung) -> Recipe:
        return Recipe(rung.family, rung.rank, self._hash(f"{rung.family}/{rung.quality}"))

    def multivariant(self, family: Family) -> Recipe:
        return Recipe(family, 0, self._hash(family))

    def rungs(self, index: PacketIndex, family: str) -> tuple[Rung, ...]:
        """The rungs of a family for this sound, the lowest first; () where it has none."""
        if family == "aac":
            return AAC_RUNGS
        if family == "flac" and has_flac(index):
            return (flac_rung(index),)
        return ()

    def rendition(self, index: PacketIndex, recipe: Recipe) -> Rendition:
        """The rendition that a recipe names for this sound. Raises NotFound, also for the hash of another version."""
        for rung in self.rungs(index, recipe.family):
            if self.recipe(rung) == recipe:
                return aac_rendition(index, rung) if rung.family == "aac" else flac_rendition(index)
        raise NotFound("there is no such rendition")

    def current_hash(self, recipe: Recipe) -> str:
        """The hash that a recipe of this family and rank has today; "" where there is none."""
        if recipe.family == "aac":
            return next((self.recipe(rung).hash for rung in AAC_RUNGS if rung.rank == recipe.rank), "")
        return self._hash("flac/0") if recipe.family == "flac" else ""

    def _hash(self, settings: str) -> str:
        return hashlib.sha256(f"{CODE_VERSION}/{settings}/{self._encoder}".encode()).hexdigest()[:12]
