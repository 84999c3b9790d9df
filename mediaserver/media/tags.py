"""Raw tags and stream facts out of an audio file, by mutagen but for Matroska. No mutagen type leaves this module."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any, BinaryIO

import mutagen
from mutagen import MutagenError
from mutagen.aac import AAC
from mutagen.aiff import AIFF
from mutagen.apev2 import APEBinaryValue
from mutagen.asf import ASF
from mutagen.dsdiff import DSDIFF
from mutagen.dsf import DSF
from mutagen.flac import FLAC, Picture
from mutagen.flac import error as FLACError
from mutagen.id3 import ID3
from mutagen.monkeysaudio import MonkeysAudio
from mutagen.mp3 import MP3
from mutagen.mp4 import MP4
from mutagen.musepack import Musepack
from mutagen.oggflac import OggFLAC
from mutagen.oggopus import OggOpus
from mutagen.oggvorbis import OggVorbis
from mutagen.trueaudio import TrueAudio
from mutagen.wave import WAVE
from mutagen.wavpack import WavPack

from mediaserver.core.errors import Damaged
from mediaserver.media import contents, gains, id3
from mediaserver.media.kinds import KINDS
from mediaserver.media.raw import RawTags

_FRONT_COVER = 3
_SHEET = "cuesheet"
_AUDIO_TRACK, _LEAD_OUT = 0, 170  # FLAC calls it 255 where the sheet is of no CD

# Our names for what the formats call differently; Vorbis comments already have them, in capitals.
_ID3 = {
    "TIT2": "title",
    "TPE1": "artist",
    "TALB": "album",
    "TPE2": "albumartist",
    "TCON": "genre",
    "TRCK": "tracknumber",
    "TPOS": "discnumber",
    "TCMP": "compilation",
    "TDRC": "date",
    "TDOR": "originaldate",
    "TYER": "date",
}
_MP4 = {
    "\xa9nam": "title",
    "\xa9ART": "artist",
    "\xa9alb": "album",
    "aART": "albumartist",
    "\xa9gen": "genre",
    "\xa9day": "date",
    "cpil": "compilation",
}
_ASF = {
    "title": "title",
    "author": "artist",
    "wm/albumtitle": "album",
    "wm/albumartist": "albumartist",
    "wm/genre": "genre",
    "wm/year": "date",
    "wm/tracknumber": "tracknumber",
    "wm/track": "tracknumber",
    "wm/partofset": "discnumber",
    "wm/iscompilation": "compilation",
    "wm/artists": "artists",
}
_COMMON = {
    "title": "title",
    "artist": "artist",
    "artists": "artists",
    "album": "album",
    "albumartist": "albumartist",
    "album artist": "albumartist",
    "albumartists": "albumartists",
    "album_artist": "albumartist",
    "genre": "genre",
    "date": "date",
    "year": "date",
    "originaldate": "originaldate",
    "tracknumber": "tracknumber",
    "track": "tracknumber",
    "discnumber": "discnumber",
    "disc": "discnumber",
    "compilation": "compilation",
    **{name: name for name in gains.NAMES},
}


def read(file: BinaryIO) -> RawTags:
    """Tags, facts and pictures of an audio file. Raises Damaged (the message is the reason) and OSError."""
    if contents.kind_in(file) == "matroska":
        from mediaserver.media import matroska  # PyAV, which the serving process does not load

        return matroska.read(file)
    parsed = _parsed(file)
    if parsed is None:
        raise Damaged("not audio that is known here")
    try:
        return _read(parsed)
    except Exception as error:
        raise Damaged(_reason(error)) from error


def _parsed(file: BinaryIO) -> Any:
    """Parsers of hostile bytes: over damaged files mutagen was seen to raise ValueError, IndexError, KeyError and
    ZeroDivisionError beside its own error. Nothing of it may end a scan.
    """
    held = _BY_CONTENTS.get(contents.kind_in(file))
    kind = held if held is not None and held is not MP3 else _parser(file.name) or held
    try:
        if kind is not None:
            try:
                # A third faster than asking every parser how well the file suits it.
                return kind(file, **_OPTIONS.get(kind, {}))
            except Exception as error:
                if isinstance(_cause(error), OSError):
                    raise
                file.seek(0)
        if held is not None and held is not kind:  # mutagen's own choice goes by the name
            return held(file)
        return mutagen.File(file)
    except Exception as error:
        cause = _cause(error)
        if isinstance(cause, OSError) and cause.errno is not None:
            raise cause from error
        raise Damaged(_reason(error)) from error


def _reason(error: Exception) -> str:
    """In words; mutagen's own name their parser, not the fault."""
    if "Header" in type(error).__name__:
        return "no header of its format was found in it"
    return "its structure is broken"


def _cause(error: Exception) -> BaseException:
    """Mutagen wraps what the system said."""
    inner = error.args[0] if isinstance(error, MutagenError) and error.args else error
    return inner if isinstance(inner, OSError) else error


def _read(file: Any) -> RawTags:
    raw = RawTags()
    info = file.info
    raw.duration_s = float(getattr(info, "length", 0) or 0)
    raw.rate_hz = int(getattr(info, "sample_rate", 0) or 0)
    raw.channels = int(getattr(info, "channels", 0) or 0)
    raw.bitrate_bps = int(getattr(info, "bitrate", 0) or 0)
    for kinds, container, codec, is_lossless in _KINDS:
        if isinstance(file, kinds):
            raw.container, raw.codec, raw.is_lossless = container, codec, is_lossless
            break
    else:
        raise ValueError("not audio that is known here")
    if raw.container == "mp4":
        raw.codec, raw.is_lossless = _mp4_codec(info.codec)
    elif raw.container == "asf" and "lossless" in str(info.codec_name).lower():
        raw.codec, raw.is_lossless = "wmalossless", True
    if raw.is_lossless:
        bits = int(getattr(info, "bits_per_sample", 0) or 0)
        raw.bit_depth = bits if bits > 1 else (24 if raw.codec == "dsd" else 16)
    if raw.codec == "opus":
        raw.rate_hz = 48_000  # whatever was encoded, Opus decodes at this rate (RFC 7845, 5.1)
    if isinstance(file, FLAC):
        raw.total_samples, raw.block_samples = int(info.total_samples), int(info.max_blocksize)
        raw.sound_id = info.md5_signature.to_bytes(16, "big") if info.md5_signature else b""
        _add_flac_pictures(raw, file.pictures)
        _add_marks(raw, file.cuesheet)
    if isinstance(file, MP3):
        raw.audio_start = int(getattr(info, "frame_offset", 0) or 0)
    _add_tags(raw, file)
    if isinstance(file, Musepack):  # its gains stand in its header
        raw.add("replaygain_track_gain", [getattr(info, "title_gain", "")])
        raw.add("replaygain_album_gain", [getattr(info, "album_gain", "")])
    return raw


_KINDS: tuple[tuple[Any, str, str, bool], ...] = (
    (MP3, "mp3", "mp3", False),
    (FLAC, "flac", "flac", True),
    (OggOpus, "ogg", "opus", False),
    (OggVorbis, "ogg", "vorbis", False),
    (OggFLAC, "ogg", "flac", True),
    (MP4, "mp4", "aac", False),
    (WAVE, "wav", "pcm", True),
    (AIFF, "aiff", "pcm", True),
    (ASF, "asf", "wma", False),
    (MonkeysAudio, "ape", "ape", True),
    (WavPack, "wavpack", "wavpack", True),
    (Musepack, "musepack", "musepack", False),
    (DSF, "dsf", "dsd", True),
    (DSDIFF, "dff", "dsd", True),
    (AAC, "aac", "aac", False),
    (TrueAudio, "tta", "tta", True),
)


_PARSERS = {
    "mp3": MP3,
    "flac": FLAC,
    "ogg": OggVorbis,
    "mp4": MP4,
    "wav": WAVE,
    "aiff": AIFF,
    "asf": ASF,
    "ape": MonkeysAudio,
    "wavpack": WavPack,
    "musepack": Musepack,
    "dsf": DSF,
    "dff": DSDIFF,
    "tta": TrueAudio,
}

_OPTIONS: dict[Any, dict[str, Any]] = {MP3: {"known_frames": id3.FRAMES}}

_BY_CONTENTS: dict[str, Any] = {
    **_PARSERS,
    "opus": OggOpus,
    "vorbis": OggVorbis,
    "oggflac": OggFLAC,
    "aac": AAC,
}


def _parser(name: str) -> Any:
    """The one that suits a file of this name, most likely; None where it may hold several things."""
    suffix = PurePath(name).suffix.lower()
    if suffix == ".opus":
        return OggOpus
    kind = KINDS.get(suffix)
    return _PARSERS.get(kind.containers[0]) if kind is not None and len(kind.containers) == 1 else None


def _mp4_codec(codec: str) -> tuple[str, bool]:
    if codec == "alac":
        return "alac", True
    if codec.lower() == "flac":
        return "flac", True
    if codec.lower() == "opus":
        return "opus", False
    return "aac", False


def _add_tags(raw: RawTags, file: Any) -> None:
    tags = file.tags
    if tags is None:
        return
    if isinstance(tags, ID3):
        _add_id3(raw, tags)
    elif isinstance(file, MP4):
        _add_mp4(raw, tags)
    elif isinstance(file, ASF):
        for key, values in tags.items():
            name = _ASF.get(key.lower()) or _COMMON.get(key.lower())
            if name:
                raw.add(name, [v.value for v in values])
            elif key.lower() == _SHEET:
                raw.add_sheet(v.value for v in values)
            elif key.lower() == "wm/picture":
                _add_asf_pictures(raw, values)
    else:
        _add_named(raw, _comments(tags) if isinstance(tags, list) else tags)


def _comments(tags: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Vorbis comments by name: mutagen's own look-up goes through all of them for each."""
    named: dict[str, list[str]] = {}
    for key, value in tags:
        named.setdefault(key.lower(), []).append(value)
    return named


def _add_named(raw: RawTags, tags: Mapping[str, Any]) -> None:
    """Vorbis comments and APEv2, whose names are words."""
    for key, value in tags.items():
        lower = key.lower()
        name = _COMMON.get(lower)
        if isinstance(value, APEBinaryValue):
            if lower.startswith("cover art"):
                _, _, data = bytes(value.value or b"").partition(b"\0")
                raw.add_picture(data, "", is_front="front" in lower)
        elif name:
            # The first name wins: ALBUMARTIST before "ALBUM ARTIST", DATE before YEAR.
            if name not in raw.values or lower == name:
                raw.values.pop(name, None)
                raw.add(name, value if isinstance(value, list) else list(value))
        elif lower == _SHEET:
            raw.add_sheet(value)
        elif lower == "metadata_block_picture":
            for text in value:
                try:
                    picture = Picture(base64.b64decode(text))  # type: ignore[no-untyped-call]
                except (binascii.Error, FLACError, TypeError, ValueError):
                    continue
                _add_flac_pictures(raw, [picture])


def _add_id3(raw: RawTags, tags: ID3) -> None:
    for frame in tags.values():  # type: ignore[no-untyped-call]
        name = _ID3.get(frame.FrameID)
        if name == "genre":
            raw.add(name, frame.genres)
        elif name:
            if name == "date" and frame.FrameID == "TYER" and "date" in raw.values:
                continue
            raw.add(name, frame.text)
        elif frame.FrameID == "TXXX":
            description, texts = id3.user_text(frame)
            named = _COMMON.get(description.lower())
            if description.lower() == _SHEET:
                raw.add_sheet(texts)
            elif named and named not in raw.values:
                raw.add(named, texts)
        elif frame.FrameID == "RVA2" and frame.desc.lower() in ("track", "album") and frame.channel == 1:  # all
            raw.add(f"replaygain_{frame.desc.lower()}_gain", [f"{frame.gain:.6f}"])
        elif frame.FrameID == "APIC":
            raw.add_picture(frame.data, frame.mime, is_front=int(frame.type) == _FRONT_COVER)


def _add_mp4(raw: RawTags, tags: Any) -> None:
    for key, values in tags.items():
        name = _MP4.get(key)
        if key in ("trkn", "disk"):
            number, total = values[0]
            raw.add("tracknumber" if key == "trkn" else "discnumber", [f"{number}/{total}"])
        elif name == "compilation":
            raw.add(name, ["1" if values else "0"])
        elif name:
            raw.add(name, values if isinstance(values, list) else [values])
        elif key == "covr":
            for n, cover in enumerate(values):
                mime = "image/png" if getattr(cover, "imageformat", 0) == cover.FORMAT_PNG else "image/jpeg"
                raw.add_picture(bytes(cover), mime, is_front=n == 0)
        elif key.startswith("----:"):
            own = key.rsplit(":", 1)[-1].lower()
            named, texts = _COMMON.get(own), (bytes(v).decode("utf-8", "replace") for v in values)
            if own == _SHEET:
                raw.add_sheet(texts)
            elif named and named not in raw.values:
                raw.add(named, texts)


def _add_asf_pictures(raw: RawTags, values: Iterable[Any]) -> None:
    """WM/PICTURE: type, length, MIME and description in UTF-16, then the bytes."""
    for value in values:
        data = bytes(value.value)
        kind, size = data[0], int.from_bytes(data[1:5], "little")
        at = 5
        words = []
        for _ in range(2):
            end = at
            while data[end : end + 2] not in (b"\0\0", b""):
                end += 2
            words.append(data[at:end].decode("utf-16-le", "replace"))
            at = end + 2
        raw.add_picture(data[at : at + size], words[0], is_front=kind == _FRONT_COVER)


def _add_marks(raw: RawTags, sheet: Any) -> None:
    """Of the tracks of sound in a FLAC file's own block."""
    for track in sheet.tracks if sheet is not None else ():
        begins = [index.index_offset for index in track.indexes if index.index_number == 1]
        if track.type == _AUDIO_TRACK and 0 < track.track_number < _LEAD_OUT and begins:
            raw.marks.append((track.track_number, track.start_offset + begins[0]))


def _add_flac_pictures(raw: RawTags, pictures: Iterable[Any]) -> None:
    for picture in pictures:
        raw.add_picture(picture.data, picture.mime, is_front=picture.type == _FRONT_COVER)
