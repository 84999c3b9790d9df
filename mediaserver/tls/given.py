"""A certificate and its key that somebody else keeps, as certbot does; taken anew when the files change."""

from __future__ import annotations

import logging
import ssl
import stat
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Invalid
from mediaserver.tls.contexts import context_of

log = logging.getLogger(__name__)

_SOON = timedelta(days=14)
Stamp = tuple[int, int, int]


class Given:
    """Raises Invalid where the files cannot be used. One that is over or not valid yet is used, and told: the clock may
    be wrong, and music with a warning is better than none."""

    def __init__(self, certificate: Path, key: Path, clock: Clock) -> None:
        self._files = (certificate, key)
        self._clock = clock
        self._stamps = self._looked_at()
        self.context, self._first = self._taken()
        for warning in self.warnings():
            log.warning("%s: %s", certificate, warning)

    @property
    def names(self) -> list[str]:
        """DNS names of the certificate, without those that stand for many."""
        try:
            names = self._first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            return []
        return [name.lower() for name in names.get_values_for_type(x509.DNSName) if "*" not in name]

    def refresh(self) -> None:
        stamps = self._looked_at()
        if stamps == self._stamps:
            return
        self.context, self._first = self._taken()
        self._stamps = stamps
        end = self._first.not_valid_after_utc
        log.info("took the certificate that is there now; it ends on %s", end.date())

    def warnings(self) -> Sequence[str]:
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        begin, end = self._first.not_valid_before_utc, self._first.not_valid_after_utc
        if now > end:
            return [f"the TLS certificate ended on {end.date()}: browsers warn of this server until it is renewed"]
        if now < begin:
            return [f"the TLS certificate is valid from {begin.date()} on: is the clock of this machine right?"]
        if now > end - _SOON:
            return [f"the TLS certificate ends on {end.date()} and has not been renewed yet"]
        return []

    def _looked_at(self) -> list[Stamp]:
        """What changes when a file is written or replaced, also behind a link. Raises Invalid."""
        stamps = []
        for path, what in zip(self._files, ("certificate", "key"), strict=True):
            try:
                status = path.stat()
            except OSError as error:
                raise Invalid(f"the {what} {path} cannot be read: {error.strerror}") from error
            stamps.append((status.st_mtime_ns, status.st_ino, status.st_size))
        return stamps

    def _taken(self) -> tuple[ssl.SSLContext, x509.Certificate]:
        certificate, key = self._files
        try:
            pem = certificate.read_bytes()
            key_mode = key.stat().st_mode
            key.open("rb").close()
        except OSError as error:
            raise Invalid(f"{error.filename} cannot be read: {error.strerror}") from error
        try:
            certificates = x509.load_pem_x509_certificates(pem)
        except ValueError as error:
            raise Invalid(f"there is no certificate in {certificate}; it has to be PEM") from error
        context = context_of(certificate, key)
        if key_mode & (stat.S_IROTH | stat.S_IWOTH):
            log.warning("the key %s can be read or written by everybody on this machine: chmod 600", key)
        if len(certificates) == 1 and certificates[0].issuer != certificates[0].subject:
            log.info(
                "%s holds one certificate: where devices refuse it, name the whole chain (fullchain.pem)", certificate
            )
        return context, certificates[0]
