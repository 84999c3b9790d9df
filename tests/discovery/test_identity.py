"""Who a server is, over restarts and damage."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from mediaserver.discovery.identity import FILE_NAME, Identity, load, save


def test_an_identity_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    made = load(tmp_path)
    assert re.fullmatch("[0-9a-f]{16}", made.id)
    assert load(tmp_path) == made
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_the_number_goes_with_the_name_it_was_given_for(tmp_path: Path) -> None:
    save(tmp_path, Identity("0123456789abcdef", "Music", 3))
    kept = load(tmp_path)
    assert kept.number_of("Music") == 3
    assert kept.number_of("Attic") == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b'{"id": "../../etc"}',
        b'{"id": "0123456789abcdef", "number": 0}',
        b'{"id": "0123456789abcdef", "number": 1e99}',
        b'{"id": "0123456789abcdef"' + b" " * 10_000 + b"}",
    ],
)
def test_a_damaged_file_is_made_anew(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    made = load(tmp_path)
    assert made.number == 1
    assert load(tmp_path) == made


def test_where_nothing_can_be_written_there_is_an_identity_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    made = load(tmp_path / "gone")
    assert re.fullmatch("[0-9a-f]{16}", made.id)
    assert "cannot be written: No such file or directory" in caplog.text
