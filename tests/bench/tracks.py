"""Music for measurements, made by PyAV: minutes of it in every format, and half a day of it in one file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from mediaserver.streaming.flacframes import renumbered

# name -> suffix, codec, container, sample format, rate in Hz, bit rate
SOURCES = {
    "FLAC": ("flac", "flac", "flac", "s16", 44_100, 0),
    "MP3": ("mp3", "libmp3lame", "mp3", "fltp", 44_100, 192_000),
    "M4A": ("m4a", "aac", "ipod", "fltp", 44_100, 192_000),
    "Opus": ("opus", "libopus", "ogg", "flt", 48_000, 160_000),
    "WAV": ("wav", "pcm_s16le", "wav", "s16", 44_100, 0),
    "FLAC 24/96": ("flac", "flac", "flac", "s32", 96_000, 0),
}
LONG = {"MP3": "mp3", "FLAC": "flac"}
"""Formats whose packets one after the other are a file of any length."""


def music(seconds: float, rate_hz: int, seed: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Chords that change every second, drums twice a second, some noise; stereo."""
    chance = np.random.default_rng(seed)
    time_s = np.arange(round(seconds * rate_hz)) / rate_hz
    chord = chance.integers(0, 5, round(seconds) + 1)[time_s.astype(int)]
    root_hz = np.array([110.0, 130.8, 146.8, 164.8, 196.0])[chord]
    phase = 2 * np.pi * np.cumsum(root_hz) / rate_hz
    tones = sum(np.sin(phase * k) / k for k in (1, 1.25, 1.5, 2, 3, 5, 8))
    since_beat_s = time_s % 0.5
    drum = np.exp(-30 * since_beat_s) * chance.standard_normal(len(time_s))
    noise = chance.standard_normal((2, len(time_s)))
    return np.stack([0.12 * tones + 0.2 * drum, 0.12 * np.roll(tones, 400) + 0.18 * drum]) + 0.01 * noise


def make(path: str, name: str, seconds: float, seed: int) -> None:
    """One of SOURCES."""
    _, codec, container, fmt, rate_hz, bit_rate = SOURCES[name]
    pcm = _as(fmt, np.clip(music(seconds, rate_hz, seed), -1, 1))
    with av.open(path, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=rate_hz)
        stream.layout, stream.format = "stereo", fmt
        if bit_rate:
            stream.bit_rate = bit_rate
        stream.codec_context.open()
        size = stream.codec_context.frame_size or 4096
        for at in range(0, pcm.shape[1], size):
            block = pcm[:, at : at + size]
            if not fmt.endswith("p"):
                block = block.T.reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block), format=fmt, layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = rate_hz, at, Fraction(1, rate_hz)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _as(fmt: str, pcm: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if fmt == "s16":
        return (pcm * 32767).astype(np.int16)
    if fmt == "s32":
        return np.left_shift((pcm * 8388607).astype(np.int32), 8)
    return pcm.astype(np.float32)


def stretch(of: Path, path: Path, seconds: float) -> None:
    """The packets of a track (MP3 or FLAC), again and again, up to this length."""
    with av.open(str(of)) as source:
        stream = source.streams.audio[0]
        head = bytes(stream.codec_context.extradata or b"")
        rate_hz = stream.rate
        packets = [bytes(packet) for packet in source.demux(stream) if packet.size]
    is_flac = of.suffix == ".flac"
    if is_flac:
        packets.pop()  # the last one is shorter than the others
    size = int.from_bytes(head[:2], "big") if is_flac else 1152
    count = round(seconds * rate_hz / size)
    with path.open("wb") as file:
        if is_flac:
            file.write(_flac_head(head, count * size))
        for turn in range(0, count, len(packets)):
            left = packets[: count - turn]
            if is_flac:
                left = [renumbered(packet, turn + n) for n, packet in enumerate(left)]
            file.write(b"".join(left))


def _flac_head(streaminfo: bytes, length_samples: int) -> bytes:
    """Without an MD5 and without the sizes of frames."""
    packed = int.from_bytes(streaminfo[10:18], "big") >> 36 << 36 | length_samples
    return b"fLaC\x80\0\0\x22" + streaminfo[:4] + bytes(6) + packed.to_bytes(8, "big") + bytes(16)
