"""The certificate authority of one house, and the certificates that it gives to the server. Pure but for chance.

A root, which people install, has signed one intermediate, and its key was thrown away then: what is kept, and could be
stolen, is the key of the intermediate. That one may vouch for names of a house and private addresses alone, and for
intermediates every verifier enforces this (RFC 5280, 4.2.1.10), for roots some do not. Decision 0023.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from mediaserver.core.errors import Invalid

AUTHORITY_DAYS = 3650
LEAF_DAYS = 397
"""Apple takes at most 825 days from an authority that somebody installed, 398 from others."""
RENEW_DAYS = 60
_BEFORE = timedelta(days=1)
"""So long before a certificate is made it holds already: the clocks of a house differ."""
_EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""Older than the program nothing can be: a clock that says so, as after a power cut on a Pi, has not been set yet."""
_MOST_NAMES = 100
_PRIVATE = "127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16 169.254.0.0/16 100.64.0.0/10 ::1/128 fc00::/7 fe80::/10"
PRIVATE = tuple(ipaddress.ip_network(network) for network in _PRIVATE.split())


@dataclass(frozen=True, slots=True)
class Authority:
    """What is needed to give out certificates; `root` is what people install."""

    root: x509.Certificate
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


@dataclass(frozen=True, slots=True)
class Leaf:
    """The server's own certificate."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def new_authority(name: str, suffixes: Iterable[str], now: datetime) -> Authority:
    """`name` is what devices show; below `suffixes`, and for private addresses, it may vouch. Its root key is gone."""
    begin, end = _span(now, AUTHORITY_DAYS)
    permitted: list[x509.GeneralName] = [x509.DNSName(suffix) for suffix in dict.fromkeys(suffixes)]
    permitted += [x509.IPAddress(network) for network in PRIVATE]
    limits = x509.NameConstraints(permitted_subtrees=permitted, excluded_subtrees=None)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = _name(f"{name} authority")
    root = _authority_of(root_name, root_name, root_key, root_key, begin, end, limits, below=1)
    certificate = _authority_of(_name(f"{name} server"), root_name, key, root_key, begin, end, limits, below=0)
    return Authority(root, certificate, key)


def new_leaf(authority: Authority, names: Sequence[str], now: datetime) -> Leaf:
    """For `names`, which are DNS names and addresses that the authority may vouch for."""
    begin, end = _span(now, LEAF_DAYS - _BEFORE.days)
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    usage = _usage(signs_certificates=False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name("mediaserver"))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(min(end, issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general(one) for one in names[:_MOST_NAMES]]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
    )
    return Leaf(builder.sign(authority.key, hashes.SHA256()), key)


def permitted(authority: Authority, names: Iterable[str]) -> list[str]:
    """Those of the names and addresses that the authority may vouch for, each once, in their order."""
    limits = authority.certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    subtrees = limits.permitted_subtrees or []
    suffixes = [one.value for one in subtrees if isinstance(one, x509.DNSName)]
    networks = [ipaddress.ip_network(str(one.value)) for one in subtrees if isinstance(one, x509.IPAddress)]

    def may(name: str) -> bool:
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return any(name == suffix or name.endswith(f".{suffix}") for suffix in suffixes)
        return any(address in network for network in networks)

    return [name for name in dict.fromkeys(names) if may(name)]


def is_due(leaf: Leaf, authority: Authority, names: Iterable[str], now: datetime) -> bool:
    """Whether another leaf is wanted: it ends soon, has not begun, lacks a name, or is another authority's."""
    certificate = leaf.certificate
    has = {str(one.value) for one in certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value}
    wanted = list(names)[:_MOST_NAMES]
    is_over = now > certificate.not_valid_after_utc - timedelta(days=RENEW_DAYS)
    # A clock that has not been set yet is no reason: what is there holds again once it is.
    is_early = _EARLIEST <= now < certificate.not_valid_before_utc
    return is_over or is_early or not set(wanted) <= has or not _is_of(certificate, authority)


def to_pem(*parts: x509.Certificate | ec.EllipticCurvePrivateKey) -> bytes:
    """One text; with a key in it, it is a secret."""
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    pkcs8 = serialization.PrivateFormat.PKCS8
    return b"".join(
        one.public_bytes(pem) if isinstance(one, x509.Certificate) else one.private_bytes(pem, pkcs8, plain)
        for one in parts
    )


def read_authority(pem: bytes) -> Authority:
    """What `to_pem(key, certificate, root)` wrote. Raises Invalid."""
    key, (certificate, root) = _read(pem, 2)
    return Authority(root, certificate, key)


def read_leaf(pem: bytes) -> Leaf:
    """What `to_pem(key, certificate, ...)` wrote. Raises Invalid."""
    key, (certificate, *_) = _read(pem, 2)
    return Leaf(certificate, key)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256, as devices show it: 32 pairs of digits with colons."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def _read(pem: bytes, count: int) -> tuple[ec.EllipticCurvePrivateKey, list[x509.Certificate]]:
    try:
        key = serialization.load_pem_private_key(pem, None)
        certificates = x509.load_pem_x509_certificates(pem)
    except (ValueError, TypeError) as error:
        raise Invalid("is damaged") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or len(certificates) != count:
        raise Invalid("is not what the server wrote")
    if certificates[0].public_key() != key.public_key():
        raise Invalid("holds a certificate of another key")
    return key, certificates


def _is_of(certificate: x509.Certificate, authority: Authority) -> bool:
    try:
        certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _authority_of(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    begin: datetime,
    end: datetime,
    limits: x509.NameConstraints,
    *,
    below: int,
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=below), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(limits, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    return builder.sign(by, hashes.SHA256())


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _span(now: datetime, days: int) -> tuple[datetime, datetime]:
    now = max(now, _EARLIEST).replace(microsecond=0)
    return now - _BEFORE, now + timedelta(days=days)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
