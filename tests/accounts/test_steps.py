"""A clock that is set while the server runs, back and forth: who is signed in stays so, and nothing lasts for years."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from mediaserver import accounts
from mediaserver.accounts.permits import HIGHEST_RANK
from mediaserver.accounts.sessions import SignedIn
from mediaserver.accounts.throttle import FREE, LONGEST_WAIT_S
from mediaserver.core.errors import Forbidden, TooManyAttempts, Unauthenticated
from mediaserver.core.events import EventBus
from mediaserver.storage.database import Database
from tests.clock import FakeClock

PASSWORD = "correct horse"
DIGEST = "D" * 22
DAY_S = 86_400
YEAR_S = 365 * DAY_S


@pytest_asyncio.fixture
async def room(database: Database, clock: FakeClock) -> AsyncIterator[accounts.Accounts]:
    bus = EventBus()
    yield await accounts.build(database, bus, clock)
    await bus.close()


async def signed_in(room: accounts.Accounts) -> str:
    if not await room.users.count():
        await room.users.add("Anna", PASSWORD, is_admin=True)
    return (await room.sessions.sign_in("Anna", PASSWORD, address="10.0.0.9", client="test")).secret


@pytest.mark.parametrize("by_s", [-30 * YEAR_S, -YEAR_S, -2 * DAY_S, 2 * DAY_S, 40 * DAY_S, YEAR_S, 30 * YEAR_S])
async def test_who_is_signed_in_stays_so_for_as_long_as_was_meant(
    room: accounts.Accounts, clock: FakeClock, by_s: int
) -> None:
    secret = await signed_in(room)
    clock.advance(seconds=10 * DAY_S)
    clock.set(by_s=by_s)
    assert await room.sessions.of(secret)
    clock.advance(seconds=19 * DAY_S)
    assert await room.sessions.of(secret)
    clock.advance(seconds=12 * DAY_S)
    assert await room.sessions.of(secret) is None


@pytest.mark.parametrize("by_s", [-YEAR_S, YEAR_S])
async def test_a_session_of_a_wrong_clock_lasts_as_long_as_any_once_that_is_right(
    room: accounts.Accounts, clock: FakeClock, by_s: int
) -> None:
    before = await signed_in(room)
    clock.set(by_s=by_s)
    amid = await signed_in(room)
    clock.set(by_s=-by_s)
    assert await room.sessions.of(before)
    assert await room.sessions.of(amid)
    user_id = (await room.users.all())[0].id
    assert len(await room.sessions.list(user_id)) == 2
    clock.advance(seconds=31 * DAY_S)
    assert await room.sessions.of(before) is None
    assert await room.sessions.of(amid) is None


async def test_whose_session_is_over_is_not_let_in_by_setting_the_clock_forth(
    room: accounts.Accounts, clock: FakeClock
) -> None:
    secret = await signed_in(room)
    clock.advance(seconds=31 * DAY_S)
    clock.set(by_s=YEAR_S)
    assert await room.sessions.of(secret) is None


async def test_a_small_correction_changes_nothing(room: accounts.Accounts, clock: FakeClock) -> None:
    secret = await signed_in(room)
    before = await room.sessions.of(secret)
    clock.set(by_s=1800)
    assert await room.sessions.of(secret) == before


@pytest.mark.parametrize("by_s", [-YEAR_S, YEAR_S])
async def test_the_set_up_link_holds_for_its_day_though_the_machine_learns_the_time_after_it_was_printed(
    room: accounts.Accounts, clock: FakeClock, by_s: int
) -> None:
    link = await room.setup.new()
    assert link is not None
    clock.set(by_s=by_s)
    clock.advance(seconds=DAY_S - 60)
    assert await room.setup.holds(link)
    clock.advance(seconds=120)
    assert not await room.setup.holds(link)
    with pytest.raises(Forbidden):
        await room.setup.use(link, "Anna", PASSWORD)
    link = await room.setup.new()
    assert link is not None
    clock.set(by_s=by_s)
    assert (await room.setup.use(link, "Anna", PASSWORD)).is_admin


async def test_keys_from_a_time_to_come_are_replaced_in_their_turn(room: accounts.Accounts, clock: FakeClock) -> None:
    secret = await signed_in(room)
    one = await room.sessions.of(secret)
    assert one is not None
    clock.set(by_s=YEAR_S)
    assert await room.addresses.rotate()
    prefix = room.addresses.prefix(one.viewer, DIGEST, duration_ms=1000)
    clock.set(by_s=-YEAR_S)
    assert not await room.addresses.rotate()
    await room.addresses.check(prefix.split("/")[2], DIGEST, rank=HIGHEST_RANK)
    clock.advance(seconds=31 * DAY_S)
    assert await room.addresses.rotate(), "and not only in a year"


@pytest.mark.parametrize("by_s", [-2 * DAY_S, 2 * DAY_S, 8 * DAY_S])
async def test_servers_that_share_a_database_move_sessions_once(
    database: Database, clock: FakeClock, by_s: int
) -> None:
    bus = EventBus()
    rooms = [await accounts.build(database, bus, clock) for _ in range(4)]
    secret = await signed_in(rooms[0])
    clock.advance(seconds=20 * DAY_S)
    left_ms = (await seen(rooms[0], secret)).expires_at_ms - clock.now_ms()
    for n, forth_s in enumerate((by_s, by_s, -by_s)):
        clock.set(by_s=forth_s)
        first = await seen(rooms[n], secret)
        for room in [*rooms, await accounts.build(database, bus, clock)]:
            assert await seen(room, secret) == first
        if forth_s > 0 and by_s > 0:
            assert first.expires_at_ms - clock.now_ms() == left_ms
    await bus.close()


async def test_a_server_that_starts_after_the_clock_was_set_goes_on_from_there(
    room: accounts.Accounts, database: Database, clock: FakeClock
) -> None:
    """As far as is known: the first step of all while no server runs is seen by nobody."""
    secret = await signed_in(room)
    clock.set(by_s=2 * DAY_S)
    await seen(room, secret)
    clock.advance(seconds=DAY_S)
    clock.set(by_s=40 * DAY_S)
    bus = EventBus()
    later = await accounts.build(database, bus, clock)
    assert (await seen(later, secret)).expires_at_ms - clock.now_ms() == 29 * DAY_S * 1000
    await bus.close()


async def seen(room: accounts.Accounts, secret: str) -> SignedIn:
    one = await room.sessions.of(secret)
    assert one is not None
    return one


@pytest.mark.parametrize("by_s", [-YEAR_S, YEAR_S])
async def test_who_was_throttled_waits_no_longer_for_it(room: accounts.Accounts, clock: FakeClock, by_s: int) -> None:
    await signed_in(room)
    longest_s = 0.0
    for step_s in (0, by_s, -by_s):
        clock.set(by_s=step_s)
        longest_s = max(longest_s, await refused(room))
    assert longest_s < LONGEST_WAIT_S
    clock.advance(seconds=LONGEST_WAIT_S)
    assert await room.sessions.sign_in("Anna", PASSWORD, address="10.0.0.7", client="test")


async def refused(room: accounts.Accounts) -> float:
    """Guess until one has to wait; for how many seconds."""
    for _ in range(FREE + 1):
        try:
            await room.sessions.sign_in("Anna", "wrong", address="10.0.0.7", client="test")
        except Unauthenticated:
            continue
        except TooManyAttempts as error:
            return error.retry_after_s
    raise AssertionError("nobody was refused")
