"""The files of an own authority: made once, closed to others, never half, renewed by themselves."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest
from cryptography import x509

from mediaserver.core.errors import Invalid
from mediaserver.tls.own import Own
from tests.clock import FakeClock

DAY_S = 86_400
NAMES = ["localhost", "127.0.0.1", "pi.local"]


def opened(folder: Path, clock: FakeClock, names: list[str] | None = None, extra: tuple[str, ...] = ()) -> Own:
    asked = NAMES if names is None else names
    return Own(folder, "Music", extra, lambda: asked, clock)


def leaf_of(folder: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates((folder / "tls" / "server.pem").read_bytes())[0]


def names_of(certificate: x509.Certificate) -> set[str]:
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(one.value) for one in found}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_it_is_made_once_and_kept_for_its_owner_alone(tmp_path: Path, clock: FakeClock) -> None:
    first = opened(tmp_path, clock)
    leaf = leaf_of(tmp_path)
    again = opened(tmp_path, clock)
    assert again.fingerprint == first.fingerprint
    assert leaf_of(tmp_path) == leaf
    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "tls").iterdir()}
    assert files == {"authority.pem": 0o600, "server.pem": 0o600}
    assert stat.S_IMODE((tmp_path / "tls").stat().st_mode) == 0o700
    assert b"PRIVATE" not in first.root_pem


def test_it_is_renewed_before_it_ends_and_when_an_address_comes(tmp_path: Path, clock: FakeClock) -> None:
    names = list(NAMES)
    own = opened(tmp_path, clock, names)
    before, context = leaf_of(tmp_path), own.context
    own.refresh()
    assert own.context is context, "nothing was due"
    names.append("192.168.1.9")
    own.refresh()
    assert own.context is not context
    assert names_of(leaf_of(tmp_path)) == {*names}
    names.remove("192.168.1.9")
    context = own.context
    own.refresh()
    assert own.context is context, "what went may come back"
    clock.advance(seconds=340 * DAY_S)
    own.refresh()
    assert own.context is not context
    assert leaf_of(tmp_path).not_valid_after_utc > before.not_valid_after_utc
    assert own.warnings() == []
    clock.advance(seconds=3300 * DAY_S)
    assert "the authority of this house ends on" in own.warnings()[0]


def test_names_that_it_cannot_vouch_for_are_told_and_left_out(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    opened(tmp_path, clock)
    own = opened(tmp_path, clock, [*NAMES, "music.example.org", "203.0.113.9"], extra=("music.example.org",))
    assert names_of(leaf_of(tmp_path)) == set(NAMES)
    assert own.warnings() == ["the authority of this house cannot vouch for music.example.org"]
    assert "delete" in caplog.text
    (tmp_path / "tls" / "authority.pem").unlink()
    own = opened(tmp_path, clock, [*NAMES, "music.example.org"], extra=("music.example.org",))
    assert "music.example.org" in names_of(leaf_of(tmp_path))
    assert own.warnings() == []


def test_a_damaged_authority_is_told_and_never_replaced(tmp_path: Path, clock: FakeClock) -> None:
    opened(tmp_path, clock)
    file = tmp_path / "tls" / "authority.pem"
    file.write_bytes(file.read_bytes()[:200])
    damaged = file.read_bytes()
    with pytest.raises(Invalid, match="is damaged: restore it from a backup, or delete it"):
        opened(tmp_path, clock)
    assert file.read_bytes() == damaged


def test_a_certificate_that_was_cut_off_by_a_crash_is_made_anew(tmp_path: Path, clock: FakeClock) -> None:
    own = opened(tmp_path, clock)
    file = tmp_path / "tls" / "server.pem"
    file.write_bytes(file.read_bytes()[:100])
    (tmp_path / "tls" / "server.new").write_bytes(b"half")
    again = opened(tmp_path, clock)
    assert again.fingerprint == own.fingerprint
    assert names_of(leaf_of(tmp_path)) == set(NAMES)


def test_a_key_that_others_could_read_is_taken_back_with_a_word(
    tmp_path: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    opened(tmp_path, clock)
    (tmp_path / "tls").chmod(0o755)
    (tmp_path / "tls" / "authority.pem").chmod(0o644)
    opened(tmp_path, clock)
    assert stat.S_IMODE((tmp_path / "tls" / "authority.pem").stat().st_mode) == 0o600
    assert caplog.text.count("could be read by others") == 2
