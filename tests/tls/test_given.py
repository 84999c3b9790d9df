"""Certificates that are given: what is wrong is told, and a renewal is taken while the server runs."""

from __future__ import annotations

import logging
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from mediaserver.core.errors import Invalid
from mediaserver.core.settings import SettingsInvalid, load
from mediaserver.tls.given import Given
from tests.clock import FakeClock

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Pair:
    certificate: Path
    key: Path


def made(folder: Path, name: str, days: int = 90) -> Pair:
    """As somebody makes them on the command line."""
    pair = Pair(folder / f"{name}.crt", folder / f"{name}.key")
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -addext"
    names = "subjectAltName=DNS:Music.example.org,DNS:*.example.org,IP:127.0.0.1"
    files = ["-days", str(days), "-out", str(pair.certificate), "-keyout", str(pair.key)]
    subprocess.run([*words.split(), names, *files], check=True, capture_output=True)
    return pair


@pytest.fixture
def clock() -> FakeClock:
    """A minute ahead: what a test makes now begins before it."""
    return FakeClock(int(time.time() * 1000) + 60_000)


def test_a_pair_is_taken_with_its_names(tmp_path: Path, clock: FakeClock) -> None:
    pair = made(tmp_path, "a")
    given = Given(pair.certificate, pair.key, clock)
    assert given.names == ["music.example.org"]
    assert given.warnings() == []


def test_what_is_wrong_is_told(tmp_path: Path, clock: FakeClock) -> None:
    a, b = made(tmp_path, "a"), made(tmp_path, "b")
    nothing, garbage, locked = tmp_path / "none", tmp_path / "garbage", tmp_path / "locked.key"
    garbage.write_bytes(b"\x30\x82 no PEM")
    lock = ["openssl", "pkcs8", "-topk8", "-in", str(a.key), "-out", str(locked), "-passout", "pass:secret"]
    subprocess.run(lock, check=True, capture_output=True)
    for certificate, key, told in (
        (nothing, a.key, f"the certificate {nothing} cannot be read: No such file"),
        (a.certificate, nothing, f"the key {nothing} cannot be read: No such file"),
        (a.certificate, b.key, f"the key {b.key} does not belong to the certificate {a.certificate}"),
        (garbage, a.key, f"there is no certificate in {garbage}; it has to be PEM"),
        (a.key, a.key, "there is no certificate in"),
        (a.certificate, garbage, "or its key cannot be used"),
        (a.certificate, locked, "is encrypted: take its password off"),
        (tmp_path, a.key, f"{tmp_path} cannot be read: Is a directory"),
    ):
        with pytest.raises(Invalid) as wrong:
            Given(certificate, key, clock)
        assert told in str(wrong.value)


@pytest.mark.parametrize(
    ("days", "told"),
    [(80, "ends on"), (91, "ended on"), (-2, "is the clock of this machine right?")],
)
def test_one_that_is_over_or_to_come_serves_with_a_word(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture, days: int, told: str
) -> None:
    pair = made(tmp_path, "a")
    clock.advance(seconds=days * DAY_S)
    given = Given(pair.certificate, pair.key, clock)
    assert told in given.warnings()[0]
    assert str(pair.certificate) not in given.warnings()[0], "these words are for everybody"
    assert told in caplog.text


def test_a_key_that_everybody_can_read_is_told(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    pair = made(tmp_path, "a")
    Given(pair.certificate, pair.key, clock)
    assert "everybody" not in caplog.text
    pair.key.chmod(0o644)
    Given(pair.certificate, pair.key, clock)
    assert "can be read or written by everybody on this machine: chmod 600" in caplog.text


def test_a_renewal_behind_links_is_taken_as_soon_as_both_files_fit(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """As certbot does it: links that are turned one after the other."""
    caplog.set_level(logging.INFO)
    old, new = made(tmp_path, "old", 5), made(tmp_path, "new", 90)
    live = Pair(tmp_path / "fullchain.pem", tmp_path / "privkey.pem")
    live.certificate.symlink_to(old.certificate)
    live.key.symlink_to(old.key)
    given = Given(live.certificate, live.key, clock)
    before = given.context
    assert "ends on" in given.warnings()[0]
    given.refresh()
    assert given.context is before

    def turn(link: Path, to: Path) -> None:
        (tmp_path / "link").symlink_to(to)
        (tmp_path / "link").replace(link)

    turn(live.key, new.key)
    with pytest.raises(Invalid, match="does not belong"):
        given.refresh()
    assert given.context is before, "what was there goes on"
    turn(live.certificate, new.certificate)
    given.refresh()
    assert given.context is not before
    assert given.warnings() == []
    assert "took the certificate that is there now" in caplog.text


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"TLS": "given"}, "server.tls_certificate: expected a file"),
        ({"TLS": "given", "TLS_CERTIFICATE": "/a"}, "server.tls_key: expected a file"),
        ({"TLS_CERTIFICATE": "/a"}, 'is of use only with server.tls = "given", not "off"'),
        ({"TLS": "own", "TLS_KEY": "/a"}, 'is of use only with server.tls = "given", not "own"'),
        ({"TLS": "own", "TLS_HSTS": "true"}, "server.tls_hsts: expected"),
        ({"TLS": "yes"}, 'expected one of "off", "own", "given"'),
        ({"TLS": "given", "TLS_CERTIFICATE": "a", "TLS_KEY": "/b"}, "expected a whole path"),
    ],
)
def test_settings_that_make_no_sense_together_are_told(settings: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsInvalid, match=told.replace("(", r"\(")):
        load(None, {f"MEDIASERVER_SERVER__{name}": value for name, value in settings.items()})
