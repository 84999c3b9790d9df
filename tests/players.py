"""Players of other people, as judges of what is served: each plays an address to its end and gives what it heard."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

_LIMIT_S = 180
Heard = np.ndarray[Any, np.dtype[np.float32]]
"""Shape (channels, samples), -1 to 1."""


def ffmpeg(url: str, channels: int, folder: Path, *, stream: int = 0, options: Sequence[str] = ()) -> Heard:
    """`stream` is one of the qualities that a playlist or manifest lists."""
    out = folder / "ffmpeg.pcm"
    args = ["-nostdin", "-v", "error", "-xerror", "-y", *options, "-i", url, "-map", f"0:a:{stream}", "-f", "f32le"]
    _run(["ffmpeg", *args, str(out)])
    return _floats(out, channels)


def mpv(url: str, channels: int, folder: Path) -> Heard:
    out = folder / "mpv.pcm"
    args = ["--no-config", "--no-terminal", "--no-video", "--ao=pcm", f"--ao-pcm-file={out}", "--ao-pcm-waveheader=no"]
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[channels]
    _run(["mpv", *args, "--audio-format=float", f"--audio-channels={layout}", url])
    return _floats(out, channels)


def gstreamer(url: str, channels: int, folder: Path) -> Heard:
    """Of playbin3 and its newer demuxers of HLS and DASH."""
    out = folder / "gstreamer.pcm"
    sink = f"audioconvert ! audio/x-raw,format=F32LE,layout=interleaved,channels={channels} ! filesink location={out}"
    _run(["gst-launch-1.0", "-q", "playbin3", f"uri={url}", "flags=audio", f"audio-sink={sink}"])
    return _floats(out, channels)


def vlc(url: str, channels: int, _folder: Path) -> Heard:
    """It refuses to be root, and says nothing when it fails: then there is no file, or an empty one."""
    with tempfile.TemporaryDirectory(prefix="mediaserver-vlc-") as home:  # not below `folder`, which only root reads
        Path(home).chmod(0o777)
        out = Path(home) / "vlc.wav"
        sout = f"#transcode{{acodec=s16l,channels={channels}}}:std{{access=file,mux=wav,dst={out}}}"
        args = ["cvlc", "-q", "--no-video", "--play-and-exit", "--sout", sout, url, "vlc://quit"]
        as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] if os.geteuid() == 0 else []
        _run([*as_nobody, *args], env={**os.environ, "HOME": home, "XDG_RUNTIME_DIR": home})
        with wave.open(str(out)) as file:
            raw = np.frombuffer(file.readframes(file.getnframes()), np.int16)
    return (raw.reshape(-1, channels).T / np.float32(32768)).astype(np.float32)


PLAYERS: dict[str, tuple[str, Callable[[str, int, Path], Heard]]] = {
    "ffmpeg": ("ffmpeg", ffmpeg),
    "mpv": ("mpv", mpv),
    "GStreamer": ("gst-launch-1.0", gstreamer),
    "VLC": ("cvlc", vlc),
}


def need(program: str) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"left out: {program}")


def _run(args: Sequence[str], env: dict[str, str] | None = None) -> None:
    done = subprocess.run(args, env=env, capture_output=True, text=True, timeout=_LIMIT_S, check=False)
    assert done.returncode == 0, f"{args[0]}: {done.stderr[-2000:]}"


def _floats(file: Path, channels: int) -> Heard:
    raw = np.fromfile(file, np.float32)
    file.unlink()
    return raw.reshape(-1, channels).T
