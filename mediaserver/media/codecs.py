"""What the audio library of this machine can read and make: for whoever looks whether it is whole."""

from __future__ import annotations

import av
import av.codec

# For each kind of music what reads it: the container, and every codec that files of it hold.
READ = {
    "MP3": ("mp3", ("mp3float", "mp2float")),
    "FLAC": ("flac", ("flac",)),
    "Ogg Vorbis": ("ogg", ("vorbis",)),
    "Opus": ("ogg", ("opus",)),
    "AAC": ("mov", ("aac",)),
    "ALAC": ("mov", ("alac",)),
    "WAV": ("wav", ("pcm_s16le", "pcm_s24le", "pcm_f32le")),
    "AIFF": ("aiff", ("pcm_s16be", "pcm_s24be")),
    "WMA": ("asf", ("wmav1", "wmav2", "wmapro", "wmalossless")),
    "APE": ("ape", ("ape",)),
    "WavPack": ("wv", ("wavpack",)),
    "Musepack": ("mpc8", ("mpc7", "mpc8")),
    "DSF": ("dsf", ("dsd_lsbf_planar", "dsd_msbf_planar")),
    "DFF": ("iff", ("dsd_msbf", "dst")),
    "TTA": ("tta", ("tta",)),
    "Matroska": ("matroska", ("flac", "opus", "vorbis", "aac", "pcm_s16le", "ac3", "eac3", "dca")),
}
MADE = {"AAC": "aac", "Opus": "libopus", "FLAC": "flac"}


def version() -> str:
    """Of PyAV and of the libavcodec in it."""
    return f"PyAV {av.__version__}, libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"


def unreadable() -> list[str]:
    """Kinds of music that cannot be read here."""
    containers = {part for name in av.formats_available for part in name.split(",")}
    return [
        kind
        for kind, (container, codecs) in READ.items()
        if container not in containers or not all(_has(codec, "r") for codec in codecs)
    ]


def unmakeable() -> list[str]:
    """Kinds of sound that cannot be made here."""
    return [kind for kind, codec in MADE.items() if not _has(codec, "w")]


def _has(name: str, mode: str) -> bool:
    try:
        av.codec.Codec(name, mode)  # type: ignore[arg-type]
    except av.codec.codec.UnknownCodecError:
        return False
    return True
