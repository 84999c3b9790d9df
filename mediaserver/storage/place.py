"""Where SQLite keeps the data."""

from __future__ import annotations

from pathlib import Path


def sqlite_file(data_dir: Path) -> Path:
    return data_dir / "mediaserver.db"
