"""The one pass that reads a file whole: its packet index and the digest of its sound."""

from __future__ import annotations

import base64
import hashlib
import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from mediaserver.core.errors import Damaged
from mediaserver.media import ogg, sides
from mediaserver.media.packets import PacketIndex

# Decoders that a bare CodecContext can feed from extradata, rate and layout alone. PCM goes by pattern.
_BARE = {"flac", "mp3", "mp3float", "aac", "alac", "vorbis", "opus", "wavpack"}
_PCM = re.compile(r"pcm_([suf])(8|16|24|32)(?:le|be)?")
_CODEC_NAMES = {"mp3float": "mp3"}
LOSSLESS = re.compile(r"flac|alac|wavpack|ape|tta|tak|wmalossless|mlp|truehd|shorten|dsd_\w+|dst|pcm_\w+|als|mp4als")
_OGG_HEADERS = {"vorbis": 3, "opus": 2}
_MOST_PACKETS = 20_000_000
MOST_CHANNELS, LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 16, 1_000, 768_000
_DEEPEST = 24  # bits that are served; deeper sources are cut to them


@dataclass(frozen=True, slots=True)
class _Packet:
    pts: int | None
    duration: int | None
    position: int | None
    data: bytes


def index_file(path: str, *, side_dir: str | None = None) -> tuple[PacketIndex, str]:
    """The packet index and the sound digest, from one pass over the whole file.

    Formats whose packets cannot be read singly are decoded once into a FLAC side file in `side_dir`; without one
    they are refused. Raises Damaged for what is no audio, and NotFound or OSError as opening the file does.
    """
    try:
        with av.open(path, **sides.OPENING) as container:
            return _index(path, container, side_dir)
    except (FileNotFoundError, Damaged):
        raise
    except av.error.FFmpegError as error:
        raise Damaged(f"not to be read as audio: {error.strerror}") from error
    except Exception as error:  # the boundary to a parser of hostile bytes: damaged headers leave anything unset
        raise Damaged("not to be read as audio: its structure is broken") from error


def _index(path: str, container: av.container.InputContainer, side_dir: str | None) -> tuple[PacketIndex, str]:
    if not container.streams.audio:
        raise Damaged("there is no audio in it")
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None or stream.time_base is None:
        raise Damaged("no decoder for this codec")
    decoder = context.name
    packets = []
    for packet in container.demux(stream):
        if packet.size:
            packets.append(_Packet(packet.pts, packet.duration, packet.pos, bytes(packet)))
        if len(packets) > _MOST_PACKETS:
            raise Damaged("more packets than any sound has")
    if not packets:
        raise Damaged("there is no sound in it")
    extradata = bytes(context.extradata or b"")
    codec = _CODEC_NAMES.get(decoder, "pcm" if decoder.startswith("pcm_") else decoder)
    hasher = hashlib.sha256()
    hasher.update(f"{codec}/{decoder if codec == 'pcm' else ''}/{context.sample_rate}/{context.layout.name}".encode())
    hasher.update(extradata)

    index: PacketIndex | None = None
    if decoder in _BARE or _PCM.fullmatch(decoder):
        index = _direct(path, container.format.name, stream, decoder, codec, extradata, packets)
    length = index.length_samples if index is not None else -1
    start = int(index.starts[0]) if index is not None else 0
    hasher.update(f"/{start}/{length}/".encode())
    for one in packets:
        hasher.update(one.data)
    digest = base64.urlsafe_b64encode(hasher.digest()[:16]).rstrip(b"=").decode("ascii")
    if index is None:
        if side_dir is None:
            raise Damaged("this format needs a place for a side file")
        index = _by_side(path, codec, digest, side_dir)
    return index, digest


def _by_side(path: str, codec: str, digest: str, side_dir: str) -> PacketIndex:
    side = sides.made(path, digest, Path(side_dir))
    index, _ = index_file(str(side), side_dir=None)
    lossless = LOSSLESS.fullmatch(codec) is not None
    return replace(index, codec=codec, side=side.name, is_lossless=lossless)


def _direct(
    path: str,
    format_name: str,
    stream: av.AudioStream,
    decoder: str,
    codec: str,
    extradata: bytes,
    packets: list[_Packet],
) -> PacketIndex | None:
    """The index of a file whose packets are its own bytes; None where they are not."""
    places = _places(path, format_name, codec, packets)
    if places is None or stream.time_base is None:
        return None
    positions, firsts = places
    sizes = np.fromiter((len(p.data) for p in packets), np.int32, len(packets))
    decoded = _first_frame(stream, decoder, extradata, packets)
    if decoded is None:
        return None
    sample_format, layout, channels, rate_hz, frame_samples = decoded
    scale = Fraction(stream.time_base) * rate_hz
    if any(p.pts is None for p in packets):
        return None
    ticks = np.fromiter((p.pts or 0 for p in packets), np.int64, len(packets))
    starts = _scaled(ticks, scale)
    last = packets[-1]
    end = int(starts[-1]) + round((last.duration or 0) * scale) if last.duration else int(starts[-1]) + frame_samples
    if codec == "mp3":
        delay = round((stream.start_time or 0) * scale)
        starts = np.arange(len(packets), dtype=np.int64) * frame_samples - delay
        end = len(packets) * frame_samples - delay
        if delay and stream.duration:
            end = min(end, round(stream.duration * scale))
    elif codec == "aac" and format_name == "aac":
        starts = np.arange(len(packets), dtype=np.int64) * frame_samples
        end = len(packets) * frame_samples
    elif codec in ("flac", "alac", "pcm", "wavpack") and int(starts[0]) != 0:
        return None
    if not 1 <= channels <= MOST_CHANNELS or not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise Damaged(f"{channels} channels at {rate_hz} Hz are more than any sound has")
    if end <= 0 or np.any(np.diff(starts) <= 0):
        return None
    return PacketIndex(
        codec,
        decoder,
        extradata,
        sample_format,
        layout,
        channels,
        rate_hz,
        _bit_depth(codec, decoder, extradata, sample_format, packets[0].data),
        LOSSLESS.fullmatch(decoder) is not None,
        end,
        "",
        positions,
        sizes,
        firsts,
        starts,
    )


def _scaled(ticks: np.ndarray, scale: Fraction) -> np.ndarray:
    if scale == 1:
        return ticks
    return np.fromiter((round(int(tick) * scale) for tick in ticks), np.int64, len(ticks))


def _places(path: str, format_name: str, codec: str, packets: list[_Packet]) -> tuple[np.ndarray, np.ndarray] | None:
    """Position and first part of every packet, proved against the file's bytes; None where they do not fit."""
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        view = memoryview(mapped)
        try:
            if format_name == "ogg":
                return _ogg_places(view, codec, packets)
            for packet in packets:
                at = packet.position
                if at is None or at < 0 or mapped[at : at + len(packet.data)] != packet.data:
                    return None
        finally:
            view.release()
    count = len(packets)
    positions = np.fromiter((p.position or 0 for p in packets), np.int64, count)
    return positions, np.fromiter((len(p.data) for p in packets), np.int32, count)


def _ogg_places(view: memoryview, codec: str, packets: list[_Packet]) -> tuple[np.ndarray, np.ndarray] | None:
    def pread(length: int, offset: int) -> bytes:
        return bytes(view[offset : offset + length])

    positions, firsts = np.empty(len(packets), np.int64), np.empty(len(packets), np.int32)
    try:
        places: Iterator[ogg.OggPacket] = islice(ogg.packets(view), _OGG_HEADERS.get(codec, 0), None)
        for n, packet in enumerate(packets):
            place = next(places, None)
            while place is not None and place.size_bytes == 0:
                place = next(places, None)
            if place is None or place.size_bytes != len(packet.data):
                return None
            if ogg.read(pread, place.position, place.size_bytes, place.first_bytes) != packet.data:
                return None
            positions[n], firsts[n] = place.position, place.first_bytes
    except Damaged:
        return None
    return positions, firsts


def _first_frame(
    stream: av.AudioStream, decoder: str, extradata: bytes, packets: list[_Packet]
) -> tuple[str, str, int, int, int] | None:
    """Sample format, layout, channels, rate and samples a packet, as the decoder really gives them (HE-AAC doubles)."""
    context: Any = av.CodecContext.create(decoder, "r")
    if extradata:
        context.extradata = extradata
    context.sample_rate = stream.codec_context.sample_rate
    context.layout = stream.codec_context.layout
    for packet in packets[:64]:
        try:
            frames = context.decode(av.Packet(packet.data))
        except av.error.FFmpegError:
            continue
        for frame in frames:
            if frame.samples:
                return frame.format.name, frame.layout.name, frame.layout.nb_channels, frame.sample_rate, frame.samples
    return None


def _bit_depth(codec: str, decoder: str, extradata: bytes, sample_format: str, first: bytes) -> int | None:
    """Bits that a sample really has; None for lossy codecs. Float PCM counts as 24."""
    if codec == "flac" and len(extradata) >= 18:
        # STREAMINFO, RFC 9639, 8.2: five bits behind 20 of rate and 3 of channels
        return min(_DEEPEST, ((extradata[12] & 1) << 4 | extradata[13] >> 4) + 1)
    if codec == "alac" and len(extradata) >= 18:
        return min(_DEEPEST, extradata[17])
    if codec == "wavpack" and len(first) >= 28:
        stored_bytes = (int.from_bytes(first[24:28], "little") & 3) + 1
        return min(_DEEPEST, 8 * stored_bytes)
    pcm = _PCM.fullmatch(decoder)
    if pcm:
        return _DEEPEST if pcm[1] == "f" else min(_DEEPEST, int(pcm[2]))
    if LOSSLESS.fullmatch(decoder):
        return 16 if sample_format.startswith(("s16", "u8")) else 24
    return None
