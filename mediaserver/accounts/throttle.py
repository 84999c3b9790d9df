"""Slows down guessing at the sign-in page. The only writer of login_failures.

Two subjects count failures: the address that asks, and the pair of name and address. Beside them the name alone is
counted, with a wait that stays short: a stranger elsewhere can slow the owner down a little, and never lock the
owner out. After FREE failures each further one doubles the wait. The counts stand in the database, so that a
restart forgives nothing and several processes share them.
"""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.core.clock import Clock
from mediaserver.core.errors import TooManyAttempts
from mediaserver.core.text import identity_key
from mediaserver.storage.database import Database, Transaction

FREE = 5
FIRST_WAIT_S = 2
LONGEST_WAIT_S = 15 * 60
LONGEST_WAIT_BY_NAME_S = 8
FORGOTTEN_AFTER_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class _Subject:
    key: str
    free: int
    longest_wait_s: int


def _subjects(name: str, address: str) -> list[_Subject]:
    key = identity_key(name)[:100]
    return [
        _Subject(f"address:{address}", 4 * FREE, LONGEST_WAIT_S),
        _Subject(f"pair:{address} {key}", FREE, LONGEST_WAIT_S),
        _Subject(f"name:{key}", 4 * FREE, LONGEST_WAIT_BY_NAME_S),
    ]


def wait_s(failures: int, *, free: int, longest_wait_s: int) -> int:
    """Seconds to wait after that many failures: 0 for the free ones, then 2, 4, 8, ... up to the longest."""
    if failures < free:
        return 0
    return int(min(FIRST_WAIT_S * 2 ** min(failures - free, 20), longest_wait_s))


class Throttle:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def attempt(self, name: str, address: str) -> None:
        """Count an attempt as failed before it is tried, so that many at once gain nothing.

        Raises TooManyAttempts while a wait runs; such an attempt is not counted.
        """
        now_ms = self._clock.now_ms()
        subjects = _subjects(name, address)
        async with self._database.write() as tx:
            await tx.lock("throttle")
            known = await self._counts(tx, subjects, now_ms)
            for subject in subjects:
                failures, last_at_ms = known.get(subject.key, (0, 0))
                wait_ms = 1000 * wait_s(failures, free=subject.free, longest_wait_s=subject.longest_wait_s)
                left_ms = last_at_ms + wait_ms - now_ms
                if left_ms > 0:
                    raise TooManyAttempts("too many attempts: wait a little", retry_after_s=left_ms / 1000)
            await tx.many(
                "INSERT INTO login_failures (subject, failures, last_at_ms) VALUES (:key, :failures, :now)"
                " ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures, last_at_ms = excluded.last_at_ms",
                [{"key": s.key, "failures": known.get(s.key, (0, 0))[0] + 1, "now": now_ms} for s in subjects],
            )

    async def succeeded(self, name: str, address: str) -> None:
        """The attempt was right: forget this address's failures with this name, take one back from the other counts."""
        address_key, pair_key, name_key = (subject.key for subject in _subjects(name, address))
        async with self._database.write() as tx:
            await tx.run(
                "DELETE FROM login_failures WHERE subject = :pair OR last_at_ms < :old",
                {"pair": pair_key, "old": self._clock.now_ms() - FORGOTTEN_AFTER_S * 1000},
            )
            await tx.run(
                "UPDATE login_failures SET failures = failures - 1 WHERE subject IN (:keys*) AND failures > 0",
                {"keys": [address_key, name_key]},
            )

    async def _counts(self, tx: Transaction, subjects: list[_Subject], now_ms: int) -> dict[str, tuple[int, int]]:
        rows = await tx.all(
            "SELECT subject, failures, last_at_ms FROM login_failures WHERE subject IN (:keys*) AND last_at_ms > :old",
            {"keys": [s.key for s in subjects], "old": now_ms - FORGOTTEN_AFTER_S * 1000},
        )
        # A clock that was set back must not lock anybody out: no failure lies ahead of now.
        return {row["subject"]: (row["failures"], min(row["last_at_ms"], now_ms)) for row in rows}
