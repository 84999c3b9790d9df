"""The one pass that reads a file whole: its packet index and the digest of its sound. It keeps places, not bytes."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import av.error
import numpy as np

from mediaserver.core.errors import Damaged
from mediaserver.media import ogg, regular, sides
from mediaserver.media.digest import short
from mediaserver.media.packets import PacketIndex, side_name

# Decoders that a bare CodecContext can feed from extradata, rate and layout alone. PCM goes by pattern.
_BARE = {"flac", "mp3", "mp3float", "aac", "alac", "vorbis", "opus", "wavpack"}
_PCM = re.compile(r"pcm_([suf])(8|16|24|32)(?:le|be)?")
_CODEC_NAMES = {"mp3float": "mp3"}
LOSSLESS = re.compile(r"flac|alac|wavpack|ape|tta|tak|wmalossless|mlp|truehd|shorten|dsd_\w+|dst|pcm_\w+|als|mp4als")
_OGG_HEADERS = {"vorbis": 3, "opus": 2}
_MOST_PACKETS = 20_000_000
_TRIED_PACKETS = 64
MOST_CHANNELS, LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 16, 1_000, 768_000
LONGEST_H = 72
"""The index of a stream of AAC holds 65,535 segments, which are nearly four seconds long."""
_MOST_IN_PACKET = 1 << 18
"""Samples. What a packet lasts beyond that, only its container says."""
_LONGEST_STEP = 2**31 - 1  # between two packets, as an index is packed
_DEEPEST = 24  # bits that are served; deeper sources are cut to them
_DIGEST_VERSION = 2
"""Raised whenever the same sound would get another digest."""
_WINDOW_BYTES, _BEHIND_BYTES = 256 * 1024, 72 * 1024  # a packet that spans Ogg pages is read again from its first one


@dataclass(frozen=True, slots=True)
class Survey:
    """What one pass over a file tells without decoding it."""

    index: PacketIndex | None
    """None where its packets cannot be read singly: a side file has to be made before it can be played."""
    codec: str
    digest: str


def survey(path: str) -> Survey:
    """Raises Damaged for what is no audio, and FileNotFoundError as opening the file does.

    What passes is not held against the file: Unavailable where the disk or the system gave out, and MemoryError, which
    a file may be to blame for where it comes again.
    """
    try:
        if not stat.S_ISREG(Path(path).stat().st_mode):  # it was a file a moment ago
            raise Damaged("it is no file")
        with av.open(path, **sides.OPENING) as container:
            return _surveyed(path, container)
    except (FileNotFoundError, Damaged):
        raise
    except av.error.FFmpegError as error:
        regular.must_be_to_blame(path, error)
        raise Damaged(f"not to be read as audio: {error.strerror}") from error
    except Exception as error:  # the boundary to a parser of hostile bytes: damaged headers leave anything unset
        regular.must_be_to_blame(path, error)
        raise Damaged("not to be read as audio: its structure is broken") from error


def index_file(path: str, *, side_dir: str | None = None) -> tuple[PacketIndex, str]:
    """The packet index and the sound digest, from one pass over the whole file.

    Formats whose packets cannot be read singly are decoded once into a FLAC side file in `side_dir`; without one
    they are refused. Raises as `survey` does, and OSError where the side file cannot be written.
    """
    found = survey(path)
    if found.index is not None:
        return found.index, found.digest
    if side_dir is None:
        raise Damaged("this format needs a place for a side file")
    return index_by_side(path, found.codec, Path(side_dir) / side_name(found.digest)), found.digest


def index_by_side(
    path: str, codec: str, side: Path, part: Path | None = None, is_unchanged: Callable[[], bool] = lambda: True
) -> PacketIndex:
    """The index of a sound by its side file, which is made where it is not there or not whole, as `sides.make` does."""
    index = _index_of_side(side) if side.exists() else None
    if index is None:
        sides.make(path, side, part, is_unchanged)
        index = _index_of_side(side)
    if index is None:
        raise Damaged("what was decoded of it cannot be read again")
    return replace(index, codec=codec, side=side.name, is_lossless=LOSSLESS.fullmatch(codec) is not None)


def _index_of_side(side: Path) -> PacketIndex | None:
    try:
        return survey(str(side)).index
    except Damaged:  # a power cut left it half written
        return None


class _Window:
    """Reads a file forward in large pieces."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._piece, self._at = b"", 0

    def read(self, length: int, offset: int) -> bytes:
        """Shorter than `length` where the file ends."""
        start = offset - self._at
        if not 0 <= start <= len(self._piece) - length:
            self._at = max(0, offset - _BEHIND_BYTES)
            start = offset - self._at
            self._piece = os.pread(self._descriptor, max(start + length, _WINDOW_BYTES), self._at)
        return self._piece[start : start + length]


class _Places:
    """Where each packet lies, proved against the file's bytes as they pass; `is_proved` ends with the first doubt."""

    def __init__(self, descriptor: int, *, is_ogg: bool, codec: str) -> None:
        self._read = _Window(descriptor).read
        self.is_proved = True
        self.positions, self.sizes = array("q"), array("i")
        self.firsts = array("i") if is_ogg else self.sizes
        self._pages: Iterator[ogg.OggPacket] | None = None
        if is_ogg:
            pages = ogg.packets(self._read, os.fstat(descriptor).st_size)
            self._pages = islice(pages, _OGG_HEADERS.get(codec, 0), None)

    def take(self, data: bytes, position: int | None) -> None:
        if not self.is_proved:
            return
        if self._pages is not None:
            self._take_ogg(self._pages, data)
        elif position is None or position < 0 or self._read(len(data), position) != data:
            self.is_proved = False
        else:
            self.positions.append(position)
            self.sizes.append(len(data))

    def _take_ogg(self, pages: Iterator[ogg.OggPacket], data: bytes) -> None:
        try:
            place = next((one for one in pages if one.size_bytes), ogg.OggPacket(0, 0, 0))
            is_same = place.size_bytes == len(data)
            if is_same and ogg.read(self._read, place.position, place.size_bytes, place.first_bytes) == data:
                self.positions.append(place.position)
                self.sizes.append(place.size_bytes)
                self.firsts.append(place.first_bytes)
                return
        except Damaged:
            pass  # as any other doubt
        self.is_proved = False


@dataclass(frozen=True, slots=True)
class _Decoded:
    """What the first frame is like, as the decoder really gives it (HE-AAC doubles its rate)."""

    sample_format: str
    layout: str
    channels: int
    rate_hz: int
    frame_samples: int


@dataclass(slots=True)
class _Passed:
    """What is kept of the packets that have passed."""

    places: _Places | None
    ticks: array[int]
    has_ticks: bool = True
    last_duration: int = 0
    first: bytes = b""
    """The beginning of the first one."""
    decoded: _Decoded | None = None


def _surveyed(path: str, container: av.container.InputContainer) -> Survey:
    if not container.streams.audio:
        raise Damaged("there is no audio in it")
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None or stream.time_base is None:
        raise Damaged("no decoder for this codec")
    decoder, extradata = context.name, bytes(context.extradata or b"")
    codec = _CODEC_NAMES.get(decoder, "pcm" if decoder.startswith("pcm_") else decoder)
    sound = hashlib.sha256()
    with Path(path).open("rb") as file:
        places = None
        if decoder in _BARE or _PCM.fullmatch(decoder):
            places = _Places(file.fileno(), is_ogg=container.format.name == "ogg", codec=codec)
        passed = _pass(container, stream, decoder, extradata, places, sound)
    index = _direct(container.format.name, stream, decoder, codec, extradata, passed)
    if index is None and not sides.can_be_made(path):
        raise Damaged("nothing in it can be decoded")
    # What is decoded is decided by these as well: the same packets with another delay are another sound.
    head = f"{_DIGEST_VERSION}/{codec}/{decoder if codec == 'pcm' else ''}/{context.sample_rate}/{context.layout.name}"
    span = f"/{int(index.starts[0])}/{index.length_samples}/" if index is not None else "/0/-1/"
    whole = hashlib.sha256(head.encode() + extradata + span.encode() + sound.digest())
    return Survey(index, codec, short(whole.digest()))


def _pass(
    container: av.container.InputContainer,
    stream: av.AudioStream,
    decoder: str,
    extradata: bytes,
    places: _Places | None,
    sound: Any,
) -> _Passed:
    """Reads every packet once: into the hash `sound`, against the file, and out of memory again."""
    passed = _Passed(places, array("q"))
    tried = _tried(stream, decoder, extradata) if places is not None else None
    count = 0
    for packet in container.demux(stream):
        if not packet.size:
            continue
        data = bytes(packet)
        sound.update(data)
        passed.first = passed.first or data[:64]
        if places is not None:
            places.take(data, packet.pos)
            passed.has_ticks = passed.has_ticks and packet.pts is not None
            passed.ticks.append(packet.pts or 0)
            passed.last_duration = packet.duration or 0
        if tried is not None and passed.decoded is None and count < _TRIED_PACKETS:
            passed.decoded = _first_frame(tried, data)
        count += 1
        if count > _MOST_PACKETS:
            raise Damaged("more packets than any sound has")
    if not count:
        raise Damaged("there is no sound in it")
    return passed


def _direct(
    format_name: str, stream: av.AudioStream, decoder: str, codec: str, extradata: bytes, passed: _Passed
) -> PacketIndex | None:
    """The index of a file whose packets are its own bytes; None where they are not."""
    places, decoded = passed.places, passed.decoded
    if places is None or not places.is_proved or stream.time_base is None:
        return None
    if decoded is None or not passed.has_ticks:
        return None
    rate_hz, frame_samples, count = decoded.rate_hz, decoded.frame_samples, len(places.sizes)
    scale = Fraction(stream.time_base) * rate_hz
    if codec == "mp3":
        delay = round((stream.start_time or 0) * scale)
        starts = np.arange(count, dtype=np.int64) * frame_samples - delay
        end = count * frame_samples - delay
        if delay and stream.duration:
            end = min(end, round(stream.duration * scale))
    elif codec == "aac" and format_name == "aac":
        starts = np.arange(count, dtype=np.int64) * frame_samples
        end = count * frame_samples
    else:
        starts = _scaled(np.frombuffer(passed.ticks, np.int64), scale)
        last_samples = round(passed.last_duration * scale) if passed.last_duration else frame_samples
        end = int(starts[-1]) + last_samples
        if codec in ("flac", "alac", "pcm", "wavpack") and int(starts[0]) != 0:
            return None
    if not 1 <= decoded.channels <= MOST_CHANNELS or not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise Damaged(f"{decoded.channels} channels at {rate_hz} Hz are more than any sound has")
    steps = np.diff(starts, append=end)
    most = LONGEST_H * 3600 * rate_hz
    if int(np.minimum(steps, _MOST_IN_PACKET).sum()) > most:
        raise Damaged(f"it lasts longer than {LONGEST_H} hours")
    # Where its container lies about the time, a side file holds what can be decoded, without the leaps.
    if end <= 0 or end > most or np.any(steps[:-1] <= 0) or np.any(steps[:-1] > _LONGEST_STEP):
        return None
    return PacketIndex(
        codec,
        decoder,
        extradata,
        decoded.sample_format,
        decoded.layout,
        decoded.channels,
        rate_hz,
        _bit_depth(codec, decoder, extradata, decoded.sample_format, passed.first),
        LOSSLESS.fullmatch(decoder) is not None,
        end,
        "",
        np.frombuffer(places.positions, np.int64),
        np.frombuffer(places.sizes, np.int32),
        np.frombuffer(places.firsts, np.int32),
        starts,
    )


def _scaled(ticks: np.ndarray, scale: Fraction) -> np.ndarray:
    if scale == 1:
        return ticks
    return np.fromiter((round(int(tick) * scale) for tick in ticks), np.int64, len(ticks))


def _tried(stream: av.AudioStream, decoder: str, extradata: bytes) -> Any:
    """A bare decoder, which knows of the container no more than a segment's maker will."""
    context: Any = av.CodecContext.create(decoder, "r")
    if extradata:
        context.extradata = extradata
    context.sample_rate = stream.codec_context.sample_rate
    context.layout = stream.codec_context.layout
    return context


def _first_frame(context: Any, data: bytes) -> _Decoded | None:
    try:
        frames = context.decode(av.Packet(data))
    except av.error.FFmpegError:
        return None
    for frame in frames:
        if frame.samples:
            layout = frame.layout
            return _Decoded(frame.format.name, layout.name, layout.nb_channels, frame.sample_rate, frame.samples)
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
