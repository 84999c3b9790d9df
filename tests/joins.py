"""How clean the joins of singly made segments are: noise at the joins against one continuous encode of the same."""

from __future__ import annotations

import io
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mediaserver.media.packets import PacketIndex
from mediaserver.media.probe import index_file
from mediaserver.streaming import cmaf, initial, lossy, pcm
from mediaserver.streaming.ladder import AAC_RUNGS, OPUS_RUNGS, Rendition, Rung, lossy_rendition
from tests import audio

RATES_HZ = (44_100, 48_000, 96_000)
LAYOUTS = ("mono", "stereo")
MATERIALS = ("noise", "sweep")
MATERIALS_OF = {"aac": MATERIALS, "opus": ("noise", "chords")}
"""A bare sine loses up to 0.4 dB in Opus, whose encoder looks further back than it is fed before a segment."""
FORMATS = ("mp3", "m4a", "ogg", "opus", "wav", "wv")
"""Sources beside FLAC; each is read by packets of its own kind."""
RUNGS = {"aac": AAC_RUNGS, "opus": OPUS_RUNGS}
_WINDOW = 4096  # samples that are judged at a place: two frames before it and two behind, which is all that overlaps
_LOWEST_HZ, _HIGHEST_SHARE = 30.0, 0.4

Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class Place:
    """Signal to noise around one place of a sound, in dB."""

    ours_db: float
    continuous_db: float

    @property
    def lost_db(self) -> float:
        """Against one continuous encode; below 0 where ours is the better one."""
        return self.continuous_db - self.ours_db


@dataclass(frozen=True, slots=True)
class Judged:
    """One rendition: its joins, and as many places of the same length in the middle of its segments."""

    rung: Rung
    joins: Sequence[Place]
    inside: Sequence[Place]

    @property
    def worst_db(self) -> float:
        return max(place.lost_db for place in self.joins)


def mean_db(places: Sequence[Place]) -> tuple[float, float]:
    """Of ours and of the continuous encode."""
    return statistics.mean(p.ours_db for p in places), statistics.mean(p.continuous_db for p in places)


def material(name: str, seconds: float, rate_hz: int, channels: int, seed: int = 1) -> Floats:
    """White noise, other on every channel; a sine that rises by equal octaves on the left and falls on the right; or
    chords with drums and a little noise.
    """
    count = round(seconds * rate_hz)
    if name == "noise":
        return np.clip(np.random.default_rng(seed).standard_normal((channels, count)) * 0.1, -0.9, 0.9)
    if name == "chords":
        return chords(np.arange(count) / rate_hz, rate_hz, seed)[:channels]
    growth = np.log(_HIGHEST_SHARE * rate_hz / _LOWEST_HZ)
    time_s = np.arange(count) / rate_hz
    rising = 0.5 * np.sin(2 * np.pi * _LOWEST_HZ * seconds / growth * np.exp(time_s / seconds * growth) + seed)
    return np.stack([rising, rising[::-1]][:channels])


def chords(time_s: Floats, rate_hz: int, seed: int = 1) -> Floats:
    """Shape (2, count): what music has, tones, beats and noise, other on each side."""
    chance = np.random.default_rng(seed)
    root_hz = np.array([110.0, 130.8, 146.8, 164.8, 196.0])[(time_s * 1.3).astype(int) % 5]
    phase = 2 * np.pi * np.cumsum(root_hz) / rate_hz
    tones = sum(np.sin(phase * k) / k for k in (1, 1.25, 1.5, 2, 3, 5, 8))
    drum = np.exp(-30 * (time_s % 0.5)) * chance.standard_normal(len(time_s))
    noise = 0.01 * chance.standard_normal((2, len(time_s)))
    both = np.stack([0.12 * tones + 0.2 * drum, 0.12 * np.roll(tones, 400) + 0.18 * drum]) + noise
    return np.clip(both, -0.9, 0.9)


def judged(
    folder: Path, kind: str, name: str, *, rate_hz: int, layout: str, seconds: float, seed: int = 1, family: str = "aac"
) -> Iterator[Judged]:
    """Every encoded rung of a family, of a source of this kind that holds this material."""
    wave = material(name, seconds, rate_hz, audio.CHANNELS[layout], seed)
    file = audio.write(folder / f"{name}.{kind}", kind, rate_hz=rate_hz, layout=layout, wave=wave)
    index, _ = index_file(str(file), side_dir=str(folder / "sides"))
    path = str(folder / "sides" / index.side) if index.side else str(file)
    for rung in RUNGS[family]:
        yield _judged(path, index, lossy_rendition(index, rung))


def _judged(path: str, index: PacketIndex, rendition: Rendition) -> Judged:
    length = rendition.packets_per_segment * rendition.packet_samples
    joins = [n * length - rendition.priming_samples for n in range(1, rendition.segment_count)]
    middles = [join - length // 2 for join in joins]
    return judged_at(pcm.Whole(path, index), index, rendition, joins, middles)


def judged_at(
    feed: pcm.Feed, index: PacketIndex, rendition: Rendition, joins: Sequence[int], middles: Sequence[int]
) -> Judged:
    """What is made of `feed`, at these samples of a rendition."""
    count = rendition.length_samples
    source = pcm.fed(feed, rate_hz=rendition.rate_hz, channels=rendition.channels, start=0, stop=count)
    wanted = [rendition.segment_packets(n) for n in range(rendition.segment_count)]
    # As they are made where they do not take too much: bare tones do, and are no longer what one encode makes.
    segments = [_segment(lossy.encoded(feed, rendition, one), one.start, rendition) for one in wanted]
    head = initial.init(index, rendition, edit_list=False)
    ours = _decoded(head + b"".join(segments), rendition)
    theirs = _decoded(head + _continuous(source, rendition), rendition)

    def place(at: int) -> Place:
        around = slice(at - _WINDOW // 2, at + _WINDOW // 2)
        wanted = source[:, around].astype(float)
        return Place(_snr_db(wanted, ours[:, around]), _snr_db(wanted, theirs[:, around]))

    return Judged(rendition.rung, [place(at) for at in joins], [place(at) for at in middles])


def _snr_db(wanted: Floats, got: Floats) -> float:
    return float(10 * np.log10(np.sum(wanted**2) / np.sum((wanted - got) ** 2)))


def _continuous(source: np.ndarray[Any, Any], rendition: Rendition) -> bytes:
    """The same settings in one encode from beginning to end, as one segment."""
    layout, size = "mono" if rendition.channels == 1 else "stereo", rendition.packet_samples
    codec, fmt, options = {
        "aac": ("aac", "fltp", lossy.aac_options(rendition)),
        "opus": ("libopus", "flt", lossy.opus_options(rendition)),
    }[rendition.rung.family]
    sink = lossy.opened(codec, rendition.rate_hz, layout, fmt, options)
    packets = []
    for at in range(0, source.shape[1], size):
        packets += sink.encode(lossy.as_frame(source[:, at : at + size], fmt, layout, rendition.rate_hz, at))
    packets += sink.encode(None)
    return _segment([bytes(packet) for packet in packets], 0, rendition)


def _segment(packets: Sequence[bytes], first: int, rendition: Rendition) -> bytes:
    size = rendition.packet_samples
    return cmaf.media_segment(
        0, decode_time=first * size, packets=packets, durations=[size] * len(packets), has_roll=True
    )


def _decoded(body: bytes, rendition: Rendition) -> Floats:
    return audio.decoded(io.BytesIO(body))[:, rendition.priming_samples :].astype(float)
