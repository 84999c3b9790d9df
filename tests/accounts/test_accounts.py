"""Sessions, tokens, throttle and addresses over time, with a clock that is moved by hand."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import pytest_asyncio

from mediaserver import accounts
from mediaserver.accounts.passwords import Passwords
from mediaserver.accounts.permits import HIGHEST_RANK, Viewer
from mediaserver.accounts.sessions import Sessions
from mediaserver.accounts.steps import Steps
from mediaserver.accounts.throttle import wait_s
from mediaserver.core.errors import Conflict, Forbidden, TooManyAttempts, Unauthenticated, Unavailable
from mediaserver.core.events import EventBus
from mediaserver.storage.database import Database
from tests.clock import FakeClock

PASSWORD = "correct horse"
DIGEST = "D" * 22
DAY_S = 86_400


@pytest_asyncio.fixture
async def events() -> AsyncIterator[EventBus]:
    bus = EventBus()
    yield bus
    await bus.close()


@pytest_asyncio.fixture
async def room(database: Database, events: EventBus, clock: FakeClock) -> accounts.Accounts:
    return await accounts.build(database, events, clock)


@pytest_asyncio.fixture
async def another(database: Database, clock: FakeClock) -> AsyncIterator[accounts.Accounts]:
    """The same tables as another process has them: no event of the first reaches it."""
    bus = EventBus()
    yield await accounts.build(database, bus, clock)
    await bus.close()


async def sign_in(room: accounts.Accounts, password: str = PASSWORD, address: str = "10.0.0.9") -> str:
    return (await room.sessions.sign_in("Anna", password, address=address, client="test")).secret


async def viewer_of(room: accounts.Accounts) -> Viewer:
    user = await room.users.add("Anna", PASSWORD, is_admin=True)
    _, secret = await room.tokens.create(user.id, "test")
    viewer = await room.tokens.viewer(secret)
    assert viewer is not None
    return viewer


def token_of(prefix: str) -> str:
    return prefix.split("/")[2]


async def test_a_session_ends_after_thirty_quiet_days_and_use_puts_that_off(
    room: accounts.Accounts, clock: FakeClock
) -> None:
    await room.users.add("Anna", PASSWORD, is_admin=False)
    used, quiet = await sign_in(room), await sign_in(room)
    clock.advance(seconds=29 * DAY_S)
    seen = await room.sessions.of(used)
    assert seen is not None
    going_on = await room.sessions.put_off(seen)
    assert going_on is not None
    assert going_on.expires_at_ms == clock.now_ms() + 30 * DAY_S * 1000
    assert await room.sessions.put_off(seen) is None, "another request was first"
    assert await room.sessions.put_off(going_on) is None, "once an hour is enough"
    clock.advance(seconds=2 * DAY_S)
    assert await room.sessions.of(used) is not None
    assert await room.sessions.of(quiet) is None


async def test_a_session_that_was_signed_out_meanwhile_does_not_come_back(
    room: accounts.Accounts, clock: FakeClock
) -> None:
    await room.users.add("Anna", PASSWORD, is_admin=False)
    secret = await sign_in(room)
    clock.advance(seconds=DAY_S)
    seen = await room.sessions.of(secret)
    assert seen is not None
    await room.sessions.sign_out(secret)
    assert await room.sessions.put_off(seen) is None


async def test_secrets_are_stored_hashed(room: accounts.Accounts, database: Database) -> None:
    user = await room.users.add("Anna", PASSWORD, is_admin=False)
    _, token = await room.tokens.create(user.id, "phone")
    session = await sign_in(room)
    for table in ("users", "sessions", "tokens"):
        stored = str(
            [
                tuple(row.values()) if hasattr(row, "values") else tuple(row)
                for row in await database.all(f"SELECT * FROM {table}")
            ]
        )
        assert not any(secret in stored for secret in (PASSWORD, token, session))
    row = await database.one("SELECT password_hash FROM users")
    assert row is not None
    assert row["password_hash"].startswith("$argon2id$")


async def test_failures_double_the_wait_and_time_heals(room: accounts.Accounts, clock: FakeClock) -> None:
    await room.users.add("Anna", PASSWORD, is_admin=False)
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await sign_in(room, "wrong horse")
    with pytest.raises(TooManyAttempts) as refused:
        await sign_in(room)
    clock.advance(seconds=refused.value.retry_after_s)
    assert await sign_in(room)
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await sign_in(room, "wrong horse")


async def test_a_stranger_elsewhere_cannot_lock_the_owner_out(room: accounts.Accounts, clock: FakeClock) -> None:
    await room.users.add("Anna", PASSWORD, is_admin=False)
    for n in range(200):
        try:
            await sign_in(room, "wrong horse", address=f"10.1.0.{n}")
        except (Unauthenticated, TooManyAttempts):
            continue
    clock.advance(seconds=8)
    assert await sign_in(room, address="10.0.0.2")


async def test_owners_sign_in_where_they_usually_are_however_many_guess(
    room: accounts.Accounts, another: accounts.Accounts, clock: FakeClock, database: Database
) -> None:
    """Two guesses a second from ever new addresses; the owner comes every two seconds, through either process."""
    await room.users.add("Anna", PASSWORD, is_admin=False)
    assert await sign_in(room, address="10.0.0.2")
    clock.advance(seconds=2 * DAY_S)
    tried = 0
    for n in range(120):
        try:
            await sign_in(room, "wrong horse", address=f"10.1.{n // 250}.{n % 250}")
        except Unauthenticated:
            tried += 1
        except TooManyAttempts:
            pass
        if n % 4 == 0:
            assert await sign_in(another if n % 8 else room, address="10.0.0.2")
        clock.advance(seconds=0.5)
    assert tried <= 20 + 60 / 8 + 2
    for _ in range(5):  # a known address is no way round the wait of its own
        with pytest.raises(Unauthenticated):
            await sign_in(room, "wrong horse", address="10.0.0.2")
    with pytest.raises(TooManyAttempts):
        await sign_in(room, address="10.0.0.2")
    clock.advance(seconds=2 * DAY_S)
    await sign_in(room, address="10.0.0.2")
    left = [row["subject"] for row in await database.all("SELECT subject FROM login_failures")]
    assert not [subject for subject in left if "10.1." in subject], "what is forgotten takes no room"
    clock.advance(seconds=91 * DAY_S)
    await sign_in(room, address="10.0.0.3")
    left = [row["subject"] for row in await database.all("SELECT subject FROM login_failures")]
    assert not [subject for subject in left if "10.0.0.2" in subject]


async def test_wrong_tries_of_others_do_not_hinder_a_change_of_password(room: accounts.Accounts) -> None:
    viewer = await viewer_of(room)
    for n in range(4):
        user = await room.users.add(f"Listener {n}", PASSWORD, is_admin=False)
        _, secret = await room.tokens.create(user.id, "test")
        listener = await room.tokens.viewer(secret)
        assert listener is not None
        for _ in range(5):
            with pytest.raises(Forbidden):
                await room.sessions.confirm(listener, "wrong horse")
        with pytest.raises(TooManyAttempts):
            await room.sessions.confirm(listener, PASSWORD)
    for _ in range(3):
        with pytest.raises(Unauthenticated):
            await sign_in(room, "wrong horse")
    await room.sessions.confirm(viewer, PASSWORD)


async def test_one_address_cannot_try_many_names(room: accounts.Accounts) -> None:
    refused = 0
    for n in range(40):
        try:
            await room.sessions.sign_in(f"user{n}", PASSWORD, address="10.0.0.9", client="")
        except TooManyAttempts:
            refused += 1
        except Unauthenticated:
            continue
    assert refused >= 20


@pytest.mark.parametrize(("failures", "seconds"), [(0, 0), (4, 0), (5, 2), (6, 4), (9, 32), (14, 900), (1000, 900)])
def test_waits_double_up_to_a_quarter_of_an_hour(failures: int, seconds: int) -> None:
    assert wait_s(failures, free=5, longest_wait_s=900) == seconds


async def test_an_address_dies_with_its_token_here_at_once_and_elsewhere_within_a_second(
    room: accounts.Accounts, another: accounts.Accounts, clock: FakeClock
) -> None:
    viewer = await viewer_of(room)
    token = token_of(room.addresses.prefix(viewer, DIGEST, duration_ms=1000))
    for one in (room, another):
        assert await one.addresses.check(token, DIGEST, rank=30) == HIGHEST_RANK
    (listed,) = await room.tokens.list(viewer.user_id)
    await room.tokens.revoke(viewer.user_id, listed.id)
    clock.advance(seconds=0.6)
    for one in (room, another):
        with pytest.raises(Forbidden):
            await one.addresses.check(token, DIGEST, rank=30)


async def test_removing_a_person_ends_everything_of_theirs(room: accounts.Accounts, clock: FakeClock) -> None:
    await room.users.add("Boss", PASSWORD, is_admin=True)
    viewer = await viewer_of(room)
    session = await sign_in(room)
    token = token_of(room.addresses.prefix(viewer, DIGEST, duration_ms=1000))
    await room.users.remove(viewer.user_id)
    clock.advance(seconds=0.6)
    assert await room.sessions.of(session) is None
    with pytest.raises(Forbidden):
        await room.addresses.check(token, DIGEST, rank=1)


async def test_addresses_end_after_the_night(room: accounts.Accounts, clock: FakeClock) -> None:
    viewer = await viewer_of(room)
    token = token_of(room.addresses.prefix(viewer, DIGEST, duration_ms=1000))
    clock.advance(seconds=12 * 3600)
    assert await room.addresses.check(token, DIGEST, rank=30)
    clock.advance(seconds=3602)
    with pytest.raises(Forbidden):
        await room.addresses.check(token, DIGEST, rank=30)


async def test_keys_live_for_a_month_and_an_address_outlives_the_change_of_its_key(
    room: accounts.Accounts, another: accounts.Accounts, clock: FakeClock, database: Database
) -> None:
    viewer = await viewer_of(room)
    kids = set()
    for _ in range(3):
        clock.advance(seconds=30 * DAY_S - 1)
        assert not await room.addresses.rotate()
        old = token_of(room.addresses.prefix(viewer, DIGEST, duration_ms=1000))
        clock.advance(seconds=2)
        assert sorted(await asyncio.gather(room.addresses.rotate(), another.addresses.rotate())) == [False, True]
        clock.advance(seconds=1)
        for one in (room, another):  # each signs with the new key, and each accepts what the other signed
            new = token_of(one.addresses.prefix(viewer, DIGEST, duration_ms=1000))
            assert new.split(".")[1] != old.split(".")[1]
            for token in (old, new):
                assert await room.addresses.check(token, DIGEST, rank=1)
                assert await another.addresses.check(token, DIGEST, rank=1)
            kids |= {old.split(".")[1], new.split(".")[1]}
        assert len(await database.all("SELECT kid FROM signing_keys")) == 2
    assert len(kids) == 4


async def test_a_key_that_was_given_up_signs_nothing_that_is_accepted(
    room: accounts.Accounts, clock: FakeClock
) -> None:
    viewer = await viewer_of(room)
    first = token_of(room.addresses.prefix(viewer, DIGEST, duration_ms=100 * DAY_S * 1000))
    for accepted in (True, False):
        clock.advance(seconds=30 * DAY_S + 1)
        assert await room.addresses.rotate()
        if accepted:
            assert await room.addresses.check(first, DIGEST, rank=1)
    with pytest.raises(Forbidden):
        await room.addresses.check(first, DIGEST, rank=1)


async def test_the_address_of_a_revoked_session_is_refused(room: accounts.Accounts, clock: FakeClock) -> None:
    await room.users.add("Anna", PASSWORD, is_admin=True)
    one, other = await room.sessions.of(await sign_in(room)), await room.sessions.of(await sign_in(room))
    assert one is not None
    assert other is not None
    tokens = [token_of(room.addresses.prefix(s.viewer, DIGEST, duration_ms=1000)) for s in (one, other)]
    for token in tokens:
        assert await room.addresses.check(token, DIGEST, rank=1)
    revoked = next(s for s in await room.sessions.list(one.viewer.user_id) if s.grant == one.viewer.grant)
    await room.sessions.revoke(one.viewer.user_id, revoked.id)
    clock.advance(seconds=0.6)
    with pytest.raises(Forbidden):
        await room.addresses.check(tokens[0], DIGEST, rank=1)
    assert await room.addresses.check(tokens[1], DIGEST, rank=1)


async def test_the_setup_link_ends_with_the_first_user_and_with_the_day(
    room: accounts.Accounts, clock: FakeClock
) -> None:
    link = await room.setup.new()
    assert link is not None
    newer = await room.setup.new()
    assert newer is not None
    assert not await room.setup.holds(link)
    clock.advance(seconds=DAY_S + 1)
    assert not await room.setup.holds(newer)
    with pytest.raises(Forbidden):
        await room.setup.use(newer, "Anna", PASSWORD)
    last = await room.setup.new()
    assert last is not None
    assert (await room.setup.use(last, "Anna", PASSWORD)).is_admin
    with pytest.raises(Forbidden):
        await room.setup.use(last, "Ben", PASSWORD)
    assert await room.setup.new() is None


async def test_a_name_is_taken_whatever_its_case(room: accounts.Accounts) -> None:
    await room.users.add("Zoë", PASSWORD, is_admin=False)
    with pytest.raises(Conflict):
        await room.users.add("ZOE\u0308", PASSWORD, is_admin=False)


async def test_lowering_what_a_person_may_have_reaches_addresses_that_are_out(
    room: accounts.Accounts, another: accounts.Accounts, clock: FakeClock
) -> None:
    user = await room.users.add("Anna", PASSWORD, is_admin=False)
    _, secret = await room.tokens.create(user.id, "phone")
    viewer = await room.tokens.viewer(secret)
    assert viewer is not None
    token = room.addresses.prefix(viewer, DIGEST, duration_ms=1000).split("/")[2]
    assert await room.addresses.check(token, DIGEST, rank=90) == HIGHEST_RANK
    assert await another.addresses.check(token, DIGEST, rank=90) == HIGHEST_RANK
    await room.users.change(user.id, max_rank=30)
    clock.advance(seconds=1)
    for each in (room, another):
        with pytest.raises(Forbidden):
            await each.addresses.check(token, DIGEST, rank=90)
        assert await each.addresses.check(token, DIGEST, rank=10) == 30


async def test_a_full_disk_keeps_nobody_out_who_is_signed_in(
    room: accounts.Accounts, database: Database, clock: FakeClock
) -> None:
    if database.dialect != "sqlite":
        pytest.skip("not here: the disk of another server is not ours to fill")
    user = await room.users.add("Anna", PASSWORD, is_admin=False)
    signed_in = await room.sessions.open(user.id, address="127.0.0.1", client="")
    _, secret = await room.tokens.create(user.id, "phone")
    clock.advance(seconds=2 * 3600)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))  # the system refuses every byte more in a file
    try:
        with pytest.raises(Unavailable):
            await room.tokens.create(user.id, "another")
        assert await room.tokens.viewer(secret) is not None
        assert await room.sessions.of(signed_in.secret) is not None
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert await room.tokens.viewer(secret) is not None
    (token,) = await room.tokens.list(user.id)
    assert token.seen_at_ms == clock.now_ms()


class Slow(Passwords):
    """Something else happens between the check of a password and the session that it opens."""

    def __init__(self, meanwhile: Callable[[], Awaitable[object]]) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    async def matches(self, password: str, stored: str | None) -> bool:
        is_right = await super().matches(password, stored)
        await self._meanwhile()
        return is_right


async def test_a_password_that_is_changed_while_one_signs_in_with_the_old_one_opens_nothing(
    room: accounts.Accounts, another: accounts.Accounts, database: Database, events: EventBus, clock: FakeClock
) -> None:
    user = await room.users.add("Anna", PASSWORD, is_admin=False)

    async def change() -> None:
        await another.users.set_password(user.id, "another horse")

    day_ms = DAY_S * 1000
    slow = Sessions(database, events, clock, Slow(change), Steps(database, clock, lifetime_ms=day_ms), day_ms)
    with pytest.raises(Unauthenticated):
        await slow.sign_in("Anna", PASSWORD, address="10.0.0.9", client="test")
    assert await room.sessions.list(user.id) == []
    assert await sign_in(room, "another horse")
