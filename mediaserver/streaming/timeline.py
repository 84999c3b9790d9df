"""Many sounds as one continuous sound: which of its samples are whose. Pure.

Sounds of one rate that follow each other are joined before anything is resampled, so that neither a resampler nor an
encoder sees where one ends. Those of other rates are brought to the timeline's, which is that of most of its time.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise

import numpy as np

from mediaserver.core.errors import Damaged
from mediaserver.core.units import Digest
from mediaserver.media.digest import short
from mediaserver.media.packets import PacketIndex
from mediaserver.streaming.ladder import Rendition

CROSSFADE_MOST_MS = 12_000
_FORM = 1
"""Of what is kept; part of the digest. Raised whenever the same parts would become other samples."""
_WARM_PACKETS, _AHEAD_PACKETS = 26, 3
"""So many packets around those of a segment an encoder is fed at most (`lossy`)."""
_SEEN_S = 1.25
"""So much around a range a resampler reads at most (`pcm.at_rate`): its phases repeat within a second."""
_MOST_BYTES = 2**31 - 1  # of a packet, in an index


@dataclass(frozen=True, slots=True)
class Part:
    """What is to be known of a sound without its packets."""

    digest: str
    length_samples: int
    """At its own rate."""
    rate_hz: int
    channels: int
    layout: str
    bit_depth: int
    """Of lossless sounds; 0 of others."""
    size_bytes: int
    """Of its packets in the source."""
    gain: int = 0
    """In tenths of a dB, by which it is turned up among the others."""

    @property
    def is_lossless(self) -> bool:
        return self.bit_depth > 0

    @classmethod
    def of(cls, digest: str, index: PacketIndex, gain: int = 0) -> Part:
        bit_depth = (index.bit_depth or 16) if index.is_lossless else 0
        told = (digest, index.length_samples, index.rate_hz, index.channels, index.layout)
        return cls(*told, bit_depth, index.source_bytes, gain)


@dataclass(frozen=True, slots=True)
class Run:
    """Parts of one rate that follow each other without a fade; with a crossfade each part is one."""

    first: int
    """The number of its first part."""
    lengths: tuple[int, ...]
    """Samples of each part, at `rate_hz`."""
    rate_hz: int
    start: int
    """Here and below: samples of the timeline."""
    stop: int
    fade_in: int
    """So many overlap the run before."""
    fade_out: int

    @property
    def length_samples(self) -> int:
        """At `rate_hz`."""
        return sum(self.lengths)

    def places(self) -> Iterator[tuple[int, int, int]]:
        """Each part's number, first sample and the one past its last, at `rate_hz`."""
        at = 0
        for number, length in enumerate(self.lengths, self.first):
            yield number, at, at + length
            at += length


@dataclass(frozen=True, slots=True)
class Timeline:
    """Made by `joined`."""

    digest: Digest
    parts: tuple[Part, ...]
    crossfade_ms: int
    runs: tuple[Run, ...]
    index: PacketIndex
    """All that a ladder asks of a sound. Its packets are the parts, which no decoder reads, and none is passed."""

    @property
    def rate_hz(self) -> int:
        return self.index.rate_hz

    @property
    def length_samples(self) -> int:
        return self.index.length_samples

    def spans(self) -> list[range]:
        """The samples of each part; with a crossfade a part's last ones are the first ones of the next too."""
        found = []
        for run in self.runs:
            stops = [min(run.stop, run.start + _at(stop, run.rate_hz, self.rate_hz)) for _, _, stop in run.places()]
            stops[-1] = run.stop
            found += [range(start, stop) for start, stop in zip([run.start, *stops], stops, strict=False)]
        return found

    def needed(self, rendition: Rendition, n: int) -> list[int]:
        """The numbers of the parts of which segment `n` of a rendition is made, perhaps with some beside them.

        Raises NotFound past the last segment.
        """
        wanted = rendition.segment_packets(n)
        early, ahead = (0, 0) if rendition.is_lossless else (_WARM_PACKETS, _AHEAD_PACKETS)
        start, stop = (
            (wanted.start - early) * rendition.packet_samples,
            (wanted.stop + ahead) * rendition.packet_samples,
        )
        start, stop = _around(start, stop, rendition.rate_hz, self.rate_hz)
        numbers = []
        for run in self.runs:
            if run.start < stop and start < run.stop:
                first, last = _around(start - run.start, stop - run.start, self.rate_hz, run.rate_hz)
                numbers += [number for number, begin, end in run.places() if begin < last and first < end]
        return numbers

    def packed(self) -> bytes:
        return _packed(self.parts, self.crossfade_ms)


def joined(parts: Sequence[Part], crossfade_ms: int = 0) -> Timeline:
    """`parts` one after the other, at least one; the end of each over the beginning of the next for `crossfade_ms`,
    or half of the shorter one.
    """
    rate_hz = _rate_hz(parts)
    layouts, channels = {part.layout for part in parts}, {part.channels for part in parts}
    layout = layouts.pop() if len(layouts) == 1 else "stereo"
    runs = tuple(_faded(parts, rate_hz, crossfade_ms) if crossfade_ms else _runs(parts, rate_hz))
    is_lossless = all(part.is_lossless for part in parts)
    sizes = np.array([min(part.size_bytes, _MOST_BYTES) for part in parts], np.int32)
    index = PacketIndex(
        codec="",
        decoder="",
        extradata=b"",
        sample_format="",
        layout=layout,
        channels=channels.pop() if layout != "stereo" and len(channels) == 1 else 2,
        rate_hz=rate_hz,
        bit_depth=max(part.bit_depth for part in parts) if is_lossless else None,
        is_lossless=is_lossless,
        length_samples=runs[-1].stop,
        side="",
        positions=np.zeros(len(parts), np.int64),
        sizes=sizes,
        firsts=sizes,
        starts=np.zeros(len(parts), np.int64),
    )
    digest = short(hashlib.sha256(_packed(parts, crossfade_ms)).digest())
    return Timeline(Digest(digest), tuple(parts), crossfade_ms, runs, index)


def unpacked(packed: bytes) -> Timeline:
    """Raises Damaged for what `Timeline.packed` did not make."""
    try:
        form, crossfade_ms, rows = json.loads(packed)
        if form != _FORM:
            raise ValueError("another form")
        return joined([Part(*row) for row in rows], crossfade_ms)
    except (ValueError, TypeError, IndexError) as error:
        raise Damaged("what is kept of a timeline is damaged") from error


def _packed(parts: Sequence[Part], crossfade_ms: int) -> bytes:
    # Without a gain as before there were any, so that the digest of what was kept then stays.
    rows = [row if row[-1] else row[:-1] for row in map(astuple, parts)]
    return json.dumps([_FORM, crossfade_ms, rows], separators=(",", ":")).encode("ascii")


def _rate_hz(parts: Sequence[Part]) -> int:
    """That of most of the time; of two, the higher one."""
    seconds: Counter[int] = Counter()
    for part in parts:
        seconds[part.rate_hz] += part.length_samples  # of one rate: whole numbers, the same on every machine
    return max(seconds, key=lambda rate_hz: (seconds[rate_hz] / rate_hz, rate_hz))


def _runs(parts: Sequence[Part], rate_hz: int) -> Iterator[Run]:
    first, start = 0, 0
    while first < len(parts):
        stop = first
        while stop < len(parts) and parts[stop].rate_hz == parts[first].rate_hz:
            stop += 1
        lengths = tuple(part.length_samples for part in parts[first:stop])
        end = start + _at(sum(lengths), parts[first].rate_hz, rate_hz)
        yield Run(first, lengths, parts[first].rate_hz, start, end, 0, 0)
        first, start = stop, end


def _faded(parts: Sequence[Part], rate_hz: int, crossfade_ms: int) -> Iterator[Run]:
    lengths = [_at(part.length_samples, part.rate_hz, rate_hz) for part in parts]
    wanted = crossfade_ms * rate_hz // 1000
    fades = [min(wanted, one // 2, other // 2) for one, other in pairwise(lengths)]
    start = 0
    for number, (part, length) in enumerate(zip(parts, lengths, strict=True)):
        fade_in, fade_out = [0, *fades][number], [*fades, 0][number]
        yield Run(number, (part.length_samples,), part.rate_hz, start, start + length, fade_in, fade_out)
        start += length - fade_out


def _at(samples: int, from_hz: int, to_hz: int) -> int:
    """How many samples these are at another rate, the last one whole."""
    return -(-samples * to_hz // from_hz)


def _around(start: int, stop: int, from_hz: int, to_hz: int) -> tuple[int, int]:
    """The samples at `to_hz` of which the range `start` to `stop` at `from_hz` is made."""
    beside = 0 if from_hz == to_hz else round(_SEEN_S * to_hz)
    return start * to_hz // from_hz - beside, _at(stop, from_hz, to_hz) + beside
