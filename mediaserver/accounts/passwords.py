"""Passwords: argon2id, at most two at a time, the same cost for names that do not exist.

Parameters: 19 MiB, two passes, one lane: the least that OWASP's password storage sheet recommends for argon2id. On a
Raspberry Pi 4 more memory would let a few strangers at the sign-in page push the music out of 2 GB.
"""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from mediaserver.core.errors import Invalid

SHORTEST, LONGEST = 8, 1024
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_AT_ONCE = 2


class Passwords:
    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._decoy: str | None = None

    async def hashed(self, password: str) -> str:
        """The hash to store. Raises Invalid for a password that is too short or too long."""
        if not SHORTEST <= len(password) <= LONGEST:
            raise Invalid(f"a password has {SHORTEST} to {LONGEST} characters", field="password")
        async with self._turns:
            return await asyncio.to_thread(_HASHER.hash, _encoded(password))

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether `password` belongs to `stored`; None (no such person) takes as long and is False."""
        if len(password) > LONGEST:
            return False
        if self._decoy is None:
            self._decoy = await asyncio.to_thread(_HASHER.hash, b"nobody's password")
        async with self._turns:
            right = await asyncio.to_thread(_verify, stored or self._decoy, _encoded(password))
        return right and stored is not None

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return _HASHER.check_needs_rehash(stored)


def _encoded(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")


def _verify(stored: str, password: bytes) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
