"""Where log lines go."""

from __future__ import annotations

import contextlib
import io
import logging
import subprocess
import sys

import pytest

from mediaserver.core import logs

pytestmark = pytest.mark.usefixtures("logging_as_before")


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


def test_a_name_makes_no_line_of_its_own_and_commands_no_terminal() -> None:
    logs.set_up("info")
    with contextlib.redirect_stderr(io.StringIO()) as redirected:
        logging.getLogger("music").warning("%s is away", "/srv/\x1b[2Jevil\n2026-11-26 ERROR root: forged\u202e")
        try:
            raise ValueError("\x1b]0;title\x07")
        except ValueError:
            logging.getLogger("music").exception("it failed")
    lines = redirected.getvalue().splitlines()
    assert lines[0].endswith(r"music: /srv/\x1b[2Jevil\n2026-11-26 ERROR root: forged\u202e is away")
    assert lines[1].endswith("music: it failed")
    assert lines[-1] == r"ValueError: \x1b]0;title\x07"
    assert lines[2] == "Traceback (most recent call last):"


def test_the_journal_is_told_the_level_of_every_line() -> None:
    """A real pipe, named in JOURNAL_STREAM as systemd does."""
    program = """
import logging, os, sys
found = os.fstat(2)
os.environ["JOURNAL_STREAM"] = f"{found.st_dev}:{found.st_ino}"
from mediaserver.core import logs
logs.set_up("debug")
log = logging.getLogger("music")
log.debug("much")
log.info("scanned")
log.warning("low")
try:
    raise ValueError("first\\nsecond")
except ValueError:
    log.exception("failed")
"""
    lines = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True).stderr.splitlines()
    assert lines[:4] == ["<7>music: much", "<6>music: scanned", "<4>music: low", "<3>music: failed"]
    assert lines[-2:] == ["<3>ValueError: first", "<3>second"]
    assert all(line.startswith("<3>") for line in lines[3:])


def test_what_only_inherited_the_name_of_a_journal_is_none() -> None:
    assert not logs.goes_to_journal(2, {"JOURNAL_STREAM": "1:2"})
    assert not logs.goes_to_journal(2, {})
