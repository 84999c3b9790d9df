"""Folding text for sorting and searching, the same on every database."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

LONGEST = 1000
"""Characters that are looked at: putting marks in order takes time in the square of their number."""
_REMEMBERED_LENGTH = 200
_WORD = re.compile(r"[^\W_]+")
_ARTICLE = re.compile(r"^(?:the|a|an)\s+(?=\S)")
# Scripts written without spaces: each character is a word of its own, so that any part of a title can be found.
_SPACELESS = re.compile(
    r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])"
)
# Letters that carry their stroke within and so do not decompose.
_STROKES = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ħ": "h", "ı": "i", "æ": "ae", "œ": "oe", "þ": "th", "ŧ": "t"}
)


def visible(text: str) -> str:
    """For logs and terminals: what is not to be seen, or commands a terminal, is written out (`\\x1b`, `\\n`)."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)


def folded(text: str) -> str:
    """Casefolded text without diacritics and with single spaces: `Björk  GUÐ` -> `bjork gud`."""
    text = text[:LONGEST]
    if text.isascii():
        return " ".join(text.lower().split())
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
    return " ".join(unicodedata.normalize("NFC", plain).translate(_STROKES).split())


def identity_key(text: str) -> str:
    """What makes two spellings one name: NFC, casefolded, single spaces. Accents count."""
    return _identity_key(text) if len(text) <= _REMEMBERED_LENGTH else _identity_key.__wrapped__(text[:LONGEST])


def sort_key(text: str) -> str:
    """The folded text without its leading article; never empty unless the text is."""
    return _sort_key(text) if len(text) <= _REMEMBERED_LENGTH else _sort_key.__wrapped__(text[:LONGEST])


# Artists and albums repeat from track to track. Long texts are not kept: strangers could fill the memory with them.
@lru_cache(maxsize=2048)
def _identity_key(text: str) -> str:
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


@lru_cache(maxsize=2048)
def _sort_key(text: str) -> str:
    return _ARTICLE.sub("", folded(text)) or folded(text)


def search_words(text: str) -> list[str]:
    """The words by which `text` is found, folded; a word is a run of letters and digits of any script."""
    plain = folded(text)
    if not plain.isascii():
        plain = _SPACELESS.sub(r" \1 ", plain)
    return _WORD.findall(plain)
