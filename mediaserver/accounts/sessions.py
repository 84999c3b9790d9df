"""Browsers that are signed in. The writer of sessions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from mediaserver.accounts.devices import tell_begun, tell_ended
from mediaserver.accounts.passwords import Passwords
from mediaserver.accounts.permits import Viewer
from mediaserver.accounts.secrets import new_handle, new_secret, plausible, stored_form
from mediaserver.accounts.steps import Steps
from mediaserver.accounts.throttle import Throttle
from mediaserver.accounts.users import checked_name
from mediaserver.core.clock import Clock
from mediaserver.core.errors import Forbidden, NotFound, Unauthenticated
from mediaserver.core.events import EventBus, SignInFailed
from mediaserver.core.text import identity_key
from mediaserver.core.units import UserId
from mediaserver.storage.database import Database, Row

SEEN_EVERY_MS = 3_600_000
_LONGEST_CLIENT = 200


@dataclass(frozen=True, slots=True)
class SignedIn:
    secret: str
    """The cookie's value."""
    viewer: Viewer
    expires_at_ms: int


@dataclass(frozen=True, slots=True)
class Session:
    id: int
    client: str
    address: str
    grant: str
    created_at_ms: int
    seen_at_ms: int
    expires_at_ms: int


def viewer_of(row: Row, *, is_session: bool) -> Viewer:
    """`row` has user_id, name, is_admin, max_rank and grant_id."""
    return Viewer(
        user_id=UserId(row["user_id"]),
        name=row["name"],
        is_admin=bool(row["is_admin"]),
        max_rank=row["max_rank"],
        grant=row["grant_id"],
        is_session=is_session,
    )


@dataclass(frozen=True, slots=True)
class _Verified:
    """A password that was right: its stored form, and the one that takes its place."""

    known: str
    fresh: str


class Sessions:
    def __init__(
        self, database: Database, events: EventBus, clock: Clock, passwords: Passwords, steps: Steps, lifetime_ms: int
    ) -> None:
        self._database = database
        self._events = events
        self._clock = clock
        self._passwords = passwords
        self._throttle = Throttle(database, clock)
        self._lifetime_ms = lifetime_ms
        self._steps = steps

    async def sign_in(self, name: str, password: str, *, address: str, client: str) -> SignedIn:
        """Raises Unauthenticated (not told whether name or password), TooManyAttempts, and Invalid for no name."""
        name = checked_name(name)
        await self._throttle.attempt(name, address)
        row = await self._database.one(
            "SELECT id, password_hash FROM users WHERE name_key = :key", {"key": identity_key(name)}
        )
        stored = row["password_hash"] if row else None
        if not await self._passwords.matches(password, stored) or row is None:
            self._events.publish(SignInFailed())
            raise Unauthenticated("the name or the password is wrong")
        await self._throttle.succeeded(name, address)
        known = row["password_hash"]
        fresh = await self._passwords.hashed(password) if self._passwords.outdated(known) else known
        return await self.open(UserId(row["id"]), address=address, client=client, by=_Verified(known, fresh))

    async def confirm(self, viewer: Viewer, password: str) -> None:
        """Is it really this person? Raises Forbidden and TooManyAttempts; guessing is throttled here too."""
        await self._throttle.attempt_to_confirm(viewer.user_id)
        row = await self._database.one("SELECT password_hash FROM users WHERE id = :id", {"id": viewer.user_id})
        if not await self._passwords.matches(password, row["password_hash"] if row else None):
            raise Forbidden("the current password is wrong")
        await self._throttle.confirmed(viewer.user_id)

    async def open(self, user_id: UserId, *, address: str, client: str, by: _Verified | None = None) -> SignedIn:
        """A new session for a person already known to be the one, `by` a password or otherwise.

        Raises NotFound, and Unauthenticated where the password was changed meanwhile: that ends all sessions.
        """
        await self._steps.follow()
        secret, now_ms = new_secret(), self._clock.now_ms()
        async with self._database.write() as tx:
            # The row is held until the session is there: who changes the password then sees it, and ends it.
            if by is not None and not await tx.one(
                "UPDATE users SET password_hash = :fresh WHERE id = :id AND password_hash = :known RETURNING id",
                {"fresh": by.fresh, "id": user_id, "known": by.known},
            ):
                raise Unauthenticated("the name or the password is wrong")
            await tx.run("DELETE FROM sessions WHERE expires_at_ms <= :now", {"now": now_ms})
            row = await tx.one(
                "INSERT INTO sessions (user_id, secret_hash, grant_id, client, address, created_at_ms, seen_at_ms,"
                " expires_at_ms) VALUES (:user, :hash, :grant, :client, :address, :now, :now, :expires) RETURNING id",
                {
                    "user": user_id,
                    "hash": stored_form(secret),
                    "grant": new_handle(),
                    "client": "".join(c for c in client if c.isprintable())[:_LONGEST_CLIENT],
                    "address": address,
                    "now": now_ms,
                    "expires": now_ms + self._lifetime_ms,
                },
            )
            if row is not None:
                tell_begun(tx, self._events, user_id, sessions=[row["id"]])
        opened = await self.of(secret)
        if opened is None:
            raise NotFound("there is no such user")
        return opened

    async def of(self, secret: str) -> SignedIn | None:
        """Whose cookie this is; None for a wrong, ended or expired one."""
        if not plausible(secret):
            return None
        await self._steps.follow()
        row = await self._database.one(
            "SELECT s.user_id, s.grant_id, s.expires_at_ms, u.name, u.is_admin, u.max_rank FROM sessions s"
            " JOIN users u ON u.id = s.user_id WHERE s.secret_hash = :hash AND s.expires_at_ms > :now",
            {"hash": stored_form(secret), "now": self._clock.now_ms()},
        )
        return None if row is None else SignedIn(secret, viewer_of(row, is_session=True), row["expires_at_ms"])

    async def put_off(self, one: SignedIn) -> SignedIn | None:
        """Being seen puts the end off, once an hour: the session with its new end, which the cookie has to learn.

        None where nothing is to be done, also because the session has ended meanwhile.
        """
        now_ms = self._clock.now_ms()
        expires_at_ms = now_ms + self._lifetime_ms
        if expires_at_ms - one.expires_at_ms <= SEEN_EVERY_MS:
            return None
        async with self._database.write(durable=False) as tx:
            row = await tx.one(
                "UPDATE sessions SET seen_at_ms = :now, expires_at_ms = :expires"
                " WHERE secret_hash = :hash AND expires_at_ms = :known RETURNING id",
                {
                    "now": now_ms,
                    "expires": expires_at_ms,
                    "hash": stored_form(one.secret),
                    "known": one.expires_at_ms,
                },
            )
        return None if row is None else replace(one, expires_at_ms=expires_at_ms)

    async def list(self, user_id: UserId) -> list[Session]:
        """This person's sessions, the newest first."""
        rows = await self._database.all(
            "SELECT * FROM sessions WHERE user_id = :user AND expires_at_ms > :now ORDER BY seen_at_ms DESC, id DESC",
            {"user": user_id, "now": self._clock.now_ms()},
        )
        return [
            Session(
                r["id"],
                r["client"],
                r["address"],
                r["grant_id"],
                r["created_at_ms"],
                r["seen_at_ms"],
                r["expires_at_ms"],
            )
            for r in rows
        ]

    async def clients(self, grants: Collection[str]) -> dict[str, str]:
        """What the browsers of these sessions call themselves, by grant; of those that have not ended."""
        rows = await self._database.all(
            "SELECT grant_id, client FROM sessions WHERE grant_id IN (:grants*)", {"grants": list(grants)}
        )
        return {row["grant_id"]: row["client"] for row in rows}

    async def revoke(self, user_id: UserId, session_id: int) -> None:
        """End it, and every address that was signed for it. Raises NotFound, also for another person's."""
        async with self._database.write() as tx:
            row = await tx.one(
                "DELETE FROM sessions WHERE id = :id AND user_id = :user RETURNING id",
                {"id": session_id, "user": user_id},
            )
            if row is None:
                raise NotFound("there is no such session")
            tell_ended(tx, self._events, user_id, sessions=[session_id])

    async def sign_out(self, secret: str) -> None:
        """End the session of this cookie; repeating is harmless."""
        async with self._database.write() as tx:
            row = await tx.one(
                "DELETE FROM sessions WHERE secret_hash = :hash RETURNING id, user_id", {"hash": stored_form(secret)}
            )
            if row is not None:
                tell_ended(tx, self._events, UserId(row["user_id"]), sessions=[row["id"]])
