"""What is offered of a sound, in which order and why: decided by the source, the person's permit and the player. Pure.

There is one list of what a sound and a person may have, `allowed`, from which all addresses are made; `decide` puts it
into the order that suits a player. Nothing is ever encoded up: that is in the rungs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import constant, mp3, oggopus, untouched
from mediaserver.streaming import ladder as ladders
from mediaserver.streaming.abilities import Abilities, Way
from mediaserver.streaming.ladder import FAMILIES, MOST_OF_SOURCE, RANK_ORIGINAL, UNTOUCHED, Rung, source_bps

STREAMS = {"mp3": ("mp3",), "opus": ("oggopus",), "aac": ("aac",), "flac": ("flac16", "flac")}
"""The families of which a progressive stream of each format may be, the better one last."""
_CODECS = {"oggopus": "opus", "flac16": "flac"}
_WORDS = {"mpc7": "musepack", "mpc8": "musepack", "wmav1": "wma", "wmav2": "wma", "wmapro": "wma", "wmalossless": "wma"}
_LABELS = {"aac": "AAC", "he-aac": "HE-AAC", "opus": "Opus", "vorbis": "Vorbis", "wavpack": "WavPack"}
_LABELS |= {"musepack": "Musepack", "ape": "Monkey's Audio"}
_BEST_STEP = 3  # of what is encoded: above it are more bits, and nothing to be heard
_WAYS = {"hls": "HLS", "dash": "DASH", "progressive": "streams of one file", "direct": "files as they are"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that a sound and a person may have."""

    way: Way
    name: str
    """The family of HLS, the format of a progressive stream; "" where there is but one."""
    codecs: tuple[str, ...]
    """Words of `abilities.CODECS`; of a manifest all that it names, of others one."""
    rungs: tuple[Rung, ...]
    """Those that it leads to, the lowest first; of the original file one for its rank."""
    rate_hz: int
    bit_depth: int
    """0 where it is lossy."""
    channels: int
    is_whole: bool
    """Lossless, at the source's own rate, depth and channels."""
    is_untouched: bool
    """At its best it is what the file holds, not encoded."""

    @property
    def is_lossless(self) -> bool:
        return self.bit_depth > 0


@dataclass(frozen=True, slots=True)
class Offer:
    candidate: Candidate
    rung: Rung
    """The best that this player has of it."""
    plays: bool
    """Whether the player can play it, as far as is known."""
    reason: str
    """Why it stands where it stands, for people."""

    @property
    def is_untouched(self) -> bool:
        return self.candidate.is_untouched and self.rung == self.candidate.rungs[-1]


def permitted(index: PacketIndex, family: str, max_rank: int) -> tuple[Rung, ...]:
    """The rungs of a family that the sound has and the person may have, the lowest first: the one place where a permit
    meets a ladder."""
    return tuple(rung for rung in rungs(index, family) if rung.rank <= max_rank)


def rungs(index: PacketIndex, family: str) -> tuple[Rung, ...]:
    """Of any family. Of the constant ones the lowest is there for every sound; those above it for what has about as
    many bits itself."""
    steady = constant.RUNGS.get(family)
    if steady is None:
        return ladders.rungs(index, family)
    bps = source_bps(index) * MOST_OF_SOURCE
    scale = min(2, index.channels) / 2
    lower = [rung for n, rung in enumerate(steady) if n == 0 or rung.average_bps * scale <= bps]
    own = copied_rung(index, family)
    return tuple(lower) if own is None else (*(rung for rung in lower if rung.rank < own.rank), own)


def copied_rung(index: PacketIndex, family: str) -> Rung | None:
    """The rung of an MP3 or Opus source's own packets: of the rank of the encoded one that has about as many bits."""
    is_own = mp3.may_be_copied if family == "mp3" else oggopus.may_be_copied
    if family not in constant.RUNGS or not is_own(index):
        return None
    bps, steady = source_bps(index), constant.RUNGS[family]
    same = next((rung for rung in steady if rung.average_bps * MOST_OF_SOURCE >= bps), steady[-1])
    return replace(same, quality=UNTOUCHED, bandwidth_bps=bps, average_bps=bps)


def allowed(index: PacketIndex, max_rank: int, *, has_file: bool = True, is_shaped: bool = False) -> list[Candidate]:
    """All that this sound and this person may have. `has_file` is False of several sounds as one, which are served by
    playlists and manifests alone. What `is_shaped` is not what the source holds, and the file is not what is asked for.
    """
    # Each family is asked once: of a sound of many hours that takes a moment.
    there = {family: permitted(index, family, max_rank) for family in (*FAMILIES, *constant.RUNGS)}
    found = [_candidate(index, "hls", family, family, there[family]) for family in FAMILIES if there[family]]
    if found:  # a manifest names them all, and players take AAC of it where they are not told otherwise
        together = tuple(sorted((rung for one in found for rung in one.rungs), key=lambda rung: rung.rank))
        codecs = tuple(dict.fromkeys(one.codecs[0] for one in found))
        found.append(replace(found[0], way="dash", name="", codecs=codecs, rungs=together, is_untouched=False))
    if has_file:
        found += _files(index, there, max_rank)
    if is_shaped:
        return [replace(one, is_whole=False) for one in found if one.way != "direct"]
    return found


def _files(index: PacketIndex, there: Mapping[str, tuple[Rung, ...]], max_rank: int) -> Iterator[Candidate]:
    for name, families in STREAMS.items():
        for family in families:
            if there[family]:
                yield _candidate(index, "progressive", name if family != "flac16" else family, family, there[family])
    if max_rank >= RANK_ORIGINAL:
        bps = index.source_bytes * 8 * index.rate_hz // max(1, index.length_samples)
        bit_depth = (index.bit_depth or 16) if index.is_lossless else 0
        rung = Rung("flac", RANK_ORIGINAL, UNTOUCHED, bps, bps)
        told = (index.rate_hz, bit_depth, index.channels)
        yield Candidate(
            "direct", "", (word(index.codec),), (rung,), *told, is_whole=index.is_lossless, is_untouched=True
        )


def streams(candidates: Sequence[Candidate]) -> dict[str, Rung]:
    """The best progressive stream of each format of `STREAMS`."""
    found: dict[str, Rung] = {}
    for one in candidates:
        name = "flac" if one.name == "flac16" else one.name
        if one.way == "progressive" and (name not in found or found[name].rank < one.rungs[-1].rank):
            found[name] = one.rungs[-1]
    return found


def _candidate(index: PacketIndex, way: Way, name: str, family: str, of_family: tuple[Rung, ...]) -> Candidate:
    codec = _CODECS.get(family, family)
    if codec != "flac":
        made = constant.rendition if family in constant.RUNGS else ladders.lossy_rendition
        rendition = made(index, of_family[-1])
        own = of_family[-1].quality == UNTOUCHED
        told = (rendition.rate_hz, 0, rendition.channels)
        return Candidate(way, name, (codec,), of_family, *told, is_whole=False, is_untouched=own)
    if family == "flac16":
        told = (ladders.aac_rate_hz(index.rate_hz), 16, index.channels)
        return Candidate(way, name, (codec,), of_family, *told, is_whole=False, is_untouched=False)
    told = (index.rate_hz, 16 if (index.bit_depth or 16) <= 16 else 24, index.channels)
    is_own = untouched.flac_block(index) > 0
    return Candidate(way, name, (codec,), of_family, *told, is_whole=True, is_untouched=is_own)


def decide(
    index: PacketIndex, player: Abilities, max_rank: int, *, has_file: bool = True, is_shaped: bool = False
) -> list[Offer]:
    """All that is `allowed`: what suits the player best comes first, and what it cannot play last.

    What it plays goes before what it does not; then lossless before lossy (where it wants that; else the other way
    round), the whole before what has less rate or depth, and what is not encoded before what is. Where all that is
    equal, the way that it named first, the higher quality (in steps: those of AAC and Opus are even) and the codec that
    it named first.
    """
    offers = [_offer(one, player) for one in allowed(index, max_rank, has_file=has_file, is_shaped=is_shaped)]

    def place(offer: Offer) -> tuple[bool | int, ...]:
        one = offer.candidate
        return (
            not offer.plays,
            one.is_lossless != player.wants_lossless,
            one.is_lossless and not one.is_whole,
            not one.is_lossless and not offer.is_untouched,
            _nth(one.way, player.ways),
            -min(offer.rung.rank // 10, _BEST_STEP),
            min(_nth(codec, player.codecs) for codec in one.codecs),
            -offer.rung.rank,
        )

    offers.sort(key=place)
    if offers and offers[0].plays and not is_shaped:
        why = _lacking(index, offers, player)
        offers[0] = replace(offers[0], reason=f"{offers[0].reason}: {why}" if why else offers[0].reason)
    return offers


def _offer(one: Candidate, player: Abilities) -> Offer:
    fitting = [rung for rung in one.rungs if player.max_bps is None or rung.bandwidth_bps <= player.max_bps]
    if one.way == "dash":  # by a permit of one rank for all that it names
        too_much = min((rung.rank for rung in one.rungs if rung not in fitting), default=RANK_ORIGINAL + 10)
        fitting = [rung for rung in fitting if rung.rank < too_much]
    refusal = _refusal(one, player, has_rung=bool(fitting))
    rung = fitting[-1] if fitting else one.rungs[0]
    return Offer(one, rung, not refusal, refusal or _told(one, rung))


def _refusal(one: Candidate, player: Abilities, *, has_rung: bool) -> str:
    """Why this player cannot play it; "" where it can."""
    if one.way not in player.ways:
        return f"the player takes no {_WAYS[one.way]}"
    if not set(one.codecs) & set(player.codecs):
        return f"the player does not decode {label(one.codecs[0])}"
    if player.max_rate_hz is not None and one.rate_hz > player.max_rate_hz:
        return f"the player takes at most {player.max_rate_hz / 1000:g} kHz"
    if player.max_bit_depth is not None and one.bit_depth > player.max_bit_depth:
        return f"the player takes at most {player.max_bit_depth} bits"
    if player.max_channels is not None and one.channels > player.max_channels:
        return f"the player takes at most {_counted(player.max_channels, 'channel')}"
    if not has_rung and player.max_bps is not None:
        return f"it takes more than {player.max_bps // 1000} kb/s"
    return ""


def _told(one: Candidate, rung: Rung) -> str:
    name = label(one.codecs[0])
    if one.way == "direct":
        return "the original file"
    if one.is_lossless:
        if not one.is_whole:
            return f"FLAC of {one.bit_depth} bits at {one.rate_hz / 1000:g} kHz"
        return "FLAC as the file holds it" if one.is_untouched else "FLAC, every sample as in the file"
    if one.way == "dash":
        return "all families in one manifest"
    if one.is_untouched and rung == one.rungs[-1]:
        return f"the file's own {name}, not encoded again"
    kbps = rung.average_bps // 1000
    return f"{name} of up to {kbps} kb/s, as the line allows" if one.way == "hls" else f"{name} of {kbps} kb/s"


def _lacking(index: PacketIndex, offers: Sequence[Offer], player: Abilities) -> str:
    """Why the first offer is less than the source could give; "" where it is not."""
    first = offers[0].candidate
    if first.is_whole or first.way == "dash" or not player.wants_lossless or not index.is_lossless:
        return ""
    better = [one for one in offers if one.candidate.is_whole or (one.candidate.is_lossless and not first.is_lossless)]
    if not better:
        return "the permit ends below it" if ladders.has_flac(index) or not first.is_lossless else "FLAC holds no more"
    if not player.is_known:
        return "nothing is known of the player"
    # What kept it from a way that it takes says more than that it takes no other.
    return min(better, key=lambda one: _nth(one.candidate.way, player.ways)).reason


def word(codec: str) -> str:
    """The word of `abilities.CODECS` for a codec of a source, or its own name."""
    return "dsd" if codec.startswith("dsd") else _WORDS.get(codec, codec)


def label(codec: str) -> str:
    return _LABELS.get(codec, codec.upper())


def _nth(one: str, named: Sequence[str]) -> int:
    return named.index(one) if one in named else len(named)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
