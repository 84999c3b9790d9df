from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.command import Command


@pytest.fixture
def command(tmp_path: Path, database_url: str) -> Command:
    return Command(tmp_path / "a data directory", database_url)
