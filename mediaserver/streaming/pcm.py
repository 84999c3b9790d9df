"""Samples of a sound as a rendition wants them: mixed down and resampled, the same at every place of asking."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import av
import av.filter
import numpy as np
import numpy.typing as npt

from mediaserver.media.decode import read_range
from mediaserver.media.packets import PacketIndex

# Samples around a range, of the lower of both rates, that the resampler must see before its result no longer depends
# on the edges.
_MARGIN = 160
_RESAMPLER = "filter_size=64:exact_rational=1:cutoff=0.98"
_HALF = 2**-0.5
_LEFT = {"FL": 1.0, "FC": _HALF, "SL": _HALF, "BL": _HALF, "FLC": 1.0, "WL": 1.0, "DL": 1.0, "BC": 0.5}
_RIGHT = {"FR": 1.0, "FC": _HALF, "SR": _HALF, "BR": _HALF, "FRC": 1.0, "WR": 1.0, "DR": 1.0, "BC": 0.5}

Floats = npt.NDArray[np.float32]


class Feed(Protocol):
    """Samples of which renditions are made, at a rate of their own."""

    @property
    def rate_hz(self) -> int: ...

    @property
    def layout(self) -> str:
        """Of all its channels."""
        ...

    @property
    def length_samples(self) -> int: ...

    def read(self, channels: int, start: int, stop: int) -> Floats:
        """Samples within 0 to `length_samples`, float32, shape (channels, stop - start): nominally -1 to 1, finite."""
        ...


@dataclass(frozen=True, slots=True)
class Whole:
    """The samples of one sound."""

    path: str
    index: PacketIndex

    @property
    def rate_hz(self) -> int:
        return self.index.rate_hz

    @property
    def layout(self) -> str:
        return self.index.layout

    @property
    def length_samples(self) -> int:
        return self.index.length_samples

    def read(self, channels: int, start: int, stop: int) -> Floats:
        return _source(self.path, self.index, channels, start, stop)


def floats(path: str, index: PacketIndex, *, rate_hz: int, channels: int, start: int, stop: int) -> Floats:
    """As `fed`, of one sound."""
    return fed(Whole(path, index), rate_hz=rate_hz, channels=channels, start=start, stop=stop)


def fed(feed: Feed, *, rate_hz: int, channels: int, start: int, stop: int) -> Floats:
    """As `at_rate`, and within -1 to 1, as a player would cut them."""
    made = at_rate(feed, rate_hz=rate_hz, channels=channels, start=start, stop=stop)
    clipped: Floats = np.clip(made, np.float32(-1), np.float32(1))
    return clipped


def at_rate(feed: Feed, *, rate_hz: int, channels: int, start: int, stop: int) -> Floats:
    """Samples `start` to `stop` at `rate_hz`, float32, shape (channels, stop - start); silence past the end.

    All are finite. Sample k at `rate_hz` is always the same, whatever range it was asked in.
    """
    if rate_hz == feed.rate_hz:
        return _padded(_read(feed, channels, start, stop), stop - start)
    ratio = Fraction(rate_hz, feed.rate_hz)
    period = ratio.numerator  # outputs after which the resampler's phases repeat
    margin = -(-_MARGIN * max(rate_hz, feed.rate_hz) // feed.rate_hz)
    first = max(0, (start - margin) // period * period)
    source_first = first // period * ratio.denominator
    source_stop = -(-(stop + margin) * ratio.denominator // period) + _MARGIN
    source = _read(feed, channels, source_first, source_stop)
    pairs = [_resampled(source[at : at + 2], feed.rate_hz, rate_hz) for at in range(0, channels, 2)]  # whatever layout
    made = np.concatenate(pairs) if len(pairs) > 1 else pairs[0]
    return _padded(made[:, start - first : stop - first], stop - start)


def _read(feed: Feed, channels: int, start: int, stop: int) -> Floats:
    """What there is of a range."""
    stop = min(stop, feed.length_samples)
    return feed.read(channels, min(start, stop), stop)


def _padded(samples: Floats, count: int) -> Floats:
    missing = count - samples.shape[1]
    return np.pad(samples, ((0, 0), (0, missing))) if missing else samples


def _source(path: str, index: PacketIndex, channels: int, start: int, stop: int) -> Floats:
    raw = read_range(path, index, start, stop)
    plain: Floats = raw.astype(np.float32)
    if index.is_lossless:
        plain *= np.float32(2.0 ** (1 - (index.bit_depth or 16)))
    elif not np.isfinite(plain).all():  # an encoder refuses it, and a resampler spreads it
        plain = np.nan_to_num(plain, nan=0.0, posinf=1.0, neginf=-1.0)
    if index.channels == channels:
        return plain
    return (_matrix(index) @ plain).astype(np.float32)


def _matrix(index: PacketIndex) -> npt.NDArray[np.float32]:
    """Stereo from more channels, scaled so that it cannot overload: L = (FL + .707 FC + .707 SL) / 2.414 for 5.1."""
    names = [channel.name for channel in av.AudioLayout(index.layout).channels]
    rows = np.array([[side.get(name, 0.0) for name in names] for side in (_LEFT, _RIGHT)])
    if not rows.any(axis=1).all():  # a layout without names: even channels left, odd ones right
        rows = np.array([[float(n % 2 == side) for n in range(len(names))] for side in (0, 1)])
    scaled: npt.NDArray[np.float32] = (rows / rows.sum(axis=1).max()).astype(np.float32)
    return scaled


def _resampled(source: Floats, from_hz: int, to_hz: int) -> Floats:
    layout = "mono" if source.shape[0] == 1 else "stereo"
    graph = av.filter.Graph()
    entry = graph.add_abuffer(sample_rate=from_hz, format="fltp", layout=layout, time_base=Fraction(1, from_hz))
    swr = graph.add("aresample", f"{to_hz}:{_RESAMPLER}")
    out = graph.add("abuffersink")
    entry.link_to(swr)
    swr.link_to(out)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(source), format="fltp", layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = from_hz, 0, Fraction(1, from_hz)
    parts: list[Floats] = []
    sink: Any = out
    for piece in (frame, None):
        entry.push(piece)
        while True:
            try:
                parts.append(sink.pull().to_ndarray())
            except (av.error.BlockingIOError, av.error.EOFError):
                break
    return np.concatenate(parts, axis=1) if parts else np.zeros((source.shape[0], 0), np.float32)
