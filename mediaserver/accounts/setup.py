"""The one-time link by which the first administrator is made. The only writer of setup_links."""

from __future__ import annotations

from mediaserver.accounts.passwords import Passwords
from mediaserver.accounts.permits import HIGHEST_RANK
from mediaserver.accounts.secrets import new_secret, plausible, stored_form
from mediaserver.accounts.users import LOCK, User, checked_name, insert_user
from mediaserver.core.clock import Clock
from mediaserver.core.errors import Forbidden
from mediaserver.storage.database import Database

LIFETIME_MS = 24 * 3_600_000
_REFUSAL = "this set-up link does not hold: it was used, has ended, or the server is set up already"


class SetupLinks:
    def __init__(self, database: Database, clock: Clock, passwords: Passwords) -> None:
        self._database = database
        self._clock = clock
        self._passwords = passwords
        self._mine: tuple[bytes, int, float] | None = None
        """Of the link that was made here: its stored form, and when, by either clock."""

    async def new(self) -> str | None:
        """The secret of a fresh link, good for a day; older links end. None once there is a user."""
        secret, now_ms = new_secret(), self._clock.now_ms()
        async with self._database.write() as tx:
            await tx.lock(LOCK)
            await tx.run("DELETE FROM setup_links")
            if await tx.one("SELECT id FROM users LIMIT 1") is not None:
                return None
            await tx.run(
                "INSERT INTO setup_links (secret_hash, created_at_ms, expires_at_ms) VALUES (:hash, :now, :expires)",
                {"hash": stored_form(secret), "now": now_ms, "expires": now_ms + LIFETIME_MS},
            )
        self._mine = stored_form(secret), now_ms, self._clock.monotonic_s()
        return secret

    async def holds(self, secret: str) -> bool:
        """Whether this link may still be used; it is not used up by asking."""
        if not plausible(secret):
            return False
        row = await self._database.one(
            "SELECT 1 AS yes FROM setup_links WHERE secret_hash = :hash AND expires_at_ms > :now"
            " AND NOT EXISTS (SELECT 1 FROM users)",
            {"hash": stored_form(secret), "now": self._now_ms(secret)},
        )
        return row is not None

    async def use(self, secret: str, name: str, password: str) -> User:
        """Make the first administrator and use the link up. Raises Forbidden (the link does not hold) and Invalid."""
        if not await self.holds(secret):
            raise Forbidden(_REFUSAL)
        plain = checked_name(name)
        password_hash = await self._passwords.hashed(password)
        async with self._database.write() as tx:
            await tx.lock(LOCK)
            used = await tx.one(
                "DELETE FROM setup_links WHERE secret_hash = :hash AND expires_at_ms > :now"
                " AND NOT EXISTS (SELECT 1 FROM users) RETURNING created_at_ms",
                {"hash": stored_form(secret), "now": self._now_ms(secret)},
            )
            if used is None:
                raise Forbidden(_REFUSAL)
            return await insert_user(tx, self._clock, plain, password_hash, is_admin=True, max_rank=HIGHEST_RANK)

    def _now_ms(self, secret: str) -> int:
        """By the clock under which the link was made: a new machine often learns the time after it has printed it."""
        if self._mine is None or self._mine[0] != stored_form(secret):
            return self._clock.now_ms()
        _, made_ms, made_s = self._mine
        return made_ms + round((self._clock.monotonic_s() - made_s) * 1000)
