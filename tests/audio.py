"""Real audio for tests, made by PyAV: chirps over a little noise, different on every channel, the same every time."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

CHANNELS = {"mono": 1, "stereo": 2, "5.1": 6, "7.1": 8}

# suffix -> codec, container, sample format, rate in Hz, bit rate
FORMATS: dict[str, tuple[str, str, str, int, int]] = {
    "flac": ("flac", "flac", "s16", 44_100, 0),
    "mp3": ("libmp3lame", "mp3", "s16p", 44_100, 128_000),
    "m4a": ("aac", "ipod", "fltp", 44_100, 128_000),
    "alac.m4a": ("alac", "ipod", "s16p", 44_100, 0),
    "ogg": ("vorbis", "ogg", "fltp", 44_100, 112_000),
    "opus": ("libopus", "ogg", "s16", 48_000, 96_000),
    "wav": ("pcm_s16le", "wav", "s16", 44_100, 0),
    "aiff": ("pcm_s16be", "aiff", "s16", 44_100, 0),
    "wv": ("wavpack", "wv", "s16p", 44_100, 0),
    "wma": ("wmav2", "asf", "fltp", 44_100, 128_000),
    "tta": ("tta", "tta", "s16", 44_100, 0),
    "aac": ("aac", "adts", "fltp", 44_100, 128_000),
    "flac.mka": ("flac", "matroska", "s16", 44_100, 0),
    "pcm.mka": ("pcm_s24le", "matroska", "s32", 48_000, 0),
    "aac.mkv": ("aac", "matroska", "fltp", 44_100, 128_000),
    "ac3.mka": ("ac3", "matroska", "fltp", 48_000, 192_000),
    "opus.webm": ("libopus", "webm", "s16", 48_000, 96_000),
    "vorbis.webm": ("vorbis", "webm", "fltp", 44_100, 112_000),
}


def samples(seconds: float, rate_hz: int, channels: int, seed: int = 1) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Shape (channels, seconds * rate), below 0.6."""
    count = round(seconds * rate_hz)
    time = np.arange(count) / rate_hz
    noise = np.random.default_rng(seed).standard_normal((channels, count)) * 0.03
    tones = [0.4 * np.sin(2 * np.pi * (180 + 90 * (n + seed % 7)) * time * (1 + 0.2 * time)) for n in range(channels)]
    return np.stack(tones) + noise


def write(
    path: Path,
    kind: str = "",
    *,
    seconds: float = 1.0,
    layout: str = "stereo",
    rate_hz: int = 0,
    sample_format: str = "",
    seed: int = 1,
    options: dict[str, str] | None = None,
    wave: np.ndarray[Any, np.dtype[np.float64]] | None = None,
    tags: dict[str, str] | None = None,
) -> Path:
    """An audio file of one of FORMATS (by default by the suffix); of `wave`, where it is given, and else of chirps."""
    codec, container, fmt, rate, bit_rate = FORMATS[kind or path.name.split(".", 1)[1]]
    rate, fmt = rate_hz or rate, sample_format or fmt
    pcm = _as(fmt, samples(seconds, rate, CHANNELS[layout], seed) if wave is None else wave)
    with av.open(str(path), "w", format=container, options=options or {}) as out:
        out.metadata.update(tags or {})
        stream: Any = out.add_stream(codec, rate=rate)
        stream.layout, stream.format = layout, fmt
        if bit_rate:
            stream.bit_rate = bit_rate
        stream.codec_context.options = {"strict": "experimental"} if codec == "vorbis" else {}
        stream.codec_context.open()
        size = stream.codec_context.frame_size or 4096
        planar = av.AudioResampler(format=fmt, layout=layout, rate=rate)  # PyAV fills seven planes at most
        for at in range(0, pcm.shape[1], size):
            block = np.ascontiguousarray(pcm[:, at : at + size].T.reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(block, format=fmt.removesuffix("p"), layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
            for one in planar.resample(frame) if fmt.endswith("p") else [frame]:
                out.mux(stream.encode(one))
        out.mux(stream.encode(None))
    return path


DSD_RATE_HZ = 2_822_400
_DSD_BLOCK = 4096


def dsf(path: Path, *, seconds: float = 1.0, seed: int = 1) -> Path:
    """Stereo DSD64 of a kilohertz (and `seed` - 1 more Hz) by a first-order modulator, after Sony's description."""
    count = -(-round(seconds * DSD_RATE_HZ) // (8 * _DSD_BLOCK)) * 8 * _DSD_BLOCK
    channel = np.packbits(_dsd_bits(count, seed), bitorder="little").tobytes()
    blocks = b"".join(channel[at : at + _DSD_BLOCK] * 2 for at in range(0, len(channel), _DSD_BLOCK))
    path.write_bytes(_dsf_head(count) + blocks)
    return path


def dff(path: Path, *, seconds: float = 1.0, seed: int = 1) -> Path:
    """The same sound in DSDIFF, whose bytes take turns and begin with their highest bit, after Philips' description."""
    count = round(seconds * DSD_RATE_HZ) // 32 * 32
    channel = np.packbits(_dsd_bits(count, seed), bitorder="big")
    rate = _chunk(b"FS  ", DSD_RATE_HZ.to_bytes(4, "big"))
    channels = _chunk(b"CHNL", b"\0\2SLFTSRGT")
    compression = _chunk(b"CMPR", b"DSD \x0enot compressed\0")
    properties = _chunk(b"PROP", b"SND " + rate + channels + compression)
    sound = _chunk(b"DSD ", np.repeat(channel, 2).tobytes())
    path.write_bytes(_chunk(b"FRM8", b"DSD " + _chunk(b"FVER", bytes((1, 5, 0, 0))) + properties + sound))
    return path


def _chunk(kind: bytes, content: bytes) -> bytes:
    return kind + len(content).to_bytes(8, "big") + content + bytes(len(content) % 2)


def _dsd_bits(count: int, seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    wanted = 0.4 * np.sin(2 * np.pi * (999 + seed) * np.arange(count) / DSD_RATE_HZ)
    # The modulator's output is +1 wherever the sum of all input so far, in steps of 2, passes a whole number.
    return np.diff(np.floor(np.cumsum(wanted + 1) / 2), prepend=0.0).astype(np.uint8)


def stretch_dsf(path: Path, *, seconds: float) -> None:
    """Repeats its sound up to this length."""
    count = -(-round(seconds * DSD_RATE_HZ) // (8 * _DSD_BLOCK)) * 8 * _DSD_BLOCK
    blocks, left = path.read_bytes()[92:], count // 4
    with path.open("wb") as file:
        file.write(_dsf_head(count))
        while left:
            left -= file.write(blocks[:left])


def _dsf_head(count: int) -> bytes:
    """Before `count` samples of each of two channels."""
    fmt = b"fmt " + (52).to_bytes(8, "little")
    fmt += b"".join(value.to_bytes(4, "little") for value in (1, 0, 2, 2, DSD_RATE_HZ, 1))
    fmt += count.to_bytes(8, "little") + _DSD_BLOCK.to_bytes(4, "little") + bytes(4)
    data = b"data" + (12 + count // 4).to_bytes(8, "little")
    return b"DSD " + (28).to_bytes(8, "little") + (92 + count // 4).to_bytes(8, "little") + bytes(8) + fmt + data


def decoded(source: Any) -> np.ndarray[Any, np.dtype[Any]]:
    """Everything that PyAV's own demuxer and decoder give, planar; `source` is a path, address or file object."""
    with av.open(source) as container:
        stream = container.streams.audio[0]
        parts = []
        for frame in container.decode(stream):
            block = frame.to_ndarray()
            parts.append(block if frame.format.is_planar else block.reshape(-1, frame.layout.nb_channels).T)
    return np.concatenate(parts, axis=1)


def _as(fmt: str, pcm: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[Any]]:
    if fmt.startswith("s16"):
        return (pcm * 32767).astype(np.int16)
    if fmt.startswith("s32"):
        return np.left_shift((pcm * 8388607).astype(np.int32), 8)
    return pcm.astype(np.float32)
