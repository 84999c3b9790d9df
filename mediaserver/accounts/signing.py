"""The token in an address of media: EXP.KID.GRANT.CAP.SIG. Pure; the whole design is in docs/addresses.md."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from mediaserver.core.errors import Forbidden

GRACE_S = 12 * 3600
REFUSAL = "this address does not hold"
_TOKEN = re.compile(r"([0-9]{1,11})\.([a-z0-9]{1,16})\.([a-z0-9]{1,32})\.([0-9]{2})\.([A-Za-z0-9_-]{43})", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Token:
    """A token whose form is right; nothing is proved yet."""

    expires_at_s: int
    kid: str
    grant: str
    cap: int
    signed_text: str
    signature: str


def expiry_s(now_ms: int, duration_ms: int) -> int:
    """The end of validity, seconds UTC: now + duration + 12 h, rounded up to the hour."""
    return -(-(now_ms + duration_ms + GRACE_S * 1000) // 3_600_000) * 3600


def _signature(key: bytes, signed_text: str, digest: str) -> str:
    raw = hmac.new(key, f"{signed_text}/{digest}".encode("ascii"), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def sign(key: bytes, kid: str, *, expires_at_s: int, grant: str, cap: int, digest: str) -> str:
    """The token for one digest. `cap` is 0 to 99."""
    signed_text = f"{expires_at_s}.{kid}.{grant}.{cap:02d}"
    return f"{signed_text}.{_signature(key, signed_text, digest)}"


def parse(token: str, digest: str) -> Token:
    """Lengths and alphabets, before any other work. Raises Forbidden."""
    match = _TOKEN.fullmatch(token)
    if match is None or _DIGEST.fullmatch(digest) is None:
        raise Forbidden(REFUSAL)
    expires, kid, grant, cap, signature = match.groups()
    return Token(int(expires), kid, grant, int(cap), token[: -len(signature) - 1], signature)


def verify(token: Token, digest: str, keys: Mapping[str, bytes], *, now_ms: int, rank: int) -> None:
    """Signature, end and rank. Raises Forbidden with one message for every cause."""
    key = keys.get(token.kid)
    if key is None:
        raise Forbidden(REFUSAL)
    right = _signature(key, token.signed_text, digest)
    if not hmac.compare_digest(right, token.signature) or token.expires_at_s * 1000 <= now_ms or rank > token.cap:
        raise Forbidden(REFUSAL)
