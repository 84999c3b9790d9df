"""Where log lines go."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator

import pytest

from mediaserver.core import logs


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def test_lines_follow_standard_error_when_it_is_redirected() -> None:
    logs.set_up("info")
    with contextlib.redirect_stderr(io.StringIO()) as redirected:
        logging.getLogger("music").info("scanned %d files", 3)
    assert redirected.getvalue().endswith("INFO    music: scanned 3 files\n")


def test_only_lines_of_the_asked_level_are_written() -> None:
    logs.set_up("warning")
    with contextlib.redirect_stderr(io.StringIO()) as redirected:
        logging.getLogger("music").info("quiet")
        logging.getLogger("music").warning("loud")
    assert "quiet" not in redirected.getvalue()
    assert "loud" in redirected.getvalue()
