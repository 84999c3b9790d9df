"""How clean the joins of singly made AAC segments are: noise at the joins against one continuous encode of the same."""

from __future__ import annotations

import io
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from mediaserver.media.packets import PacketIndex
from mediaserver.media.probe import index_file
from mediaserver.streaming import encoder, initial, pcm
from mediaserver.streaming.ladder import AAC_RUNGS, Rendition, Rung, aac_rendition
from tests import audio

RATES_HZ = (44_100, 48_000, 96_000)
LAYOUTS = ("mono", "stereo")
MATERIALS = ("noise", "sweep")
FORMATS = ("mp3", "m4a", "ogg", "opus", "wav", "wv")
"""Sources beside FLAC; each is read by packets of its own kind."""
_WINDOW = 4096  # samples that are judged at a place: two frames before it and two behind, which is all that overlaps
_PRIMING = 1024
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
    """White noise, other on every channel, or a sine that rises by equal octaves on the left and falls on the right."""
    count = round(seconds * rate_hz)
    if name == "noise":
        return np.clip(np.random.default_rng(seed).standard_normal((channels, count)) * 0.1, -0.9, 0.9)
    growth = np.log(_HIGHEST_SHARE * rate_hz / _LOWEST_HZ)
    time_s = np.arange(count) / rate_hz
    rising = 0.5 * np.sin(2 * np.pi * _LOWEST_HZ * seconds / growth * np.exp(time_s / seconds * growth) + seed)
    return np.stack([rising, rising[::-1]][:channels])


def judged(
    folder: Path, kind: str, name: str, *, rate_hz: int, layout: str, seconds: float, seed: int = 1
) -> Iterator[Judged]:
    """Every rung of AAC of a source of this kind that holds this material."""
    wave = material(name, seconds, rate_hz, audio.CHANNELS[layout], seed)
    file = audio.write(folder / f"{name}.{kind}", kind, rate_hz=rate_hz, layout=layout, wave=wave)
    index, _ = index_file(str(file), side_dir=str(folder / "sides"))
    path = str(folder / "sides" / index.side) if index.side else str(file)
    for rung in AAC_RUNGS:
        yield _judged(path, index, aac_rendition(index, rung))


def _judged(path: str, index: PacketIndex, rendition: Rendition) -> Judged:
    count = rendition.length_samples
    source = pcm.floats(path, index, rate_hz=rendition.rate_hz, channels=rendition.channels, start=0, stop=count)
    segments = [encoder.segment(path, index, rendition, n) for n in range(rendition.segment_count)]
    ours = _decoded(initial.init(index, rendition, edit_list=False) + b"".join(segments))
    theirs = _decoded(_continuous(source, rendition))

    def place(at: int) -> Place:
        around = slice(at - _WINDOW // 2, at + _WINDOW // 2)
        wanted = source[:, around].astype(float)
        return Place(_snr_db(wanted, ours[:, around]), _snr_db(wanted, theirs[:, around]))

    length = rendition.packets_per_segment * rendition.packet_samples
    joins = [n * length - _PRIMING for n in range(1, rendition.segment_count)]
    middles = [join - length // 2 for join in joins]
    return Judged(rendition.rung, [place(at) for at in joins], [place(at) for at in middles])


def _snr_db(wanted: Floats, got: Floats) -> float:
    return float(10 * np.log10(np.sum(wanted**2) / np.sum((wanted - got) ** 2)))


def _continuous(source: np.ndarray[Any, Any], rendition: Rendition) -> bytes:
    """The same settings in one encode from beginning to end."""
    out = io.BytesIO()
    layout = "mono" if rendition.channels == 1 else "stereo"
    with av.open(out, "w", format="adts") as sink:
        stream: Any = sink.add_stream("aac", rate=rendition.rate_hz)
        stream.layout = layout
        stream.codec_context.options = {
            "flags": "+qscale+bitexact",
            "global_quality": str(rendition.rung.quality),
            "aac_coder": "fast",
        }
        for at in range(0, source.shape[1], 1024):
            block = np.ascontiguousarray(source[:, at : at + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rendition.rate_hz, at, Fraction(1, rendition.rate_hz)
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    return out.getvalue()


def _decoded(body: bytes) -> Floats:
    return audio.decoded(io.BytesIO(body))[:, _PRIMING:].astype(float)
