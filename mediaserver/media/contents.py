"""What kind of audio a file holds by its first bytes, whatever it is called. Pure but for reading them."""

from __future__ import annotations

from typing import BinaryIO

_HEAD_BYTES = 64
_MAGIC = (
    (b"fLaC", "flac"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"MAC ", "ape"),
    (b"wvpk", "wavpack"),
    (b"MPCK", "musepack"),
    (b"MP+", "musepack"),
    (b"DSD ", "dsf"),
    (b"TTA1", "tta"),
    (b"\x1a\x45\xdf\xa3", "matroska"),  # EBML: whether it is Matroska shows its parser
)


def kind_of(head: bytes) -> str:
    """By the bytes behind any ID3v2 tag: the container as `media.tags` calls it, for Ogg its codec; "" unknown."""
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:4] == b"OggS":
        inner = ((b"OpusHead", "opus"), (b"\x01vorbis", "vorbis"), (b"\x7fFLAC", "oggflac"))
        return next((kind for magic, kind in inner if magic in head), "")
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[:4] == b"FRM8" and head[12:16] == b"DSD ":
        return "dff"
    if head[4:8] == b"ftyp":
        return "mp4"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:  # the sync word of MPEG audio and of ADTS
        return "aac" if head[1] & 0xF6 == 0xF0 else "mp3" if head[1] & 0x06 else ""
    return ""


def kind_in(file: BinaryIO) -> str:
    """`kind_of` an open file, which is left at its beginning; what has an ID3v2 tag and no other mark is MP3."""
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    is_tagged = head[:3] == b"ID3" and len(head) >= 10
    if is_tagged:
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        file.seek(10 + size + (10 if head[5] & 0x10 else 0))
        head = file.read(_HEAD_BYTES)
    file.seek(0)
    return kind_of(head) or ("mp3" if is_tagged else "")
