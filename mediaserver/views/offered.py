"""The addresses of what a person may have of a sound: by name, and in the order that suits the player."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mediaserver.accounts.addresses import Addresses
from mediaserver.accounts.permits import Viewer
from mediaserver.sound.index import Sound
from mediaserver.streaming import offers
from mediaserver.streaming.abilities import Abilities, Way
from mediaserver.streaming.ladder import DASH, FAMILIES, Ladder, Rung
from mediaserver.streaming.offers import Candidate, Offer
from mediaserver.streaming.progressive import FILES
from mediaserver.streaming.timeline import Timeline


@dataclass(frozen=True, slots=True)
class Offered:
    """One way to play it. Without a unit in the name: words of `streaming.abilities`."""

    way: Way
    name: str
    """The key of its address in `hls` or `stream`; of FLAC of 16 bits `flac16` in both; "" for others."""
    address: str
    codec: str
    is_lossless: bool
    is_untouched: bool
    """Not encoded: what the file holds."""
    rate_hz: int
    bit_depth: int | None
    channels: int
    bitrate_bps: int
    """The most that it takes in the mean."""
    plays: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Signed:
    """All that a person may have of a sound."""

    hls: dict[str, str]
    dash: str | None
    stream: dict[str, str]
    offers: tuple[Offered, ...]


@dataclass(frozen=True, slots=True)
class Signer:
    """Makes the addresses of one sound for one person."""

    ladder: Ladder
    addresses: Addresses
    viewer: Viewer
    digest: str
    duration_ms: int

    def prefix(self, cap: int) -> str:
        """`/e/TOKEN/DIGEST`, good for ranks up to `cap` and no more than the person may have."""
        capped = replace(self.viewer, max_rank=min(cap, self.viewer.max_rank))
        return self.addresses.prefix(capped, self.digest, duration_ms=self.duration_ms)

    def signed(
        self, sound: Sound | Timeline, player: Abilities, *, original: str | None = None, is_shaped: bool = False
    ) -> Signed:
        """`original` is what follows the prefix of the file itself, where the person may have it. A sound that
        `is_shaped` is given as the ladder sees it."""
        cap = self.viewer.max_rank
        full = self.prefix(cap)
        has_file = isinstance(sound, Sound)
        decided = offers.decide(sound.index, player, cap, has_file=has_file, is_shaped=is_shaped)
        decided = [one for one in decided if one.candidate.way != "direct" or original is not None]
        candidates = [one.candidate for one in decided]
        families = _names(candidates, "hls")
        hls: dict[str, str] = {name: f"{full}/{self._playlist(name)}" for name in FAMILIES if name in families}
        dash = f"{full}/{self._manifest()}" if _names(candidates, "dash") else None
        streams = offers.streams(candidates)
        stream = {name: f"{full}/{self._stream(name, streams[name])}" for name in FILES if name in streams}
        return Signed(hls, dash, stream, tuple(self._offered(one, original) for one in decided))

    def _offered(self, offer: Offer, original: str | None) -> Offered:
        one = offer.candidate
        is_best = offer.rung == one.rungs[-1]
        prefix = self.prefix(self.viewer.max_rank if is_best else offer.rung.rank)
        return Offered(
            one.way,
            one.name,
            f"{prefix}/{self._path(offer, original)}",
            one.codecs[0],
            one.is_lossless,
            offer.is_untouched,
            one.rate_hz,
            one.bit_depth or None,
            one.channels,
            offer.rung.average_bps,
            offer.plays,
            offer.reason,
        )

    def _path(self, offer: Offer, original: str | None) -> str:
        match offer.candidate.way:
            case "hls":
                return self._playlist(offer.candidate.name)
            case "dash":
                return self._manifest()
            case "progressive":
                return self._stream(offer.candidate.name, offer.rung)
        return str(original)

    def _playlist(self, family: str) -> str:
        return f"{self.ladder.multivariant(family)}/main.m3u8"

    def _manifest(self) -> str:
        return f"{self.ladder.multivariant(DASH)}/main.mpd"

    def _stream(self, name: str, rung: Rung) -> str:
        return f"{self.ladder.recipe(rung)}/{FILES['flac' if name == 'flac16' else name]}"


def _names(candidates: Sequence[Candidate], way: Way) -> set[str]:
    return {one.name for one in candidates if one.way == way}
