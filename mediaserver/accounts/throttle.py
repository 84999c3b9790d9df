"""Slows down guessing at the sign-in page. The only writer of login_failures.

Two subjects count failures: the address that asks, and the pair of name and address. Beside them the name alone is
counted, with a wait that stays short, for guesses that come from many addresses. That wait is not asked of an
address from which this name signed in during the last KNOWN_FOR_S: strangers elsewhere, however many, never lock
owners out of where they usually are. At a place that is new the owner shares the short wait with the strangers, and
can sign in from a known one or use `mediaserver` on the machine. After FREE failures each further one doubles the
wait. The counts stand in the database, so that a restart forgives nothing and several processes share them; only
who knows a password makes an address known, and all else is forgotten after a day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from mediaserver.core.clock import Clock
from mediaserver.core.errors import TooManyAttempts
from mediaserver.core.text import identity_key
from mediaserver.core.units import UserId
from mediaserver.storage.database import Database, Transaction

FREE = 5
FIRST_WAIT_S = 2
LONGEST_WAIT_S = 15 * 60
LONGEST_WAIT_BY_NAME_S = 8
FORGOTTEN_AFTER_S = 24 * 3600
KNOWN_FOR_S = 90 * 24 * 3600
_SWEEP_EVERY_MS = 3_600_000
_SET = (
    "INSERT INTO login_failures (subject, failures, last_at_ms) VALUES (:key, :failures, :now)"
    " ON CONFLICT (subject) DO UPDATE SET failures = excluded.failures, last_at_ms = excluded.last_at_ms"
)


@dataclass(frozen=True, slots=True)
class _Subject:
    key: str
    free: int
    longest_wait_s: int


def _key(name: str) -> str:
    return identity_key(name)[:100]


def _subjects(name: str, address: str) -> list[_Subject]:
    """Address, pair and name, in this order."""
    key = _key(name)
    return [
        _Subject(f"address:{address}", 4 * FREE, LONGEST_WAIT_S),
        _Subject(f"pair:{address} {key}", FREE, LONGEST_WAIT_S),
        _Subject(f"name:{key}", 4 * FREE, LONGEST_WAIT_BY_NAME_S),
    ]


def _known(name: str, address: str) -> str:
    return f"known:{address} {_key(name)}"


def _confirming(user_id: UserId) -> _Subject:
    return _Subject(f"confirm:{user_id}", FREE, LONGEST_WAIT_S)


def wait_s(failures: int, *, free: int, longest_wait_s: int) -> int:
    """Seconds to wait after that many failures: 0 for the free ones, then 2, 4, 8, ... up to the longest."""
    if failures < free:
        return 0
    return int(min(FIRST_WAIT_S * 2 ** min(failures - free, 20), longest_wait_s))


class Throttle:
    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._swept_at_ms = 0

    async def attempt(self, name: str, address: str) -> None:
        """Count an attempt as failed before it is tried, so that many at once gain nothing.

        Raises TooManyAttempts while a wait runs; such an attempt is not counted.
        """
        subjects = _subjects(name, address)
        async with self._database.write() as tx:
            await tx.lock("throttle")
            row = await tx.one(
                "SELECT 1 AS yes FROM login_failures WHERE subject = :key AND last_at_ms > :old",
                {"key": _known(name, address), "old": self._clock.now_ms() - KNOWN_FOR_S * 1000},
            )
            left_ms = await self._count(tx, subjects, asked=subjects[:2] if row is not None else subjects)
        _must_not_wait(left_ms)

    async def attempt_to_confirm(self, user_id: UserId) -> None:
        """As `attempt`, for somebody who is signed in and asked for the password once more."""
        async with self._database.write() as tx:
            await tx.lock("throttle")
            left_ms = await self._count(tx, [_confirming(user_id)], asked=[_confirming(user_id)])
        _must_not_wait(left_ms)

    async def confirmed(self, user_id: UserId) -> None:
        """The attempt to confirm was right: forget the failures."""
        async with self._database.write() as tx:
            await tx.run("DELETE FROM login_failures WHERE subject = :key", {"key": _confirming(user_id).key})

    async def succeeded(self, name: str, address: str) -> None:
        """The attempt was right: forget this address's failures with this name, take one back from the other counts."""
        address_key, pair_key, name_key = (subject.key for subject in _subjects(name, address))
        async with self._database.write() as tx:
            await tx.lock("throttle")
            await tx.run("DELETE FROM login_failures WHERE subject = :pair", {"pair": pair_key})
            await tx.run(
                "UPDATE login_failures SET failures = failures - 1 WHERE subject IN (:keys*) AND failures > 0",
                {"keys": [address_key, name_key]},
            )
            await tx.run(_SET, {"key": _known(name, address), "failures": 0, "now": self._clock.now_ms()})

    async def _count(self, tx: Transaction, subjects: list[_Subject], *, asked: list[_Subject]) -> int:
        """How long one of `asked` has to wait, in ms; where none has, 0, and one failure more counts for `subjects`."""
        now_ms = self._clock.now_ms()
        if abs(now_ms - self._swept_at_ms) > _SWEEP_EVERY_MS:
            await self._sweep(tx, now_ms)
        counts = await self._counts(tx, subjects, now_ms)
        for subject in asked:
            failures, last_at_ms = counts.get(subject.key, (0, 0))
            wait_ms = 1000 * wait_s(failures, free=subject.free, longest_wait_s=subject.longest_wait_s)
            left_ms = last_at_ms + wait_ms - now_ms
            if left_ms > 0:
                return left_ms
        await tx.many(
            _SET, [{"key": s.key, "failures": counts.get(s.key, (0, 0))[0] + 1, "now": now_ms} for s in subjects]
        )
        return 0

    async def _sweep(self, tx: Transaction, now_ms: int) -> None:
        """What is forgotten takes no room either."""
        await tx.run(
            "DELETE FROM login_failures"
            " WHERE last_at_ms < :ancient OR (last_at_ms < :old AND subject NOT LIKE 'known:%')",
            {"old": now_ms - FORGOTTEN_AFTER_S * 1000, "ancient": now_ms - KNOWN_FOR_S * 1000},
        )

        def swept() -> None:
            self._swept_at_ms = now_ms

        tx.after_commit(swept)

    async def _counts(self, tx: Transaction, subjects: list[_Subject], now_ms: int) -> dict[str, tuple[int, int]]:
        rows = await tx.all(
            "SELECT subject, failures, last_at_ms FROM login_failures WHERE subject IN (:keys*) AND last_at_ms > :old",
            {"keys": [s.key for s in subjects], "old": now_ms - FORGOTTEN_AFTER_S * 1000},
        )
        # A clock that was set back must not lock anybody out: no failure lies ahead of now, and their waits go on.
        ahead = [{"key": row["subject"], "now": now_ms} for row in rows if row["last_at_ms"] > now_ms]
        await tx.many("UPDATE login_failures SET last_at_ms = :now WHERE subject = :key", ahead)
        return {row["subject"]: (row["failures"], min(row["last_at_ms"], now_ms)) for row in rows}


def _must_not_wait(left_ms: int) -> None:
    if left_ms > 0:
        left_s = math.ceil(left_ms / 1000)
        left = f"{left_s} s" if left_s < 120 else f"{math.ceil(left_s / 60)} minutes"
        raise TooManyAttempts(f"too many attempts: wait {left}", retry_after_s=left_s)
