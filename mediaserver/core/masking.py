"""What must stand in no log: passwords, cookies, tokens, signatures, links. Pure.

The code logs none of them; this is the second line of defence, for what foreign libraries and tracebacks quote.
"""

from __future__ import annotations

import re

_HIDDEN = "-"
# Each pattern's first group stays, what follows is hidden.
_SECRETS = [
    re.compile(r"(/e/+)[^/\s?#'\"]+", re.IGNORECASE),  # signed addresses
    re.compile(r"()\b[0-9]{1,11}\.[a-z0-9]{1,16}\.[a-z0-9]{1,32}\.[0-9]{2}\.[A-Za-z0-9_-]{8,}"),  # their tokens
    re.compile(r"(\bms_)[A-Za-z0-9_-]{8,}"),  # bearer tokens
    re.compile(r"(mediaserver_session['\"]?\s*[=:]\s*)[^\s;,]+", re.IGNORECASE),
    re.compile(r"(\b(?:cookie|authorization|x-csrf-token)['\"]?\s*[=:]\s*)\S.*", re.IGNORECASE),
    re.compile(r"(\b(?:bearer|basic)\s+)[^\s'\"]+", re.IGNORECASE),
    re.compile(r"(\b(?:link|token|password|csrf)['\"]?\s*[=:]\s*)[^\s&;,}]+", re.IGNORECASE),
    re.compile(r"(\bpostgres(?:ql)?://[^:/@\s]*:)[^\s'\"]+(?=@)"),
]
_SECRET_NAMES = re.compile(r"password|secret|token|cookie|authorization|csrf|link|digest|hash", re.IGNORECASE)
_LIKE_A_SECRET = re.compile(r"[A-Za-z0-9_-]{16,}")


def masked(text: str) -> str:
    """`text` without secrets that are known by what stands before them."""
    for pattern in _SECRETS:
        text = pattern.sub(lambda found: found[1] + _HIDDEN, text)
    return text


def masked_field(name: str, value: object) -> object:
    """A value that stands under a name of its own, as in JSON; what is no text or number becomes text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    return _HIDDEN if _SECRET_NAMES.search(name) else masked(str(value))


def masked_address(path: str, *, is_known: bool) -> str:
    """An address for a log: on one line and without tokens; in one that leads nowhere, anything may be a secret."""
    plain = masked("".join(c if c.isprintable() else "?" for c in path))
    return plain if is_known else _LIKE_A_SECRET.sub(_HIDDEN, plain)[:200]
