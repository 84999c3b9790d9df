"""Raw tags and stream facts out of Matroska and WebM with sound alone, by PyAV. No type of it leaves here."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any, BinaryIO

import av
import av.error
from av.stream import Disposition

from mediaserver.core.errors import Damaged
from mediaserver.media import gains, probe, sides
from mediaserver.media.raw import RawTags

# By the level that a tag is about, as its target type is called (RFC 9559, 5.1.8.1.1); without one, it is the track.
_OF_ALBUM = {
    "title": "album",
    "artist": "albumartist",
    "date_released": "date",
    "date_recorded": "date",
    "date": "date",
    "genre": "genre",
    "replaygain_gain": "replaygain_album_gain",
    "replaygain_peak": "replaygain_album_peak",
}
_OF_TRACK = {
    "title": "title",
    "artist": "artist",
    "artists": "artists",
    "album": "album",
    "album_artist": "albumartist",
    "albumartist": "albumartist",
    "genre": "genre",
    "date": "date",
    "date_released": "date",
    "date_recorded": "date",
    "track": "tracknumber",
    "tracknumber": "tracknumber",
    "part_number": "tracknumber",
    "disc": "discnumber",
    "discnumber": "discnumber",
    "compilation": "compilation",
    "replaygain_gain": "replaygain_track_gain",
    "replaygain_peak": "replaygain_track_peak",
    **{name: name for name in gains.NAMES},
}
_LEVELS = {
    "album": _OF_ALBUM,
    "collection": {},
    "edition": {},
    "disc": {"part_number": "discnumber", "track": "discnumber"},
    "track": _OF_TRACK,
    "song": _OF_TRACK,
    "": _OF_TRACK,
}
_LANGUAGE = re.compile(r"-[a-z]{3}$")
_CODECS = {"mp3float": "mp3", "dca": "dts", "mp2float": "mp2"}
_PCM_BITS = re.compile(r"pcm_[suf](\d+)")
_MOST_PACKETS = 20_000_000
_MOST_PICTURES = 20
_LONGEST_DELAY_S = 1.0


def read(file: BinaryIO) -> RawTags:
    """Tags, facts and pictures. Raises Damaged (the message is the reason) and OSError."""
    file.seek(0)
    try:
        with av.open(file, format="matroska", **sides.OPENING) as container:
            return _read(container)
    except (Damaged, MemoryError):
        raise
    except av.error.FFmpegError as error:
        raise Damaged("its structure is broken") from error
    except OSError:
        raise
    except Exception as error:  # the boundary to a parser of hostile bytes
        raise Damaged("its structure is broken") from error


def _read(container: av.container.InputContainer) -> RawTags:
    pictures = [one for one in container.streams.video if one.disposition & Disposition.attached_pic]
    if len(pictures) < len(container.streams.video):
        raise Damaged("not audio alone: it has moving pictures")
    if not container.streams.audio:
        raise Damaged("not audio: there is no sound in it")
    stream = container.streams.audio[0]
    context = stream.codec_context
    if context is None:
        raise Damaged("no decoder for this codec")
    decoder = context.name
    raw = RawTags(container="matroska")
    raw.codec = "pcm" if decoder.startswith("pcm_") else _CODECS.get(decoder, decoder)
    raw.rate_hz, raw.channels = context.sample_rate, context.layout.nb_channels
    raw.is_lossless = probe.LOSSLESS.fullmatch(decoder) is not None
    if raw.is_lossless:
        raw.bit_depth = _bit_depth(decoder, context)
    _add_tags(raw, container.metadata, stream.metadata)
    for n, (data, mime) in enumerate(_pictures(container, pictures)):
        raw.add_picture(data, mime, is_front=n == 0)
    if container.duration:
        raw.duration_s = container.duration / av.time_base - _delay_s(container, stream)
    else:
        raw.duration_s = _counted_s(container, stream)
    return raw


def _bit_depth(decoder: str, context: Any) -> int:
    told = _PCM_BITS.match(decoder)
    if told:
        return int(told[1])
    extradata = bytes(context.extradata or b"")
    if decoder == "flac" and len(extradata) >= 18:  # STREAMINFO, RFC 9639, 8.2
        return ((extradata[12] & 1) << 4 | extradata[13] >> 4) + 1
    return 16 if context.format.name.startswith(("s16", "u8")) else 24


def _add_tags(raw: RawTags, *named: dict[str, str]) -> None:
    """The file's and the stream's, by level; what is said of the track itself wins over what is said of the file."""
    for tags in named:
        for key, value in tags.items():
            level, _, name = key.lower().rpartition("/")
            found = _LEVELS.get(level, {}).get(_LANGUAGE.sub("", name))
            if found:
                raw.values.pop(found, None)
                raw.add(found, [value])


def _pictures(container: Any, streams: list[Any]) -> list[tuple[bytes, str]]:
    """Front cover first: it is called `cover` by the specification (RFC 9559, 21.2)."""
    found = []
    for stream in streams[:_MOST_PICTURES]:
        # It is given before anything that is read of the file.
        packet = next(iter(islice(container.demux(stream), 1)), None)
        if packet is not None and packet.size:
            name = str(stream.metadata.get("filename", "")).lower()
            found.append((not name.startswith("cover"), bytes(packet), str(stream.metadata.get("mimetype", ""))))
    return [(data, mime) for _, data, mime in sorted(found, key=lambda one: one[0])]


def _delay_s(container: Any, stream: Any) -> float:
    """What its encoder put before the sound (CodecDelay), which the declared length counts: the first packet is that
    much early.
    """
    first = next((packet.pts for packet in islice(container.demux(stream), 1)), None)
    return min(_LONGEST_DELAY_S, max(0.0, -float((first or 0) * stream.time_base)))


def _counted_s(container: Any, stream: Any) -> float:
    """For what was recorded live, whose head tells no length: the end of its last packet. Reads all of the file."""
    last = 0
    for n, packet in enumerate(container.demux(stream)):
        if n > _MOST_PACKETS:
            raise Damaged("more packets than any sound has")
        if packet.size and packet.pts is not None:
            last = max(last, packet.pts + (packet.duration or 0))
    return float(last * stream.time_base)
