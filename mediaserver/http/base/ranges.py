"""Conditions and ranges of a request, judged. Pure. Source: RFC 9110, 13 (conditions) and 14 (ranges)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

_TAG = re.compile(r'(W/)?("[^"]*")')
_NANOSECONDS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    status: int
    """200, 206, 304 (not modified), 412 (precondition failed) or 416 (range not satisfiable)."""
    span: range
    """Bytes to send; empty unless the status is 200 or 206."""
    more: tuple[range, ...] = ()
    """All of them, where several ranges are to be sent; `span` is the first then."""


def http_date(modified_ns: int) -> str:
    """The whole second by which it was modified."""
    return format_datetime(datetime.fromtimestamp(-(-modified_ns // _NANOSECONDS), UTC), usegmt=True)


def judge(
    method: str,
    headers: Mapping[str, str],
    size_bytes: int,
    *,
    tag: str | None,
    modified_ns: int | None = None,
    most_ranges: int = 1,
) -> Verdict:
    """What a GET or HEAD of this body gets. `tag` is strong and in quotes; without one, only the range is looked at.

    More than `most_ranges`, several that together are more than the whole, and what is no range of bytes are answered
    with the whole body, as a server may (RFC 9110, 14.2).
    """
    if tag is not None:
        modified = -(-modified_ns // _NANOSECONDS) if modified_ns is not None else None
        if _has_failed(headers, tag, modified):
            return Verdict(412, range(0))
        if _is_known(headers, tag, modified):
            return Verdict(304, range(0))
    asked = headers.get("Range")
    if asked is None or method != "GET" or not _may_be_partial(headers, tag, modified_ns):
        return Verdict(200, range(size_bytes))
    spans = _spans(asked, size_bytes, most_ranges)
    if spans is None or sum(map(len, spans)) > size_bytes:
        return Verdict(200, range(size_bytes))
    if not spans:
        return Verdict(416, range(0))
    return Verdict(206, spans[0], tuple(spans) if len(spans) > 1 else ())


def _has_failed(headers: Mapping[str, str], tag: str, modified: int | None) -> bool:
    match, since = headers.get("If-Match"), _date(headers.get("If-Unmodified-Since"))
    if match is not None:
        return match.strip() != "*" and tag not in _tags(match, weak=False)
    return since is not None and modified is not None and modified > since


def _is_known(headers: Mapping[str, str], tag: str, modified: int | None) -> bool:
    match, since = headers.get("If-None-Match"), _date(headers.get("If-Modified-Since"))
    if match is not None:
        return match.strip() == "*" or tag in _tags(match, weak=True)
    return since is not None and modified is not None and modified <= since


def _may_be_partial(headers: Mapping[str, str], tag: str | None, modified_ns: int | None) -> bool:
    condition = headers.get("If-Range")
    if condition is None:
        return True
    if '"' in condition:
        return condition.strip() == tag
    return modified_ns is not None and _date(condition) == -(-modified_ns // _NANOSECONDS)


def _tags(text: str, *, weak: bool) -> set[str]:
    return {match[2] for match in _TAG.finditer(text) if weak or not match[1]}


def _date(text: str | None) -> int | None:
    """Seconds since 1970; None for what is no date, which is then as if it were not there."""
    try:
        return int(parsedate_to_datetime(text).timestamp()) if text else None
    except (ValueError, OverflowError):
        return None


def _spans(asked: str, size_bytes: int, most: int) -> list[range] | None:
    """The ranges that lie inside, in the order in which they were asked; None for what is not understood."""
    texts = asked.strip().removeprefix("bytes=").split(",")
    if not asked.strip().startswith("bytes=") or len(texts) > most:
        return None
    spans = [_span(f"bytes={text.strip()}", size_bytes) for text in texts]
    understood = [span for span in spans if span is not None]
    return [span for span in understood if span] if len(understood) == len(spans) else None


def _span(asked: str, size_bytes: int) -> range | None:
    """One range of bytes; None for what is not understood, empty for what lies outside."""
    match = re.fullmatch(r"bytes=([0-9]{0,18})-([0-9]{0,18})", asked.strip(), re.ASCII)
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        return range(max(0, size_bytes - int(match[2])), size_bytes)
    start, stop = int(match[1]), int(match[2]) + 1 if match[2] else size_bytes
    if match[2] and stop <= start:
        return None
    return range(start, min(stop, size_bytes)) if start < size_bytes else range(0)
