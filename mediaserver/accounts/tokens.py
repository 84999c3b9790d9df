"""Bearer tokens, one for each device or program. The only writer of tokens."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

from mediaserver.accounts.devices import tell_begun, tell_ended
from mediaserver.accounts.permits import Viewer
from mediaserver.accounts.secrets import new_handle, new_secret, plausible, stored_form
from mediaserver.accounts.sessions import SEEN_EVERY_MS, viewer_of
from mediaserver.core.clock import Clock
from mediaserver.core.errors import Invalid, NotFound, Unavailable
from mediaserver.core.events import EventBus
from mediaserver.core.units import TokenId, UserId
from mediaserver.storage.database import Database, Row

PREFIX = "ms_"
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it may be shown: its secret was shown once, when it was made."""

    id: TokenId
    user_id: UserId
    name: str
    created_at_ms: int
    seen_at_ms: int | None


def _token(row: Row) -> Token:
    return Token(TokenId(row["id"]), UserId(row["user_id"]), row["name"], row["created_at_ms"], row["seen_at_ms"])


def _checked_name(name: str) -> str:
    plain = " ".join(unicodedata.normalize("NFC", name[: 4 * LONGEST_NAME]).split())
    if len(name) > 4 * LONGEST_NAME or not 1 <= len(plain) <= LONGEST_NAME or not plain.isprintable():
        raise Invalid(f"a token's name has 1 to {LONGEST_NAME} printable characters", field="name")
    return plain


class Tokens:
    def __init__(self, database: Database, events: EventBus, clock: Clock) -> None:
        self._database = database
        self._events = events
        self._clock = clock

    async def create(self, user_id: UserId, name: str) -> tuple[Token, str]:
        """The token and its secret, which is not to be had again. Raises Invalid (name) and NotFound (user)."""
        plain, secret = _checked_name(name), new_secret(PREFIX)
        async with self._database.write() as tx:
            row = await tx.one(
                "INSERT INTO tokens (user_id, name, secret_hash, grant_id, created_at_ms)"
                " VALUES (:user, :name, :hash, :grant, :now) RETURNING *",
                {
                    "user": user_id,
                    "name": plain,
                    "hash": stored_form(secret),
                    "grant": new_handle(),
                    "now": self._clock.now_ms(),
                },
            )
            if row is not None:
                tell_begun(tx, self._events, user_id, tokens=[row["id"]])
        if row is None:
            raise NotFound("there is no such user")
        return _token(row), secret

    async def viewer(self, secret: str) -> Viewer | None:
        """Who carries this token; None for a wrong or revoked one."""
        if not plausible(secret) or not secret.startswith(PREFIX):
            return None
        row = await self._database.one(
            "SELECT t.id, t.user_id, t.grant_id, t.seen_at_ms, u.name, u.is_admin, u.max_rank FROM tokens t"
            " JOIN users u ON u.id = t.user_id WHERE t.secret_hash = :hash",
            {"hash": stored_form(secret)},
        )
        if row is None:
            return None
        now_ms = self._clock.now_ms()
        if now_ms - (row["seen_at_ms"] or 0) > SEEN_EVERY_MS:
            # On a full or busy disk the music goes on.
            with suppress(Unavailable):
                async with self._database.write(durable=False) as tx:
                    await tx.run("UPDATE tokens SET seen_at_ms = :now WHERE id = :id", {"now": now_ms, "id": row["id"]})
        return viewer_of(row, is_session=False)

    async def list(self, user_id: UserId | None = None) -> list[Token]:
        """One person's tokens, or everybody's, the newest first."""
        rows = await self._database.all(
            "SELECT * FROM tokens WHERE CAST(:user AS BIGINT) IS NULL OR user_id = :user ORDER BY id DESC",
            {"user": user_id},
        )
        return [_token(row) for row in rows]

    async def names(self, grants: Collection[str]) -> dict[str, str]:
        """The names of these tokens, by grant; of those that have not ended."""
        rows = await self._database.all(
            "SELECT grant_id, name FROM tokens WHERE grant_id IN (:grants*)", {"grants": list(grants)}
        )
        return {row["grant_id"]: row["name"] for row in rows}

    async def revoke(self, user_id: UserId | None, token_id: TokenId) -> None:
        """End it, and every address that was signed for it; None for `user_id` reaches everybody's. Raises NotFound."""
        async with self._database.write() as tx:
            row = await tx.one(
                "DELETE FROM tokens WHERE id = :id AND (CAST(:user AS BIGINT) IS NULL OR user_id = :user)"
                " RETURNING user_id",
                {"id": token_id, "user": user_id},
            )
            if row is None:
                raise NotFound("there is no such token")
            tell_ended(tx, self._events, UserId(row["user_id"]), tokens=[token_id])
