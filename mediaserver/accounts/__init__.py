"""Who may: people, sessions, tokens, permits, signed addresses."""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.accounts.addresses import Addresses
from mediaserver.accounts.passwords import Passwords
from mediaserver.accounts.sessions import Sessions
from mediaserver.accounts.setup import SetupLinks
from mediaserver.accounts.steps import Steps
from mediaserver.accounts.tokens import Tokens
from mediaserver.accounts.users import Users
from mediaserver.core.clock import Clock
from mediaserver.core.events import EventBus
from mediaserver.storage.database import Database


@dataclass(frozen=True, slots=True)
class Accounts:
    users: Users
    sessions: Sessions
    tokens: Tokens
    setup: SetupLinks
    addresses: Addresses


async def build(database: Database, events: EventBus, clock: Clock, *, session_days: int = 30) -> Accounts:
    """The room's services; makes the first signing key on a new database."""
    passwords = Passwords()
    lifetime_ms = session_days * 86_400_000
    steps = Steps(database, clock, lifetime_ms=lifetime_ms)
    accounts = Accounts(
        Users(database, events, clock, passwords),
        Sessions(database, events, clock, passwords, steps, lifetime_ms),
        Tokens(database, events, clock),
        SetupLinks(database, clock, passwords),
        Addresses(database, events, clock, steps),
    )
    await steps.open()
    await accounts.addresses.open()
    return accounts
