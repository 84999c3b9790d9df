"""What must stand in no log is taken out of it."""

from __future__ import annotations

import contextlib
import io
import logging

import pytest

from mediaserver.core import logs
from mediaserver.core.masking import masked, masked_address
from mediaserver.core.seldom import Seldom

SECRET = "s3cr3t-Zz_" + "x" * 33
SIGNED = f"1795680000.ab12.hpty8tymkjg8nrrc.99.{SECRET}"


@pytest.mark.parametrize(
    "line",
    [
        f"GET /e/{SIGNED}/DIGEST/aac.10.x/0.m4s",
        f"GET //E//{SIGNED}/x",
        f"b'GET /%65/{SIGNED}'",
        f"token ms_{SECRET} was used",
        f"Got b'Cookie: a=b; mediaserver_session={SECRET}; c=d'",
        f"{{'Cookie': 'mediaserver_session={SECRET}'}}",
        f"Authorization: Bearer {SECRET}",
        f"X-CSRF-Token: {SECRET}",
        f"/setup?link={SECRET}",
        f"postgresql://music:{SECRET}@db/music",
        f'{{"password": "{SECRET}"}}',
    ],
)
def test_secrets_are_hidden_wherever_they_stand(line: str) -> None:
    assert "s3cr3t" not in masked(line)


def test_what_is_no_secret_stays() -> None:
    for line in ("/api/v1/albums/12 200 34 B", "scanned 3 files in /music/Hymns", "/api/v1/covers/" + "A" * 22):
        assert masked(line) == line


def test_an_address_that_leads_nowhere_keeps_nothing_that_could_be_a_secret() -> None:
    assert masked_address(f"/%65/{SIGNED}", is_known=False).count("s3cr3t") == 0
    assert masked_address(f"/x/{SECRET}", is_known=False) == "/x/-"
    assert masked_address("/a\nb\x1b[2J", is_known=False) == "/a?b?[2J"


@pytest.mark.usefixtures("logging_as_before")
def test_a_traceback_that_quotes_a_secret_is_masked_in_the_log() -> None:
    logs.set_up("info")
    with contextlib.redirect_stderr(io.StringIO()) as written:
        try:
            raise ValueError(f"Cookie: mediaserver_session={SECRET}")
        except ValueError:
            logging.getLogger("music").exception("failed")
    assert "ValueError" in written.getvalue()
    assert "s3cr3t" not in written.getvalue()


def test_a_line_that_strangers_cause_is_written_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now_s = [0.0]
    seldom = Seldom(logging.getLogger("door"), every_s=60, now_s=lambda: now_s[0])
    for n in range(500):
        seldom.say(logging.INFO, "%s knocked", f"stranger {n}")
    now_s[0] = 61
    seldom.say(logging.INFO, "%s knocked", "somebody")
    assert [record.message for record in caplog.records] == [
        "stranger 0 knocked",
        "somebody knocked (499 more before)",
    ]
