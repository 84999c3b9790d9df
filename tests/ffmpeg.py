"""Debian's ffmpeg, a judge that is not built from our libraries."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def decoded(source: Path | str, channels: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """All that it decodes of a file or an address: float32, shape (channels, samples). It must not complain."""
    if shutil.which("ffmpeg") is None:
        pytest.skip("left out: ffmpeg is not installed")
    command = ["ffmpeg", "-v", "error", "-xerror", "-i", str(source), "-map", "0:a:0", "-f", "f32le", "-"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=120)
    assert not done.stderr, done.stderr.decode(errors="replace")
    return np.frombuffer(done.stdout, "<f4").reshape(-1, channels).T
