"""Which renditions there are, and what each is called. Pure.

A recipe is `FAMILY.RANK.HASH`: the hash stands for everything that decides the bytes, so that an address never
changes its content. Behind it, where the sound is turned up or down or made for the night, stands `-SHAPE`. Ranks grow
with quality over all families and are what a signed address is capped by.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mediaserver.core.errors import NotFound
from mediaserver.media.packets import PacketIndex
from mediaserver.sound.loudness import VERSION as MEASURED_VERSION
from mediaserver.streaming import shapes, untouched
from mediaserver.streaming.shapes import FLAT, Shape

Family = Literal["aac", "opus", "flac", "flac16", "mp3", "oggopus"]
FAMILIES: tuple[Family, ...] = ("aac", "opus", "flac", "flac16")
"""`flac16` is FLAC of 16 bits at 44.1 or 48 kHz of what is more than that. The others are of constant bit rate, and for
streams alone (`constant.py`)."""
DASH = "dash"
"""Stands for all families in the recipe of a DASH manifest."""

CODE_VERSION = 3
"""Raised whenever this room would make other bytes from the same settings."""
NIGHT_VERSION = 1
"""Raised whenever other gains would be made for the night (`dynamics.py`)."""
RANK_FLAC, RANK_FLAC_HIRES, RANK_ORIGINAL = 70, 80, 90
SEGMENT_S = 4
_FLAC_BLOCK = 4096

_RECIPE = re.compile(r"([a-z0-9]{1,12})\.([0-9]{2})\.([a-z0-9-]{1,32})", re.ASCII)
_AAC_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


@dataclass(frozen=True, slots=True)
class Rung:
    """One quality of a family. Its bandwidths are declared constants, for VBR follows the content and nodes must agree:
    no segment is made that takes more than `average_bps` (`lossy.packets`).
    """

    family: Family
    rank: int
    quality: int
    """AAC: `global_quality` in lambda units; Opus: bits a second of stereo; UNTOUCHED for the source's own and FLAC."""
    bandwidth_bps: int
    average_bps: int


UNTOUCHED = 0
AAC_RUNGS = (
    Rung("aac", 10, 59, 85_000, 82_000),
    Rung("aac", 20, 148, 160_000, 145_000),
    Rung("aac", 30, 350, 340_000, 310_000),
)
OPUS_RUNGS = (
    Rung("opus", 15, 48_000, 70_000, 65_000),
    Rung("opus", 25, 96_000, 140_000, 130_000),
    Rung("opus", 35, 160_000, 230_000, 215_000),
)
_LOSSY_RUNGS: dict[str, tuple[Rung, ...]] = {"aac": AAC_RUNGS, "opus": OPUS_RUNGS}
BESIDE = 2  # ranks that a source's own packets stand below the rung that they do not exceed
ABOVE = 8  # and above the highest, where they exceed all
MOST_OF_SOURCE = 1.2
"""What a lossy source is encoded to usually takes at most so many times its own bits."""
_USUAL_BPS = {59: 64_000, 148: 121_000, 350: 280_000, **{rung.quality: rung.quality for rung in OPUS_RUNGS}}
"""What music takes, by the quality of a rung; less than is declared, which holds for everything."""


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
    shape: Shape = FLAT
    """In which its samples are brought."""

    @property
    def is_lossless(self) -> bool:
        return self.bit_depth > 0

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
        """What segment `n` lasts, with the priming in the first and without the padding in the last.

        So a segment begins in the playlist when it says itself, in `tfdt`: some players move what does not
        (decision 26).
        """
        packets = self.segment_packets(n)
        stop = min(self.length_samples + self.priming_samples, packets.stop * self.packet_samples)
        return stop - packets.start * self.packet_samples


@dataclass(frozen=True, slots=True)
class Recipe:
    family: str
    rank: int
    hash: str
    """With the shape behind it."""

    @property
    def shape(self) -> Shape:
        """Raises NotFound for a text that is none."""
        return shapes.parsed(self.hash.partition("-")[2])

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


def lossy_rendition(index: PacketIndex, rung: Rung) -> Rendition:
    """AAC or Opus, encoded or of the source's own packets."""
    is_aac = rung.family == "aac"
    rate_hz = aac_rate_hz(index.rate_hz) if is_aac else untouched.OPUS_RATE_HZ
    packet_samples = untouched.AAC_PACKET_SAMPLES if is_aac else untouched.OPUS_PACKET_SAMPLES
    return Rendition(
        rung,
        rate_hz,
        min(2, index.channels),
        0,
        -(-index.length_samples * rate_hz // index.rate_hz),
        packet_samples,
        untouched.AAC_PRIMING_SAMPLES if is_aac else untouched.OPUS_PRIMING_SAMPLES,
        round(SEGMENT_S * rate_hz / packet_samples),
        is_passthrough=rung.quality == UNTOUCHED,
    )


def lossy_rungs(index: PacketIndex, family: str) -> tuple[Rung, ...]:
    """Of AAC or Opus for this sound, the lowest first, by its own packets at the top where they may be served.

    Nothing is encoded up. The lowest is always there, unless the source's own packets take no more than it.
    """
    own = own_rung(index, family)
    if own is not None:
        below = [rung for rung in _LOSSY_RUNGS[family] if rung.average_bps < own.average_bps]
        return (*(rung for rung in below if rung.bandwidth_bps < own.bandwidth_bps), own)
    most_bps = source_bps(index) * MOST_OF_SOURCE
    lowest, *others = _LOSSY_RUNGS[family]
    return (lowest, *(rung for rung in others if _USUAL_BPS[rung.quality] <= most_bps))


def own_rung(index: PacketIndex, family: str) -> Rung | None:
    """The rung of a lossy source's own packets, whose rates are what they are; None where they must be encoded."""
    is_aac = family == "aac"
    if not (untouched.has_aac(index, aac_rate_hz(index.rate_hz)) if is_aac else untouched.has_opus(index)):
        return None
    timeline = lossy_rendition(index, Rung("aac" if is_aac else "opus", 0, UNTOUCHED, 0, 0))
    bandwidth_bps, average_bps = _own_rates_bps(index, timeline)
    rungs = _LOSSY_RUNGS[family]
    beside = next((rung.rank - BESIDE for rung in rungs if bandwidth_bps <= rung.bandwidth_bps), None)
    rank = rungs[-1].rank + ABOVE if beside is None else beside
    return Rung(timeline.rung.family, rank, UNTOUCHED, bandwidth_bps, average_bps)


def _own_rates_bps(index: PacketIndex, timeline: Rendition) -> tuple[int, int]:
    first = untouched.first_packet(index, timeline.packet_samples, timeline.priming_samples) or 0
    sizes = index.sizes[max(0, first) : first + timeline.packet_count]
    if first < 0:  # a silent packet, of a few bytes, stands first
        sizes = np.concatenate((np.full(-first, 16, np.int32), sizes))
    borders = np.append(np.arange(0, timeline.packet_count, timeline.packets_per_segment), timeline.packet_count)
    stops = np.minimum(borders[1:] * timeline.packet_samples, timeline.length_samples + timeline.priming_samples)
    lasting = stops - borders[:-1] * timeline.packet_samples  # as `segment_samples`, of a day at once
    has_roll = not timeline.is_lossless
    return untouched.rates_bps(sizes, borders, lasting, timeline.rate_hz, has_roll=has_roll)


def source_bps(index: PacketIndex) -> int:
    """What the source takes; of a lossless one what its samples do, however well they are packed."""
    if index.is_lossless:
        return index.rate_hz * index.channels * (index.bit_depth or 16)
    return index.source_bytes * 8 * index.rate_hz // max(1, index.length_samples)


def flac_rung(index: PacketIndex) -> Rung:
    """FLAC's one rung for this sound: hi-res above 48 kHz or 16 bits. What is made takes no more than PCM does."""
    bit_depth = index.bit_depth or 16
    rank = RANK_FLAC if index.rate_hz <= 48_000 and bit_depth <= 16 else RANK_FLAC_HIRES
    if untouched.flac_block(index):
        return Rung("flac", rank, UNTOUCHED, *_own_rates_bps(index, _flac_timeline(index)))
    most_bps = _pcm_bps(index.rate_hz, index.channels, 16 if bit_depth <= 16 else 24)
    return Rung("flac", rank, UNTOUCHED, most_bps, most_bps)


def has_flac(index: PacketIndex) -> bool:
    """Whether the sound is lossless and FLAC frames can name its rate (RFC 9639, 9.1.2) and channels."""
    rate_hz = index.rate_hz
    is_named = rate_hz < 1 << 16 or rate_hz % 1000 == 0 or (rate_hz % 10 == 0 and rate_hz <= 192_000)
    return index.is_lossless and index.channels <= 8 and 1 <= rate_hz <= 192_000 and is_named


def flac_rendition(index: PacketIndex) -> Rendition:
    """Raises NotFound for a lossy sound, or one that FLAC in MP4 cannot hold."""
    if not has_flac(index):
        raise NotFound("this sound has no lossless rendition")
    return replace(_flac_timeline(index), rung=flac_rung(index))


def _flac_timeline(index: PacketIndex) -> Rendition:
    block = untouched.flac_block(index)
    samples = block or _FLAC_BLOCK
    return Rendition(
        Rung("flac", 0, UNTOUCHED, 0, 0),
        index.rate_hz,
        index.channels,
        16 if (index.bit_depth or 16) <= 16 else 24,
        index.length_samples,
        samples,
        0,
        max(1, round(SEGMENT_S * index.rate_hz / samples)),
        is_passthrough=bool(block),
    )


def has_flac16(index: PacketIndex) -> bool:
    """Whether the sound is lossless and more than 16 bits at 48 kHz, also where FLAC could not hold it as it is."""
    is_more = not has_flac(index) or flac_rung(index).rank > RANK_FLAC
    return index.is_lossless and index.channels <= 8 and is_more


def flac16_rendition(index: PacketIndex) -> Rendition:
    """Raises NotFound for a lossy sound, and one whose FLAC is of this kind anyway."""
    if not has_flac16(index):
        raise NotFound("this sound has no lossless rendition of 16 bits beside the one it has")
    rate_hz = aac_rate_hz(index.rate_hz)
    most_bps = _pcm_bps(rate_hz, index.channels, 16)
    return Rendition(
        Rung("flac16", RANK_FLAC, UNTOUCHED, most_bps, most_bps),
        rate_hz,
        index.channels,
        16,
        -(-index.length_samples * rate_hz // index.rate_hz),
        _FLAC_BLOCK,
        0,
        round(SEGMENT_S * rate_hz / _FLAC_BLOCK),
        is_passthrough=False,
    )


def _pcm_bps(rate_hz: int, channels: int, bit_depth: int) -> int:
    """What FLAC takes at most: one of two channels may be kept as a difference, which has a bit more."""
    pcm_bps = rate_hz * channels * bit_depth
    return pcm_bps + pcm_bps // 25


def rungs(index: PacketIndex, family: str) -> tuple[Rung, ...]:
    """The rungs of a family of playlists for this sound, the lowest first; () where it has none."""
    if family in _LOSSY_RUNGS:
        return lossy_rungs(index, family)
    if family == "flac" and has_flac(index):
        return (flac_rung(index),)
    if family == "flac16" and has_flac16(index):
        return (flac16_rendition(index).rung,)
    return ()


class Ladder:
    """The families as this machine's encoder makes them; `encoder` names libavcodec's version and the architecture."""

    def __init__(self, encoder: str, shape: Shape = FLAT) -> None:
        self._encoder = encoder
        self._shape = shape

    def shaped(self, shape: Shape) -> Ladder:
        """All its recipes with this shape; its renditions are those of `shapes.without_own_packets`, where it is
        not flat."""
        return Ladder(self._encoder, shape)

    def recipe(self, rung: Rung) -> Recipe:
        return Recipe(rung.family, rung.rank, self._hash(f"{rung.family}/{rung.quality}"))

    def multivariant(self, family: str) -> Recipe:
        """Of the playlist that lists a family, or of the manifest that lists all (DASH)."""
        return Recipe(family, 0, self._hash(family))

    def rendition(self, index: PacketIndex, recipe: Recipe) -> Rendition:
        """The rendition that a recipe names for this sound. Raises NotFound, also for the hash of another version."""
        for rung in rungs(index, recipe.family):
            if self.recipe(rung) == recipe:
                return self.rendition_of(index, rung)
        raise NotFound("there is no such rendition")

    def rendition_of(self, index: PacketIndex, rung: Rung) -> Rendition:
        """That of one of `rungs`."""
        if rung.family in _LOSSY_RUNGS:
            found = lossy_rendition(index, rung)
        else:
            found = flac_rendition(index) if rung.family == "flac" else flac16_rendition(index)
        return replace(found, shape=self._shape)

    def current_hash(self, recipe: Recipe) -> str:
        """The hash that a recipe of this family and rank has today, in this ladder's shape; "" where there is none."""
        if recipe.family not in FAMILIES:
            return ""
        encoded = (rung.quality for rung in _LOSSY_RUNGS.get(recipe.family, ()) if rung.rank == recipe.rank)
        return self._hash(f"{recipe.family}/{next(encoded, UNTOUCHED)}")

    def _hash(self, settings: str) -> str:
        settings = f"{CODE_VERSION}/{settings}/{self._encoder}"
        if self._shape.is_flat:
            return hashlib.sha256(settings.encode()).hexdigest()[:12]
        settings += f"/{self._shape}"
        if self._shape.is_night:
            settings += f"/{NIGHT_VERSION}.{MEASURED_VERSION}"
        return f"{hashlib.sha256(settings.encode()).hexdigest()[:12]}-{self._shape}"
