"""Where things stand that more than one part of the server has to find."""

from __future__ import annotations

from pathlib import Path


def lock_file(data_dir: Path) -> Path:
    """Held by the one server of the data directory."""
    return data_dir / "lock"


def cache_dir(setting: str, data_dir: Path) -> Path:
    """Where segments, side files and covers go; `setting` is `streaming.cache_dir`, "" for none."""
    return Path(setting).expanduser() if setting else data_dir / "cache"
