"""What the tests' own environment has installed, but for the server itself: for environments that tests make."""

from __future__ import annotations

import site
from pathlib import Path


def packages_at(folder: Path) -> Path:
    """A folder for PYTHONPATH; a pip that looks there finds all that the server needs, and asks no index."""
    folder.mkdir()
    for installed in site.getsitepackages():
        for one in Path(installed).iterdir():
            if "mediaserver" not in one.name and one.suffix != ".pth":
                (folder / one.name).symlink_to(one)
    return folder
