"""Secrets that a browser or device carries: random, shown once, stored as a digest."""

from __future__ import annotations

import hashlib
import secrets
import string

_HANDLE_ALPHABET = string.ascii_lowercase + string.digits
_HANDLE_LENGTH = 16
_LONGEST_SECRET = 128


def new_secret(prefix: str = "") -> str:
    """256 random bits as base64url, behind `prefix`."""
    return prefix + secrets.token_urlsafe(32)


def new_handle(length: int = _HANDLE_LENGTH) -> str:
    """A public name for a grant or key: random, of a-z and 0-9."""
    return "".join(secrets.choice(_HANDLE_ALPHABET) for _ in range(length))


def stored_form(secret: str) -> bytes:
    """SHA-256: enough, because the secret is random and long."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def plausible(secret: str) -> bool:
    """Whether it is worth asking the database about."""
    return 0 < len(secret) <= _LONGEST_SECRET and secret.isascii()
