"""What any program does with libav that makes or copies the beginning of a track at once: the measure of our costs."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar

import av

from mediaserver.streaming import lossy
from mediaserver.streaming.ladder import Rendition

R = TypeVar("R")

ENCODERS = {"aac": ("aac", "fltp"), "opus": ("libopus", "flt"), "flac": ("flac", "s16"), "flac16": ("flac", "s16")}


def costing(call: Callable[..., R], *args: Any) -> tuple[R, float]:
    """What `call(*args)` gives, and the milliseconds of CPU that it took here."""
    start = time.process_time()
    made = call(*args)
    return made, (time.process_time() - start) * 1000


def segment_ms(path: str, rendition: Rendition, seconds: float) -> float:
    """CPU of one segment's share of the first `seconds` of a track, encoded or copied as `rendition` is."""
    length_s = rendition.packets_per_segment * rendition.packet_samples / rendition.rate_hz
    work = copy if rendition.is_passthrough else encode
    return costing(work, path, rendition, seconds)[1] * length_s / seconds


def encode(path: str, rendition: Rendition, seconds: float) -> None:
    """Demux, decode, resample, encode."""
    codec, fmt = ENCODERS[rendition.rung.family]
    options = {"compression_level": "5"}
    if not rendition.is_lossless:
        options = (lossy.aac_options if codec == "aac" else lossy.opus_options)(rendition)
    with av.open(path) as source:
        stream = source.streams.audio[0]
        target: Any = av.CodecContext.create(codec, "w")
        target.sample_rate, target.layout, target.format = rendition.rate_hz, "stereo", fmt
        target.time_base, target.thread_count, target.options = Fraction(1, rendition.rate_hz), 1, options
        target.open()
        resampler = av.AudioResampler(target.format, "stereo", rendition.rate_hz, target.frame_size or 4096)
        for frame in source.decode(stream):
            for piece in resampler.resample(frame):
                target.encode(piece)
            if frame.time is not None and frame.time >= seconds:
                break
        for piece in resampler.resample(None):
            target.encode(piece)
        target.encode(None)


def copy(path: str, rendition: Rendition, seconds: float) -> None:
    """Demux and mux into fragments of MP4 of the same length, in memory; nothing is decoded."""
    length_s = rendition.packets_per_segment * rendition.packet_samples / rendition.rate_hz
    options = {"movflags": "empty_moov+default_base_moof", "frag_duration": str(round(length_s * 1e6))}
    with av.open(path) as source, av.open(io.BytesIO(), "w", format="mp4", options=options) as out:
        stream = source.streams.audio[0]
        target = out.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if not packet.size or float(packet.pts * packet.time_base) >= seconds:
                break
            packet.stream = target
            out.mux(packet)


def demux(path: str) -> None:
    """Every packet once: the least that an index of a file can cost."""
    with av.open(path) as source:
        for _ in source.demux(source.streams.audio[0]):
            pass
