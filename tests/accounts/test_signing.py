"""The token in an address: fixed vectors, and no edit of any character passes."""

from __future__ import annotations

import string

import pytest

from mediaserver.accounts import signing
from mediaserver.core.errors import Forbidden

KEY, KID, DIGEST = bytes(range(32)), "k1", "AAAAAAAAAAAAAAAAAAAAAA"
NOW_MS = 1_800_000_000_000
TOKEN = signing.sign(KEY, KID, expires_at_s=1_800_003_600, grant="grant1", cap=30, digest=DIGEST)


def check(token: str, digest: str = DIGEST, *, now_ms: int = NOW_MS, rank: int = 30, kid: str = KID) -> None:
    signing.verify(signing.parse(token, digest), digest, {kid: KEY}, now_ms=now_ms, rank=rank)


def test_a_token_is_what_the_design_says() -> None:
    """Computed apart: HMAC-SHA256 of `1800003600.k1.grant1.30/AAAAAAAAAAAAAAAAAAAAAA` by openssl."""
    assert TOKEN == "1800003600.k1.grant1.30.by-aDv3csxghMP_6_qRQ6NSCa4M3TdNoj9t238iAkzw"
    check(TOKEN)


@pytest.mark.parametrize(
    ("now_ms", "duration_ms", "expected_s"),
    [
        (0, 0, 12 * 3600),
        (1, 0, 13 * 3600),
        (0, 1, 13 * 3600),
        (1_800_000_000_000, 240_000, (1_800_000_000 + 240 + 12 * 3600 + 3599) // 3600 * 3600),
    ],
)
def test_validity_is_twelve_hours_and_the_duration_up_to_the_hour(
    now_ms: int, duration_ms: int, expected_s: int
) -> None:
    assert signing.expiry_s(now_ms, duration_ms) == expected_s


def test_no_edit_of_a_single_character_passes() -> None:
    for at in range(len(TOKEN)):
        for other in string.ascii_letters + string.digits + "._-/%\n\u0661":
            if other != TOKEN[at]:
                with pytest.raises(Forbidden):
                    check(TOKEN[:at] + other + TOKEN[at + 1 :])
        with pytest.raises(Forbidden):
            check(TOKEN[:at] + TOKEN[at + 1 :])
        with pytest.raises(Forbidden):
            check(TOKEN[:at] + "0" + TOKEN[at:])


def test_every_cause_is_refused_with_one_word() -> None:
    words = set()
    for change in (
        {"digest": "B" * 22},
        {"now_ms": 1_800_003_600_000},
        {"rank": 31},
        {"kid": "k2"},
        {"digest": "short"},
    ):
        with pytest.raises(Forbidden) as refused:
            check(TOKEN, **change)  # type: ignore[arg-type]
        words.add(str(refused.value))
    assert len(words) == 1


def test_it_holds_until_its_end_and_up_to_its_rank() -> None:
    check(TOKEN, now_ms=1_800_003_599_999, rank=30)
    check(TOKEN, rank=0)
