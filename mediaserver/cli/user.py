"""`mediaserver user`: who may sign in."""

from __future__ import annotations

import argparse
import getpass
import sys

from mediaserver.cli.main import USAGE, fail
from mediaserver.cli.opened import opened_accounts


async def add(args: argparse.Namespace) -> int:
    password = _password(from_stdin=args.password_stdin)
    async with opened_accounts(args) as accounts:
        user = await accounts.users.add(args.name, password, is_admin=args.admin)
    print(f"added {user.name}{' (administrator)' if user.is_admin else ''}")
    return 0


async def show(args: argparse.Namespace) -> int:
    async with opened_accounts(args) as accounts:
        for user in await accounts.users.all():
            print(f"{user.name}\t{'administrator' if user.is_admin else 'listener'}")
    return 0


async def remove(args: argparse.Namespace) -> int:
    async with opened_accounts(args) as accounts:
        user = await accounts.users.named(args.name)
        await accounts.users.remove(user.id)
    print(f"removed {user.name}")
    return 0


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        fail("no terminal to ask for the password: use --password-stdin", USAGE)
    password = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != password:
        fail("the two passwords differ")
    return password
