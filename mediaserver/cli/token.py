"""`mediaserver token`: access for devices and programs."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime

from mediaserver.cli.opened import opened_accounts
from mediaserver.core.units import TokenId


async def create(args: argparse.Namespace) -> int:
    """The token is the last word that is printed."""
    async with opened_accounts(args) as accounts:
        user = await accounts.users.named(args.user)
        token, secret = await accounts.tokens.create(user.id, args.name)
    print(f"token {token.id} for {user.name} ({token.name}), shown this once: {secret}")
    return 0


async def show(args: argparse.Namespace) -> int:
    async with opened_accounts(args) as accounts:
        names = {user.id: user.name for user in await accounts.users.all()}
        for token in await accounts.tokens.list():
            seen = "never used" if token.seen_at_ms is None else f"last used {_day(token.seen_at_ms)}"
            print(f"{token.id}\t{names.get(token.user_id, '?')}\t{token.name}\t{seen}")
    return 0


async def revoke(args: argparse.Namespace) -> int:
    async with opened_accounts(args) as accounts:
        await accounts.tokens.revoke(None, TokenId(args.id))
    print(f"revoked token {args.id}")
    return 0


def _day(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")
