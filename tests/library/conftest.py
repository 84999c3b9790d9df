"""Music that a test may change."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def music(tmp_path: Path, seeded_library: Path) -> Path:
    return Path(shutil.copytree(seeded_library, tmp_path / "music"))
