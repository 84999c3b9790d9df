"""What the authority of a house signs, what it cannot, and when another certificate is due. OpenSSL is the judge."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from mediaserver.core.errors import Invalid
from mediaserver.tls import authority as authorities
from mediaserver.tls.authority import Authority, is_due, new_authority, new_leaf, permitted, to_pem

NOW = datetime.now(UTC)
SUFFIXES = ["localhost", "pi", "local", "fritz.box", "music.example.org"]
NAMES = ["localhost", "pi", "pi.local", "pi.fritz.box", "127.0.0.1", "192.168.1.5", "fd00::5"]


@pytest.fixture(scope="module")
def house() -> Authority:
    return new_authority("Music (pi)", SUFFIXES, NOW)


def verified(folder: Path, authority: Authority, leaf: authorities.Leaf, *options: str) -> str:
    """What `openssl verify` says, with the root trusted and the intermediate sent along."""
    for name, part in (("root", authority.root), ("between", authority.certificate), ("leaf", leaf.certificate)):
        (folder / f"{name}.pem").write_bytes(to_pem(part))
    words = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "root.pem", "-untrusted"]
    ended = subprocess.run(
        [*words, "between.pem", *options, "leaf.pem"], cwd=folder, capture_output=True, text=True, check=False
    )
    return ended.stdout + ended.stderr


def test_a_certificate_for_the_house_verifies_by_name_and_address(house: Authority, tmp_path: Path) -> None:
    leaf = new_leaf(house, NAMES, NOW)
    for options in (
        ("-verify_hostname", "pi.local"),
        ("-verify_hostname", "pi"),
        ("-verify_ip", "192.168.1.5"),
        ("-verify_ip", "fd00::5"),
    ):
        assert verified(tmp_path, house, leaf, *options) == "leaf.pem: OK\n"
    assert "hostname mismatch" in verified(tmp_path, house, leaf, "-verify_hostname", "other.local")


@pytest.mark.parametrize("name", ["bank.example", "example.org", "notmusic.example.org.evil", "8.8.8.8", "2001:db8::1"])
def test_with_the_stolen_key_nothing_outside_of_the_house_can_be_signed(
    house: Authority, tmp_path: Path, name: str
) -> None:
    assert permitted(house, [name]) == []
    leaf = new_leaf(house, [name], NOW)
    assert "permitted subtree violation" in verified(tmp_path, house, leaf)


def test_with_the_stolen_key_no_further_authority_can_be_made(house: Authority, tmp_path: Path) -> None:
    thief = new_authority("Thief", ["example"], NOW)
    forged = authorities._authority_of(
        thief.certificate.subject,
        house.certificate.subject,
        thief.key,
        house.key,
        NOW,
        NOW + timedelta(days=9),
        x509.NameConstraints([x509.DNSName("example")], None),
        below=0,
    )
    leaf = new_leaf(Authority(house.root, forged, thief.key), ["bank.example"], NOW)
    (tmp_path / "more.pem").write_bytes(to_pem(house.certificate, forged))
    told = verified(tmp_path, house, leaf, "-untrusted", "more.pem")
    assert "path length constraint exceeded" in told or "permitted subtree violation" in told, told


def test_the_root_key_is_kept_nowhere(house: Authority) -> None:
    assert house.key.public_key() != house.root.public_key()
    kept = authorities.read_authority(to_pem(house.key, house.certificate, house.root))
    assert kept.root == house.root
    assert kept.key.public_key() == house.certificate.public_key()


def test_a_certificate_lasts_no_longer_than_phones_take(house: Authority) -> None:
    leaf = new_leaf(house, NAMES, NOW).certificate
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= timedelta(days=397)
    assert leaf.not_valid_before_utc < NOW - timedelta(hours=1), "clocks of a house differ"


def test_it_vouches_for_what_lies_below_its_names_alone(house: Authority) -> None:
    asked = [
        "pi",
        "a.pi",
        "xpi",
        "deep.pi.local",
        "music.example.org",
        "example.org",
        "10.1.2.3",
        "11.1.2.3",
        "fe80::1",
    ]
    assert permitted(house, [*asked, "pi"]) == [
        "pi",
        "a.pi",
        "deep.pi.local",
        "music.example.org",
        "10.1.2.3",
        "fe80::1",
    ]


@pytest.mark.parametrize(
    ("names", "days", "due"),
    [
        (NAMES, 0, False),
        (NAMES[:3], 0, False),
        (NAMES, 335, False),
        (NAMES, 337, True),
        (NAMES, 5000, True),
        ([*NAMES, "192.168.1.6"], 0, True),
        ([*NAMES, "music.local"], 0, True),
        (NAMES, -3, True),
        (NAMES, -20_000, False),
    ],
)
def test_another_is_due_where_it_ends_or_a_name_is_new(
    house: Authority, names: list[str], days: int, due: bool
) -> None:
    leaf = new_leaf(house, NAMES, NOW)
    assert is_due(leaf, house, names, NOW + timedelta(days=days)) is due


def test_another_is_due_where_the_authority_is_another(house: Authority) -> None:
    other = new_authority("Music (pi)", SUFFIXES, NOW)
    assert is_due(new_leaf(other, NAMES, NOW), house, NAMES, NOW)


def test_a_clock_that_was_never_set_makes_nothing_that_is_over(tmp_path: Path) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    house = new_authority("Music (pi)", SUFFIXES, epoch)
    assert house.root.not_valid_after_utc.year >= 2035


@pytest.mark.parametrize("damage", [b"", b"garbage", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_cannot_be_read_is_told(house: Authority, damage: bytes) -> None:
    with pytest.raises(Invalid):
        authorities.read_authority(damage)
    with pytest.raises(Invalid):
        authorities.read_authority(to_pem(house.key, house.root, house.root))
    with pytest.raises(Invalid):
        authorities.read_leaf(to_pem(house.key))
