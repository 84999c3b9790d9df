"""Makes any segment of a rendition by itself, always with the same bytes. Runs in worker processes.

The law: segment n is a function of the sound, the recipe and n alone. A fresh encoder is fed `WARM` frames before
the segment, whose packets are dropped, so that its state at the join is that of one continuous encode.
"""

from __future__ import annotations

import logging
import os
import platform
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from mediaserver.core.errors import Damaged, Gone
from mediaserver.media.decode import read_range
from mediaserver.media.packets import PacketIndex
from mediaserver.streaming import cache, cmaf, flacframes, pcm
from mediaserver.streaming.ladder import Rendition
from mediaserver.streaming.source import Source

log = logging.getLogger(__name__)

AAC_WARM_FRAMES = 24
_AAC_AHEAD_FRAMES = 2
_FLAC_LEVEL = "5"


def identity() -> str:
    """What else decides the bytes: libavcodec's version and the processor's architecture."""
    version = ".".join(str(part) for part in av.library_versions["libavcodec"])
    return f"libavcodec-{version}/{platform.machine()}"


def segment_file(source: Source, rendition: Rendition, n: int, target: str) -> tuple[bytes, str]:
    """Make segment `n` and put it at `target`. Raises as `segment` does, and Gone where the file has changed.

    Returns it, and why the disk did not take it, or "": on a full or read-only one it is served and not kept.
    """
    body = segment(source.path, PacketIndex.unpacked(source.packed), rendition, n)
    # After reading: a tagger may have moved the packets meanwhile, and what is kept here stays for ever.
    if not _is_unchanged(source):
        raise Gone("the file behind this address has changed or left")
    try:
        cache.put(Path(target), body)
    except OSError as error:
        return body, error.strerror or str(error)
    return body, ""


def _is_unchanged(source: Source) -> bool:
    try:
        stat = Path(source.file).stat()
    except OSError:
        return False
    return (stat.st_size, stat.st_mtime_ns) == (source.size_bytes, source.mtime_ns)


def segment(path: str, index: PacketIndex, rendition: Rendition, n: int) -> bytes:
    """Segment `n`, 0-based. Raises NotFound past the last one and Damaged where the source cannot be read."""
    wanted = rendition.segment_packets(n)
    if rendition.rung.family == "aac":
        packets = _aac(path, index, rendition, wanted)
    elif rendition.is_passthrough:
        packets = _source_packets(path, index, wanted)
        if not _decodes(index, rendition, packets, wanted):
            log.warning("segment %d of a FLAC sound is damaged and made anew from what can be decoded", n)
            packets = _flac(path, index, rendition, wanted)
    else:
        packets = _flac(path, index, rendition, wanted)
    if len(packets) != len(wanted):
        raise Damaged("the encoder gave fewer packets than the timeline has")
    durations = [rendition.packet_samples] * len(packets)
    if rendition.rung.family == "flac":
        durations[-1] = min(durations[-1], rendition.length_samples - (wanted.stop - 1) * rendition.packet_samples)
    return cmaf.media_segment(
        n,
        decode_time=wanted.start * rendition.packet_samples,
        packets=packets,
        durations=durations,
        has_roll=rendition.rung.family == "aac",
    )


def _aac(path: str, index: PacketIndex, rendition: Rendition, wanted: range) -> list[bytes]:
    size = rendition.packet_samples
    frame_count = -(-rendition.length_samples // size)
    first = max(0, wanted.start - AAC_WARM_FRAMES)
    last = min(frame_count, wanted.stop + _AAC_AHEAD_FRAMES)
    samples = pcm.floats(
        path,
        index,
        rate_hz=rendition.rate_hz,
        channels=rendition.channels,
        start=first * size,
        stop=min(last * size, rendition.length_samples),
    )
    options = {
        "flags": "+qscale+bitexact",
        "global_quality": str(rendition.rung.quality),
        "aac_coder": "fast",
    }
    layout = "mono" if rendition.channels == 1 else "stereo"
    encoder = _open("aac", rendition.rate_hz, layout, "fltp", options)
    packets: dict[int, bytes] = {}

    def keep(made: list[Any]) -> None:
        for packet in made:
            # Packet i is heard from sample 1024 (i - 1): its decode time is that of the frame before.
            number = packet.pts // size + 1
            if number in wanted:
                packets[number] = bytes(packet)

    for at in range(0, samples.shape[1], size):
        keep(encoder.encode(_frame(samples[:, at : at + size], "fltp", layout, rendition.rate_hz, first * size + at)))
    if last == frame_count:
        keep(encoder.encode(None))
    return [packets[number] for number in sorted(packets)]


def _source_packets(path: str, index: PacketIndex, wanted: range) -> list[bytes]:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Damaged(f"not to be opened: {error.strerror}") from error
    try:
        packets = [os.pread(descriptor, int(index.sizes[n]), int(index.positions[n])) for n in wanted]
    except OSError as error:
        raise Damaged(f"not to be read: {error.strerror}") from error
    finally:
        os.close(descriptor)
    if any(len(packet) != index.sizes[n] for packet, n in zip(packets, wanted, strict=True)):
        raise Damaged("the file is shorter than it was")
    return packets


def _decodes(index: PacketIndex, rendition: Rendition, packets: list[bytes], wanted: range) -> bool:
    """Whether these frames are whole. It takes 3 ms a segment, and one broken frame would end a browser's playback."""
    decoder: Any = av.CodecContext.create("flac", "r")
    decoder.extradata = index.extradata
    decoder.options = {"err_detect": "crccheck+explode"}
    decoder.thread_count = 1
    try:
        counts = [sum(frame.samples for frame in decoder.decode(av.Packet(packet))) for packet in packets]
    except av.error.FFmpegError:
        return False
    size = rendition.packet_samples
    return counts == [min(size, rendition.length_samples - number * size) for number in wanted]


def _flac(path: str, index: PacketIndex, rendition: Rendition, wanted: range) -> list[bytes]:
    size = rendition.packet_samples
    start, stop = wanted.start * size, min(wanted.stop * size, rendition.length_samples)
    samples = read_range(path, index, start, stop)
    sample_format = "s16" if rendition.bit_depth == 16 else "s32"
    layout = index.layout
    options = {"compression_level": _FLAC_LEVEL, "flags": "+bitexact", "frame_size": str(size)}
    encoder = _open("flac", rendition.rate_hz, layout, sample_format, options)
    shift = rendition.bit_depth - (index.bit_depth or 16)
    raw = np.left_shift(samples.astype(np.int16 if sample_format == "s16" else np.int32), shift)
    if sample_format == "s32":
        raw = np.left_shift(raw, 8)
    made: list[Any] = []
    for at in range(0, raw.shape[1], size):
        made += encoder.encode(_frame(raw[:, at : at + size], sample_format, layout, rendition.rate_hz, at))
    made += encoder.encode(None)
    packets = [bytes(packet) for packet in made if packet.size]
    return [flacframes.renumbered(packet, wanted.start + n) for n, packet in enumerate(packets)]


def _open(codec: str, rate_hz: int, layout: str, sample_format: str, options: dict[str, str]) -> Any:
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.sample_rate = rate_hz
    encoder.layout = layout
    encoder.format = sample_format
    encoder.time_base = Fraction(1, rate_hz)
    encoder.thread_count = 1
    encoder.options = options
    encoder.open()
    return encoder


def _frame(samples: Any, sample_format: str, layout: str, rate_hz: int, pts: int) -> av.AudioFrame:
    if not sample_format.endswith("p"):
        samples = samples.T.reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=sample_format, layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate_hz, pts, Fraction(1, rate_hz)
    return frame
