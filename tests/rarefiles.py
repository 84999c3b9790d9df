"""Files of the formats that PyAV reads and does not write: Monkey's Audio, Musepack."""

from __future__ import annotations

import hashlib
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

from tests import audio

HAS_MUSEPACK = shutil.which("mpcenc") is not None

_RATE_HZ = 44_100
_FRAME_BLOCKS = 73_728 * 4
_IS_SPECIAL, _BOTH_SILENT = 1 << 31, 3


def ape(path: Path, *, seconds: float = 1.0) -> Path:
    """Monkey's Audio 3.99 of stereo silence, after the description of the format in its SDK: a frame may say that it is
    silent instead of holding coded sound."""
    count = round(seconds * _RATE_HZ)
    frames = -(-count // _FRAME_BLOCKS)
    last = count - (frames - 1) * _FRAME_BLOCKS
    wave = b"RIFF" + struct.pack("<I4s4sIHHIIHH4sI", 36 + 4 * count, b"WAVE", b"fmt ", 16, 1, 2, _RATE_HZ, 4 * _RATE_HZ,
                                 4, 16, b"data", 4 * count)  # fmt: skip
    first = 52 + 24 + 4 * frames + len(wave)
    body = b""
    for n in range(frames):
        blocks = last if n == frames - 1 else _FRAME_BLOCKS
        crc = zlib.crc32(bytes(4 * blocks)) >> 1 | _IS_SPECIAL
        body += struct.pack("<III", crc, _BOTH_SILENT, 0)  # words of 32 bits, read from their high end
    header = struct.pack("<HHIIIHHI", 2000, 0, _FRAME_BLOCKS, last, frames, 16, 2, _RATE_HZ)
    seek = struct.pack(f"<{frames}I", *(first + 12 * n for n in range(frames)))
    md5 = hashlib.md5(wave + body + header + seek, usedforsecurity=False).digest()
    sizes = (52, 24, 4 * frames, len(wave), len(body), 0, 0)
    path.write_bytes(struct.pack("<4sHH7I16s", b"MAC ", 3990, 0, *sizes, md5) + header + seek + wave + body)
    return path


def mpc(path: Path, *, seconds: float = 1.0, seed: int = 1) -> Path:
    """Musepack SV8 of the chirps of `audio`, by mpcenc (Debian's musepack-tools)."""
    wave = audio.write(path.with_suffix(".wav"), seconds=seconds, seed=seed)
    subprocess.run(["mpcenc", "--silent", "--overwrite", wave, path], check=True, capture_output=True)
    wave.unlink()
    return path
