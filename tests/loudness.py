"""Signals whose loudness is known, and ffmpeg as the judge of any others."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mediaserver.media.loudness import measure
from mediaserver.media.measured import Measured
from mediaserver.media.packets import waiting
from mediaserver.media.probe import survey
from tests import audio

RATE_HZ = 48_000
Wave = np.ndarray[Any, np.dtype[np.float64]]

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="left out: ffmpeg")


def sine(
    parts: Sequence[tuple[float, float]], *, hz: float = 1000.0, degrees: float = 0.0, rate_hz: int = RATE_HZ
) -> Wave:
    """One channel: parts of (dBFS of the crest, seconds), one after the other."""
    levels = np.concatenate([np.full(round(seconds * rate_hz), 10 ** (dbfs / 20)) for dbfs, seconds in parts])
    return levels * np.sin(2 * np.pi * hz * np.arange(len(levels)) / rate_hz + np.deg2rad(degrees))


def stereo(one: Wave) -> Wave:
    return np.stack([one, one])


def music(seed: int, seconds: float, *, dbfs: float = -20.0, rate_hz: int = 44_100) -> Wave:
    """Stereo that is now loud and now soft, with rests: noise under an envelope that wanders."""
    random = np.random.default_rng(seed)
    knots = random.uniform(-28, 0, max(2, round(seconds / 1.5)))
    count = round(seconds * rate_hz)
    envelope = np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots)
    white = np.clip(random.standard_normal((2, count + 3)) / 3, -1, 1)
    # Music has little near half the rate, where every upsampling filter finds another true peak.
    noise = sum(white[:, n : n + count] for n in range(4)) / 2
    return noise * 10 ** ((envelope + dbfs) / 20)


def measured(path: Path) -> Measured:
    found = survey(str(path))
    return measure(str(path), found.index.packed() if found.index is not None else waiting(found.codec))


def of_wave(path: Path, wave: Wave, *, layout: str = "stereo", rate_hz: int = RATE_HZ) -> Measured:
    """Of this sound in a FLAC file of 24 bits."""
    return measured(audio.write(path, "flac", wave=wave, layout=layout, rate_hz=rate_hz, sample_format="s32"))


def judged(path: Path) -> tuple[float, float, float]:
    """By the program ffmpeg: LUFS, LU and dBTP."""
    asked = ["ffmpeg", "-hide_banner", "-nostats", "-v", "error", "-i", str(path), "-map", "0:a:0"]
    graph = "ebur128=peak=true:metadata=1:framelog=verbose,ametadata=print:file=-"
    done = subprocess.run([*asked, "-af", graph, "-f", "null", "-"], capture_output=True, text=True, check=True)
    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("lavfi.r128."))
    peak = max(float(value) for name, value in told.items() if "true_peaks_ch" in name)
    return float(told["lavfi.r128.I"]), float(told["lavfi.r128.LRA"]), 20 * np.log10(peak)
