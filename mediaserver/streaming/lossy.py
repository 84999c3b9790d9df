"""AAC and Opus packets of one segment, the same whatever was asked before. Runs in worker processes.

A fresh encoder is fed some frames before the segment, whose packets are dropped, so that its state at the join is that
of one continuous encode.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import av
import numpy as np

from mediaserver.streaming import cmaf, pcm
from mediaserver.streaming.ladder import AAC_RUNGS, OPUS_RUNGS, UNTOUCHED, Rendition

AAC_WARM_FRAMES, OPUS_WARM_FRAMES = 24, 25
_AAC_AHEAD_FRAMES = 2
_MONO_SHARE = 5, 8  # of the bit rate of stereo, for the same quality in Opus
_SHARES = tuple(0.8**n for n in range(9))  # of quality, until it fits
_HEADROOM = 0.985  # priming and padding are not heard, and a short track has as much of them as a long one


def packets(feed: pcm.Feed, rendition: Rendition, wanted: range) -> list[bytes]:
    """The packets `wanted`, encoded. Of a rung of untouched packets: as the highest rung would be.

    What a sound of bare tones or clicks takes is not foreseen: where it is more than the rung declares for a whole
    track, they are made again with less.
    """
    declared_bps = rendition.rung.average_bps * _HEADROOM
    most_bytes = declared_bps * len(wanted) * rendition.packet_samples / rendition.rate_hz / 8
    most_bytes -= cmaf.overhead_bytes(has_roll=True) + 4 * len(wanted)
    for share in _SHARES:
        made = encoded(feed, rendition, wanted, share)
        if rendition.rung.quality == UNTOUCHED or sum(len(packet) for packet in made) <= most_bytes:
            break
    return made


def encoded(feed: pcm.Feed, rendition: Rendition, wanted: range, share: float = 1.0) -> list[bytes]:
    """The packets `wanted` with this share of the rung's quality, whatever they take."""
    encode = _aac if rendition.rung.family == "aac" else _opus
    return encode(feed, rendition, wanted, share)


def aac_options(rendition: Rendition, share: float = 1.0) -> dict[str, str]:
    """`share` of the rung's quality."""
    quality = AAC_RUNGS[-1].quality if rendition.rung.quality == UNTOUCHED else rendition.rung.quality
    return {"flags": "+qscale+bitexact", "global_quality": str(round(quality * share)), "aac_coder": "fast"}


def opus_options(rendition: Rendition, share: float = 1.0) -> dict[str, str]:
    """`share` of the rung's bit rate."""
    bps = OPUS_RUNGS[-1].quality if rendition.rung.quality == UNTOUCHED else rendition.rung.quality
    if rendition.channels == 1:
        bps = bps * _MONO_SHARE[0] // _MONO_SHARE[1]
    bps = round(bps * share)
    return {"b": str(bps), "vbr": "on", "compression_level": "5", "frame_duration": "20", "application": "audio"}


def _aac(feed: pcm.Feed, rendition: Rendition, wanted: range, share: float) -> list[bytes]:
    size, layout = rendition.packet_samples, _layout(rendition)
    frame_count = -(-rendition.length_samples // size)
    first = max(0, wanted.start - AAC_WARM_FRAMES)
    last = min(frame_count, wanted.stop + _AAC_AHEAD_FRAMES)
    samples = pcm.fed(
        feed,
        rate_hz=rendition.rate_hz,
        channels=rendition.channels,
        start=first * size,
        stop=min(last * size, rendition.length_samples),
    )
    encoder = opened("aac", rendition.rate_hz, layout, "fltp", aac_options(rendition, share))
    packets: dict[int, bytes] = {}

    def keep(made: list[Any]) -> None:
        for packet in made:
            # Packet i is heard from sample 1024 (i - 1): its decode time is that of the frame before.
            number = packet.pts // size + 1
            if number in wanted:
                packets[number] = bytes(packet)

    for at in range(0, samples.shape[1], size):
        keep(encoder.encode(as_frame(samples[:, at : at + size], "fltp", layout, rendition.rate_hz, first * size + at)))
    if last == frame_count:
        keep(encoder.encode(None))
    return [packets[number] for number in sorted(packets)]


def _opus(feed: pcm.Feed, rendition: Rendition, wanted: range, share: float) -> list[bytes]:
    """One packet for each frame, at once. The priming is the encoder's delay, which silence behind the end makes up."""
    size, layout = rendition.packet_samples, _layout(rendition)
    first = max(0, wanted.start - OPUS_WARM_FRAMES)
    samples = pcm.fed(
        feed,
        rate_hz=rendition.rate_hz,
        channels=rendition.channels,
        start=first * size,
        stop=wanted.stop * size,
    )
    encoder = opened("libopus", rendition.rate_hz, layout, "flt", opus_options(rendition, share))
    packets: list[bytes] = []
    for at in range(0, samples.shape[1], size):
        frame = as_frame(samples[:, at : at + size], "flt", layout, rendition.rate_hz, first * size + at)
        packets += [bytes(packet) for packet in encoder.encode(frame)]
    return packets[wanted.start - first :]


def opened(codec: str, rate_hz: int, layout: str, sample_format: str, options: dict[str, str]) -> Any:
    """An encoder of libavcodec."""
    encoder: Any = av.CodecContext.create(codec, "w")
    encoder.sample_rate = rate_hz
    encoder.layout = layout
    encoder.format = sample_format
    encoder.time_base = Fraction(1, rate_hz)
    encoder.thread_count = 1
    encoder.options = options
    encoder.open()
    return encoder


def as_frame(samples: Any, sample_format: str, layout: str, rate_hz: int, pts: int) -> Any:
    """Of samples of shape (channels, count)."""
    if not sample_format.endswith("p"):
        samples = samples.T.reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format=sample_format, layout=layout)
    frame.sample_rate, frame.pts, frame.time_base = rate_hz, pts, Fraction(1, rate_hz)
    return frame


def _layout(rendition: Rendition) -> str:
    return "mono" if rendition.channels == 1 else "stereo"
