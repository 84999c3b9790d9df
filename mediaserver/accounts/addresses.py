"""Signed addresses of media: makes them, checks them, keeps the keys. The only writer of signing_keys."""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass

from mediaserver.accounts import signing
from mediaserver.accounts.permits import Viewer
from mediaserver.accounts.secrets import new_handle
from mediaserver.accounts.steps import Steps
from mediaserver.core.clock import Clock
from mediaserver.core.errors import Forbidden, Unavailable
from mediaserver.core.events import AccessChanged, EventBus
from mediaserver.core.units import UserId
from mediaserver.storage.database import Database

log = logging.getLogger(__name__)

FRESH_S = 0.5  # after this, what another process changed is noticed
KEYS_FRESH_S = 60.0
KEY_LIFETIME_MS = 30 * 86_400_000  # far longer than any address, so that the last two keys are enough
_LOOK_EVERY_S = 3600
_KEYS_KEPT = 2
_GRANTS_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a grant, as it is now."""

    user_id: UserId
    max_rank: int
    max_streams: int | None
    """None: what the house gives everybody; 0: no limit."""


class Addresses:
    def __init__(self, database: Database, events: EventBus, clock: Clock, steps: Steps) -> None:
        self._database = database
        self._clock = clock
        self._steps = steps
        self._keys: dict[str, bytes] = {}
        self._newest = ""
        self._keys_read_s = float("-inf")
        self._grants: dict[str, tuple[Holder | None, float]] = {}
        events.subscribe(AccessChanged, self._forget, name="addresses")

    async def open(self) -> None:
        """Read the keys; make the first one on a new database."""
        async with self._database.write() as tx:
            await tx.lock("signing_keys")
            if await tx.one("SELECT kid FROM signing_keys LIMIT 1") is None:
                await tx.run(_ADD_KEY, self._new_key())
        await self._read_keys()

    async def rotate(self) -> bool:
        """Sign with a new key from now on if the newest is older than KEY_LIFETIME_MS; whether it was.

        The one before is still accepted, older ones are not. Several processes may ask: one key comes of it.
        """
        now_ms = self._clock.now_ms()
        async with self._database.write() as tx:
            await tx.lock("signing_keys")
            rows = await tx.all("SELECT kid, created_at_ms FROM signing_keys ORDER BY created_at_ms DESC, kid DESC")
            if rows[0]["created_at_ms"] > now_ms:  # the clock was ahead then: it would not be replaced for long
                early = [row["kid"] for row in rows if row["created_at_ms"] > now_ms]
                taken = [{"kid": kid, "at": now_ms - n} for n, kid in enumerate(early)]
                await tx.many("UPDATE signing_keys SET created_at_ms = :at WHERE kid = :kid", taken)
            is_due = bool(now_ms - rows[0]["created_at_ms"] > KEY_LIFETIME_MS)
            if is_due:
                await tx.run(_ADD_KEY, self._new_key())
                old = [{"kid": row["kid"]} for row in rows[_KEYS_KEPT - 1 :]]
                await tx.many("DELETE FROM signing_keys WHERE kid = :kid", old)
        await self._read_keys()  # another process may have been first
        if is_due:
            log.info("media addresses are signed with a new key")
        return is_due

    async def keep_rotating(self) -> None:
        """The life of the keys; for a job, without end."""
        while True:
            await self.rotate()
            await asyncio.sleep(_LOOK_EVERY_S)

    def prefix(self, viewer: Viewer, digest: str, *, duration_ms: int) -> str:
        """`/e/TOKEN/DIGEST`, without a slash at the end; put `/RECIPE/FILE` behind it."""
        token = signing.sign(
            self._keys[self._newest],
            self._newest,
            expires_at_s=signing.expiry_s(self._clock.now_ms(), duration_ms),
            grant=viewer.grant,
            cap=viewer.max_rank,
            digest=digest,
        )
        return f"/e/{token}/{digest}"

    async def check(self, token: str, digest: str, *, rank: int) -> int:
        """The highest rank that this address may ask for. Raises Forbidden, with one message for every cause."""
        parsed = signing.parse(token, digest)
        age_s = self._clock.monotonic_s() - self._keys_read_s
        if age_s > (KEYS_FRESH_S if parsed.kid in self._keys else FRESH_S):
            await self._read_keys()
        signing.verify(parsed, digest, self._keys, now_ms=self._clock.now_ms(), rank=rank)
        present = await self.holder(parsed.grant)
        if present is None or rank > present.max_rank:
            raise Forbidden(signing.REFUSAL)
        return min(parsed.cap, present.max_rank)

    async def holder(self, grant: str) -> Holder | None:
        """Who holds the grant, as it is now; None for a session or token that has ended."""
        now_s = self._clock.monotonic_s()
        known = self._grants.get(grant)
        if known is not None and now_s - known[1] <= FRESH_S:
            return known[0]
        await self._steps.follow()
        row = await self._database.one(
            "SELECT id, max_rank, max_streams FROM users WHERE id IN"
            " (SELECT user_id FROM sessions WHERE grant_id = :grant AND expires_at_ms > :now"
            " UNION ALL SELECT user_id FROM tokens WHERE grant_id = :grant)",
            {"grant": grant, "now": self._clock.now_ms()},
        )
        if len(self._grants) >= _GRANTS_REMEMBERED:
            self._grants.clear()
        found = Holder(UserId(row["id"]), row["max_rank"], row["max_streams"]) if row is not None else None
        self._grants[grant] = (found, now_s)
        return found

    async def _forget(self, event: AccessChanged) -> None:
        self._grants.clear()

    def _new_key(self) -> dict[str, object]:
        return {"kid": new_handle(6), "secret": secrets.token_bytes(32), "now": self._clock.now_ms()}

    async def _read_keys(self) -> None:
        rows = await self._database.all("SELECT kid, secret FROM signing_keys ORDER BY created_at_ms, kid")
        if not rows:
            raise Unavailable("there is no signing key")
        self._keys = {row["kid"]: bytes(row["secret"]) for row in rows[-_KEYS_KEPT:]}
        self._newest = rows[-1]["kid"]
        self._keys_read_s = self._clock.monotonic_s()


_ADD_KEY = "INSERT INTO signing_keys (kid, secret, created_at_ms) VALUES (:kid, :secret, :now)"
