"""`mediaserver user`: who may sign in."""

from __future__ import annotations

import argparse
import getpass
import sys

from mediaserver.cli.opened import opened_accounts
from mediaserver.cli.surroundings import USAGE, fail


async def add(args: argparse.Namespace) -> int:
    password_given = _password(from_stdin=args.password_stdin)
    async with opened_accounts(args) as accounts:
        user = await accounts.users.add(args.name, password_given, is_admin=args.admin)
    print(f"added {user.name}{' (administrator)' if user.is_admin else ''}")
    return 0


async def show(args: argparse.Namespace) -> int:
    async with opened_accounts(args) as accounts:
        for user in await accounts.users.all():
            print(f"{user.name}\t{'administrator' if user.is_admin else 'listener'}")
    return 0


async def password(args: argparse.Namespace) -> int:
    """Also ends the person's sessions: who forgot a password may have lost a device with it."""
    password_given = _password(from_stdin=args.password_stdin)
    async with opened_accounts(args) as accounts:
        user = await accounts.users.named(args.name)
        await accounts.users.set_password(user.id, password_given)
    print(f"{user.name} has a new password and is signed out everywhere")
    return 0


async def remove(args: argparse.Namespace) -> int:
    async with opened_accounts(args) as accounts:
        user = await accounts.users.named(args.name)
        await accounts.users.remove(user.id)
    print(f"removed {user.name}")
    return 0


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        try:
            return sys.stdin.buffer.readline().decode().rstrip("\r\n")
        except UnicodeDecodeError:
            fail("the password is not UTF-8", USAGE)
    if not sys.stdin.isatty():
        fail("no terminal to ask for the password: use --password-stdin", USAGE)
    try:
        first = getpass.getpass("Password: ")
        if getpass.getpass("Once more: ") != first:
            fail("the two passwords differ")
    except EOFError:
        fail("no password was given")
    return first
