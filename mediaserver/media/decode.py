"""Samples of any range of a sound, exact, without opening its container: read the packets, decode, place by time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.error
import numpy as np
import numpy.typing as npt

from mediaserver.core.errors import Damaged, Unavailable
from mediaserver.core.passing import is_passing, passed
from mediaserver.media import frames, ogg, regular, warmup
from mediaserver.media.packets import PacketIndex

log = logging.getLogger(__name__)

_OPUS_PRESKIP = slice(10, 12)

Samples = npt.NDArray[Any]


def read_range(path: str, index: PacketIndex, start: int, stop: int) -> Samples:
    """Samples `start` to `stop` (exclusive), planar: shape (channels, stop - start).

    Lossless sources: integers of `index.bit_depth` bits, right-aligned, as int16 (up to 16 bits) or int32. Lossy
    ones: float32, nominally -1 to 1. A damaged packet is silence; the timeline is kept.
    Raises Damaged where the file is shorter than its index or not to be read, Unavailable where that passes, and
    ValueError for a range outside the sound.
    """
    if not 0 <= start <= stop <= index.length_samples:
        raise ValueError(f"{start}..{stop} is outside of 0..{index.length_samples}")
    out = np.zeros((index.channels, stop - start), _dtype(index))
    if start == stop:
        return out
    descriptor = _opened(path)
    reasons: list[str] = []
    try:
        for run in _runs(index, start, stop):
            reasons += _decode(descriptor, index, run, out, start)
    finally:
        os.close(descriptor)
    if reasons:  # one line, however many: what is broken is asked for again and again
        log.warning("%d packets of a %s sound are damaged and silent: %s", len(reasons), index.codec, reasons[-1])
    return out


def read_packets(path: str, index: PacketIndex, numbers: range) -> list[bytes]:
    """These packets as they are in the file. Raises Damaged and Unavailable as `read_range` does."""
    descriptor = _opened(path)
    try:
        return [_packet_bytes(descriptor, index, n) for n in numbers]
    finally:
        os.close(descriptor)


def sample_counts(index: PacketIndex, packets: Sequence[bytes], options: Mapping[str, str] | None = None) -> list[int]:
    """How many samples each of these gives to a fresh decoder. Raises Damaged with the first that is broken."""
    context = _context(index)
    context.options = dict(options or {})
    try:
        return [sum(frame.samples for frame in context.decode(av.Packet(packet))) for packet in packets]
    except av.error.FFmpegError as error:
        raise Damaged(error.strerror or "a broken packet") from error


@dataclass(frozen=True, slots=True)
class _Run:
    """Packets for one fresh decoder."""

    packets: range
    kept_from: int
    """The first packet whose sound is taken; those before it only settle the decoder."""
    wanted_from: int
    """The first packet that anybody asked for."""


def _runs(index: PacketIndex, start: int, stop: int) -> Iterator[_Run]:
    wanted, last = warmup.holding(index, start), warmup.behind(index, stop)
    every = warmup.FRESH_EVERY.get(index.decoder)
    if every is None:
        yield _Run(range(warmup.first_packet(index, start), last), 0, wanted)
        return
    for begin in range(wanted // every * every, last, every):
        first = max(0, begin - warmup.PREROLL[index.decoder])
        yield _Run(range(first, min(begin + every, last)), begin, max(begin, wanted))


def _decode(descriptor: int, index: PacketIndex, run: _Run, out: Samples, start: int) -> list[str]:
    """Places what a run gives into `out`, which begins with sample `start`; why each broken packet was left out."""
    context = _context(index)
    time_base = Fraction(1, index.rate_hz)
    kept_from = int(index.starts[run.kept_from])
    reasons = []
    for n in run.packets:
        packet = av.Packet(_packet_bytes(descriptor, index, n))
        packet.pts = int(index.starts[n])
        packet.time_base = time_base
        try:
            decoded = context.decode(packet)
        except av.error.FFmpegError as error:
            if n >= run.wanted_from:
                reasons.append(error.strerror or "")
            continue
        for frame in decoded:
            if frame.pts is None or frame.pts >= kept_from:
                _place(frame, index, out, start)
    return reasons


def _context(index: PacketIndex) -> Any:
    context: Any = av.CodecContext.create(index.decoder, "r")
    extradata = index.extradata
    if index.decoder == "opus":
        # With the pre-skip in place the decoder would drop that many samples in mid-stream.
        extradata = extradata[: _OPUS_PRESKIP.start] + b"\0\0" + extradata[_OPUS_PRESKIP.stop :]
    if extradata:
        context.extradata = extradata
    context.sample_rate = index.rate_hz
    context.layout = index.layout
    context.thread_count = 1
    return context


def _opened(path: str) -> int:
    try:
        return regular.descriptor(path)
    except OSError as error:
        raise _unread("opened", error) from error


def _unread(verb: str, error: OSError) -> Damaged | Unavailable:
    """A disk that gives out for a moment says nothing of the file."""
    return passed(error) if is_passing(error) else Damaged(f"not to be {verb}: {error.strerror}")


def _packet_bytes(descriptor: int, index: PacketIndex, n: int) -> bytes:
    size, first, position = int(index.sizes[n]), int(index.firsts[n]), int(index.positions[n])
    try:
        if first == size:
            data = os.pread(descriptor, size, position)
        else:
            data = ogg.read(lambda length, offset: os.pread(descriptor, length, offset), position, size, first)
    except OSError as error:
        raise _unread("read", error) from error
    if len(data) != size:
        raise Damaged("the file is shorter than it was")
    return data


def _dtype(index: PacketIndex) -> type[np.generic]:
    if not index.is_lossless:
        return np.float32
    return np.int16 if (index.bit_depth or 16) <= 16 else np.int32


def _place(frame: av.AudioFrame, index: PacketIndex, out: Samples, start: int) -> None:
    if frame.pts is None or frame.layout.nb_channels != index.channels:
        return
    at = frame.pts - start
    lead, count = max(0, -at), min(frame.samples, out.shape[1] - at)
    if count <= lead:
        return
    raw = frames.samples(frame)
    out[:, at + lead : at + count] = _converted(raw[:, lead:count], frame.format.name, index)


def _converted(raw: Samples, sample_format: str, index: PacketIndex) -> Samples:
    kind = sample_format.removesuffix("p")
    if not index.is_lossless:
        if kind == "s16":
            return raw.astype(np.float32) / 32768.0
        if kind == "s32":
            return (raw / 2147483648.0).astype(np.float32)
        return raw.astype(np.float32, copy=False)
    depth = index.bit_depth or 16
    if kind in ("flt", "dbl"):
        top = float(1 << (depth - 1))
        finite = np.nan_to_num(raw.astype(np.float64), nan=0.0, posinf=1.0, neginf=-1.0)
        return np.clip(np.rint(finite * top), -top, top - 1).astype(np.int32)
    if kind == "u8":
        return raw.astype(np.int16) - 128
    container_bits = {"s16": 16, "s32": 32}[kind]
    return np.right_shift(raw, container_bits - depth)
