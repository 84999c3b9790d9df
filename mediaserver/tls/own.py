"""The authority of this house in its files, and the server's certificate, made anew whenever it has to be.

Two files in `tls/` of the data directory, each whole at any moment and for their owner alone: `authority.pem` and
`server.pem`, a key with its certificates.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mediaserver.core.clock import Clock
from mediaserver.core.errors import Invalid, Unavailable
from mediaserver.core.machine import HOUSE_SUFFIXES, own_names
from mediaserver.tls import authority as authorities
from mediaserver.tls.authority import Authority, Leaf, fingerprint, permitted, to_pem
from mediaserver.tls.contexts import context_of

log = logging.getLogger(__name__)

FOLDER = "tls"


class Own:
    """`names` tells under which names and addresses the server is asked for at that moment.

    Raises Invalid (a file is damaged) and Unavailable (the folder cannot be written).
    """

    def __init__(
        self, data_dir: Path, server_name: str, extra: Sequence[str], names: Callable[[], Iterable[str]], clock: Clock
    ) -> None:
        """`extra` are further names, `server.names`, for which a new authority may vouch."""
        self._names = names
        self._clock = clock
        self._folder = data_dir / FOLDER
        self._make_folder()
        self._authority = self._opened(server_name, extra)
        self._leaf: Leaf | None = None
        beyond = sorted(set(extra) - set(permitted(self._authority, extra)))
        self._beyond = f"the authority of this house cannot vouch for {', '.join(beyond)}" if beyond else ""
        if beyond:
            log.warning(
                "%s: delete %s for a new one, which every device has to install", self._beyond, self._authority_file
            )
        self.context: ssl.SSLContext
        self.refresh()

    @property
    def root_pem(self) -> bytes:
        """What devices install; no secret."""
        return to_pem(self._authority.root)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self._authority.root)

    @property
    def ends(self) -> datetime:
        return self._authority.root.not_valid_after_utc

    def refresh(self) -> None:
        now, names = self._now(), permitted(self._authority, self._names())
        leaf, is_kept = self._leaf or self._kept_leaf(), True
        if leaf is None or authorities.is_due(leaf, self._authority, names, now):
            leaf, is_kept = authorities.new_leaf(self._authority, names, now), False
            self._write(self._leaf_file, to_pem(leaf.key, leaf.certificate, self._authority.certificate))
            log.info(
                "made a certificate for %s; it ends on %s",
                ", ".join(names),
                leaf.certificate.not_valid_after_utc.date(),
            )
        if leaf is not self._leaf or not is_kept:
            self.context = context_of(self._leaf_file)
            self._leaf = leaf

    def warnings(self) -> Sequence[str]:
        soon = self.ends - timedelta(days=90)
        over = [f"the authority of this house ends on {self.ends.date()}"] if self._now() > soon else []
        return [*over, *([self._beyond] if self._beyond else [])]

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)

    @property
    def _authority_file(self) -> Path:
        return self._folder / "authority.pem"

    @property
    def _leaf_file(self) -> Path:
        return self._folder / "server.pem"

    def _make_folder(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            if self._folder.stat().st_mode & 0o077:
                self._folder.chmod(0o700)
                log.warning("%s could be read by others and is closed now", self._folder)
        except OSError as error:
            raise Unavailable(f"{self._folder} cannot be used: {error.strerror}") from error

    def _opened(self, server_name: str, extra: Sequence[str]) -> Authority:
        """The authority that is there, or the first one."""
        try:
            pem = self._authority_file.read_bytes()
        except FileNotFoundError:
            return self._made(server_name, extra)
        except OSError as error:
            raise Unavailable(f"{self._authority_file} cannot be read: {error.strerror}") from error
        if self._authority_file.stat().st_mode & 0o077:
            self._authority_file.chmod(0o600)
            log.warning("%s could be read by others and is closed now: delete it if it was", self._authority_file)
        try:
            return authorities.read_authority(pem)
        except Invalid as error:
            raise Invalid(
                f"{self._authority_file} {error}: restore it from a backup, or delete it for a new authority, which"
                " every device has to install"
            ) from error

    def _made(self, server_name: str, extra: Sequence[str]) -> Authority:
        names = own_names()
        label = names[1] if len(names) > 1 else names[0]
        suffixes = ["localhost", label, *HOUSE_SUFFIXES, *(name.lower().removesuffix(".") for name in extra)]
        made = authorities.new_authority(f"{server_name} ({label})", suffixes, self._now())
        self._write(self._authority_file, to_pem(made.key, made.certificate, made.root))
        log.info("made the certificate authority of this house, SHA-256 %s", fingerprint(made.root))
        return made

    def _kept_leaf(self) -> Leaf | None:
        try:
            return authorities.read_leaf(self._leaf_file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, Invalid) as error:
            log.info("%s is made anew: %s", self._leaf_file, error)
            return None

    def _write(self, path: Path, pem: bytes) -> None:
        """Whole or not at all, for its owner alone from the first moment. Raises Unavailable."""
        new = path.with_suffix(".new")
        try:
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path)
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise Unavailable(f"{path} cannot be written: {error.strerror}") from error
