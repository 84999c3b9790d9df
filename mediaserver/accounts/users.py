"""The people of the house. The only writer of the table users."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mediaserver.accounts.devices import tell_ended
from mediaserver.accounts.passwords import Passwords
from mediaserver.accounts.permits import HIGHEST_RANK
from mediaserver.core.clock import Clock
from mediaserver.core.errors import Conflict, Invalid, NotFound
from mediaserver.core.events import EventBus
from mediaserver.core.text import identity_key
from mediaserver.core.units import UserId
from mediaserver.storage.database import Database, Row, Transaction

LONGEST_NAME = 64
LONGEST_RAW = 4 * LONGEST_NAME  # as it is typed: with accents apart, which normalising joins in quadratic time
MOST_STREAMS = 1000
STAYS = -1
"""Instead of a limit of streams: it is not changed."""
LOCK = "users"  # taken by every change that must keep one administrator


@dataclass(frozen=True, slots=True)
class User:
    id: UserId
    name: str
    is_admin: bool
    max_rank: int
    max_streams: int | None
    """At once; None: what the house gives everybody, 0: no limit."""
    created_at_ms: int


def _user(row: Row) -> User:
    return User(
        *(UserId(row["id"]), row["name"], bool(row["is_admin"]), row["max_rank"], row["max_streams"]),
        row["created_at_ms"],
    )


def checked_name(name: str) -> str:
    """The name as it is stored: NFC, single spaces. Raises Invalid for an empty, long or unprintable one."""
    plain = " ".join(unicodedata.normalize("NFC", name[:LONGEST_RAW]).split())
    if len(name) > LONGEST_RAW or not 1 <= len(plain) <= LONGEST_NAME:
        raise Invalid(f"a name has 1 to {LONGEST_NAME} characters", field="name")
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn"} for c in plain):
        raise Invalid("a name has no control characters", field="name")
    return plain


def _checked_rank(max_rank: int) -> int:
    if not 0 <= max_rank <= HIGHEST_RANK:
        raise Invalid(f"the highest rank is 0 to {HIGHEST_RANK}", field="max_rank")
    return max_rank


def _checked_streams(max_streams: int | None) -> int | None:
    if max_streams is not None and not 0 <= max_streams <= MOST_STREAMS:
        raise Invalid(f"the most streams at once are 0 (no limit) to {MOST_STREAMS}", field="max_streams")
    return max_streams


async def insert_user(
    tx: Transaction, clock: Clock, name: str, password_hash: str, *, is_admin: bool, max_rank: int
) -> User:
    """Part of a larger transaction (the set-up link uses it). Raises Conflict for a name that is taken."""
    row = await tx.one(
        "INSERT INTO users (name, name_key, password_hash, is_admin, max_rank, created_at_ms)"
        " VALUES (:name, :key, :hash, :is_admin, :max_rank, :now) ON CONFLICT (name_key) DO NOTHING RETURNING *",
        {
            "name": name,
            "key": identity_key(name),
            "hash": password_hash,
            "is_admin": is_admin,
            "max_rank": max_rank,
            "now": clock.now_ms(),
        },
    )
    if row is None:
        raise Conflict(f"there is a user {name} already")
    return _user(row)


class Users:
    def __init__(self, database: Database, events: EventBus, clock: Clock, passwords: Passwords) -> None:
        self._database = database
        self._events = events
        self._clock = clock
        self._passwords = passwords

    async def add(self, name: str, password: str, *, is_admin: bool, max_rank: int = HIGHEST_RANK) -> User:
        """Raises Invalid (name, password, max_rank) and Conflict (the name is taken, whatever its case)."""
        plain, rank = checked_name(name), _checked_rank(max_rank)
        password_hash = await self._passwords.hashed(password)
        async with self._database.write() as tx:
            return await insert_user(tx, self._clock, plain, password_hash, is_admin=is_admin, max_rank=rank)

    async def all(self) -> list[User]:
        return [_user(row) for row in await self._database.all("SELECT * FROM users ORDER BY name_key")]

    async def count(self) -> int:
        row = await self._database.one("SELECT COUNT(*) AS n FROM users")
        return int(row["n"]) if row else 0

    async def get(self, user_id: UserId) -> User:
        """Raises NotFound."""
        row = await self._database.one("SELECT * FROM users WHERE id = :id", {"id": user_id})
        if row is None:
            raise NotFound("there is no such user")
        return _user(row)

    async def named(self, name: str) -> User:
        """Raises NotFound."""
        row = await self._database.one("SELECT * FROM users WHERE name_key = :key", {"key": identity_key(name)})
        if row is None:
            raise NotFound(f"there is no user {name}")
        return _user(row)

    async def change(
        self,
        user_id: UserId,
        *,
        is_admin: bool | None = None,
        max_rank: int | None = None,
        max_streams: int | None = STAYS,
        password: str | None = None,
        keep_session: str | None = None,
    ) -> User:
        """All of it or nothing. A new password ends the person's sessions, but for the one of grant `keep_session`.

        Raises NotFound, Invalid, and Conflict where the last administrator would go.
        """
        rank = None if max_rank is None else _checked_rank(max_rank)
        streams = None if max_streams == STAYS else _checked_streams(max_streams)
        password_hash = None if password is None else await self._passwords.hashed(password)
        async with self._database.write() as tx:
            await tx.lock(LOCK)
            if is_admin is False:
                await self._keep_one_admin(tx, user_id)
            await tx.run(
                "UPDATE users SET max_rank = COALESCE(CAST(:max_rank AS BIGINT), max_rank) WHERE id = :id",
                {"id": user_id, "max_rank": rank},
            )
            if max_streams != STAYS:
                await tx.run(
                    "UPDATE users SET max_streams = :streams WHERE id = :id", {"id": user_id, "streams": streams}
                )
            if is_admin is not None:
                await tx.run(
                    "UPDATE users SET is_admin = :is_admin WHERE id = :id", {"id": user_id, "is_admin": is_admin}
                )
            ended: Sequence[Row] = ()
            if password_hash is not None:
                await tx.run(
                    "UPDATE users SET password_hash = :hash WHERE id = :id", {"hash": password_hash, "id": user_id}
                )
                ended = await tx.all(
                    "DELETE FROM sessions WHERE user_id = :id AND grant_id <> :kept RETURNING id",
                    {"id": user_id, "kept": keep_session or ""},
                )
            row = await tx.one("SELECT * FROM users WHERE id = :id", {"id": user_id})
            if row is None:
                raise NotFound("there is no such user")
            tell_ended(tx, self._events, user_id, sessions=[one["id"] for one in ended])
            return _user(row)

    async def remove(self, user_id: UserId) -> None:
        """Ends every session and token of this person. Raises NotFound, and Conflict for the last administrator."""
        async with self._database.write() as tx:
            await tx.lock(LOCK)
            await self._keep_one_admin(tx, user_id)
            sessions = await tx.all("SELECT id FROM sessions WHERE user_id = :id", {"id": user_id})
            tokens = await tx.all("SELECT id FROM tokens WHERE user_id = :id", {"id": user_id})
            row = await tx.one("DELETE FROM users WHERE id = :id RETURNING id", {"id": user_id})
            if row is None:
                raise NotFound("there is no such user")
            tell_ended(
                tx,
                self._events,
                user_id,
                sessions=[one["id"] for one in sessions],
                tokens=[one["id"] for one in tokens],
            )

    async def set_password(self, user_id: UserId, password: str, *, keep_session: str | None = None) -> None:
        """Also ends this person's sessions, but for the one whose grant is `keep_session`. Raises Invalid, NotFound."""
        await self.change(user_id, password=password, keep_session=keep_session)

    async def _keep_one_admin(self, tx: Transaction, user_id: UserId) -> None:
        row = await tx.one(
            "SELECT COUNT(*) AS others FROM users WHERE is_admin = :yes AND id <> :id", {"yes": True, "id": user_id}
        )
        one = await tx.one("SELECT is_admin FROM users WHERE id = :id", {"id": user_id})
        if one is not None and bool(one["is_admin"]) and row is not None and row["others"] == 0:
            raise Conflict("this is the last administrator: make another one first")
