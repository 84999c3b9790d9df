"""`user` and `token`, beside a running server and without one."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest

from tests.cli.command import Command
from tests.eventstream import listening

PASSWORD = b"correct horse\n"


async def add(command: Command, name: str, *options: str, stdin: bytes = PASSWORD) -> None:
    ended = await command.run("user", "add", name, "--password-stdin", *options, stdin=stdin)
    assert ended.code == 0, ended.err


async def holds_within_a_second(client: aiohttp.ClientSession, address: str, status: int, token: str = "") -> None:
    """From the command's end, which is now: whatever is asked a second later is answered so.

    The machine's own delay, which is the longest that any answer took, is granted on top.
    """
    ended = time.monotonic()
    last_otherwise = ended
    longest_s = 0.0
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with asyncio.timeout(60):
        while True:
            asked = time.monotonic()
            async with client.get(address, headers=headers) as answer:
                longest_s = max(longest_s, time.monotonic() - asked)
                if answer.status == status:
                    break
            last_otherwise = asked
            before = time.monotonic()
            await asyncio.sleep(0.02)
            longest_s = max(longest_s, time.monotonic() - before)
    assert last_otherwise - ended < 1 + longest_s


async def test_people_are_added_listed_and_removed(command: Command) -> None:
    await add(command, "Anna", "--admin")
    await add(command, "ben")
    listed = await command.run("user", "list")
    assert listed.out == "Anna\tadministrator\nben\tlistener\n"
    assert (await command.run("user", "remove", "BEN")).out == "removed ben\n"
    assert (await command.run("user", "list")).out == "Anna\tadministrator\n"


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "told"),
    [
        (["user", "add", "ANNA", "--password-stdin"], PASSWORD, 1, "there is a user ANNA already"),
        (["user", "add", "ben", "--password-stdin"], b"short\n", 2, "a password has 8 to 1024 characters"),
        (
            ["user", "add", "ben", "--password-stdin"],
            b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe\n",
            2,
            "the password is not UTF-8",
        ),
        (["user", "add", "be\x07n", "--password-stdin"], PASSWORD, 2, "a name has no control characters"),
        (["user", "remove", "nobody"], b"", 1, "there is no user nobody"),
        (["user", "remove", "anna"], b"", 1, "this is the last administrator: make another one first"),
        (["user", "password", "nobody", "--password-stdin"], PASSWORD, 1, "there is no user nobody"),
        (["token", "create", "nobody", "--name", "x"], b"", 1, "there is no user nobody"),
        (["token", "create", "anna", "--name", " "], b"", 2, "a token's name has 1 to 100 printable characters"),
        (["token", "revoke", "77"], b"", 1, "there is no such token"),
    ],
)
async def test_what_cannot_be_done_is_told_in_one_line(
    command: Command, arguments: list[str], stdin: bytes, code: int, told: str
) -> None:
    await add(command, "anna", "--admin")
    ended = await command.run(*arguments, stdin=stdin)
    assert (ended.code, ended.out, ended.err) == (code, "", f"mediaserver: {told}\n")


async def test_without_a_terminal_the_password_must_come_from_standard_input(command: Command) -> None:
    ended = await command.run("user", "add", "anna", stdin=PASSWORD)
    assert ended.code == 2
    assert "--password-stdin" in ended.err


async def test_a_token_is_the_last_word_and_holds_in_the_running_server(command: Command, seeded_library: Path) -> None:
    async with command.serving(seeded_library, "--host", "127.0.0.1") as served, aiohttp.ClientSession() as client:
        await add(command, "anna", "--admin")
        made = await command.run("token", "create", "anna", "--name", "my phone")
        token = made.out.split()[-1]
        await holds_within_a_second(client, f"{served.base}/api/v1/me", 200, token)

        listed = await command.run("token", "list")
        number, name, what, _ = listed.out.rstrip("\n").split("\t")
        assert (name, what) == ("anna", "my phone")
        assert token not in listed.out

        assert (await command.run("token", "revoke", number)).code == 0
        await holds_within_a_second(client, f"{served.base}/api/v1/me", 401, token)
        assert token not in (await served.stopped()).err


async def test_a_removed_person_is_out_within_a_second_and_so_is_a_signed_address(
    command: Command, seeded_library: Path
) -> None:
    await add(command, "anna", "--admin")
    await add(command, "ben")
    token = (await command.run("token", "create", "ben", "--name", "phone")).out.split()[-1]
    async with command.serving(seeded_library, "--host", "127.0.0.1") as served, aiohttp.ClientSession() as client:
        headers = {"Authorization": f"Bearer {token}"}
        async with client.get(f"{served.base}/api/v1/tracks?limit=1", headers=headers) as answer:
            (track,) = (await answer.json())["items"]
        async with client.get(f"{served.base}/api/v1/tracks/{track['id']}/playback", headers=headers) as answer:
            address = served.base + (await answer.json())["hls"]["aac"]
        async with client.get(address) as answer:
            assert answer.status == 200

        assert (await command.run("user", "remove", "ben")).code == 0
        await asyncio.gather(
            holds_within_a_second(client, f"{served.base}/api/v1/me", 401, token),
            holds_within_a_second(client, address, 403),
        )


async def test_a_new_password_holds_and_the_old_one_does_not(command: Command, seeded_library: Path) -> None:
    await add(command, "anna", "--admin")
    changed = await command.run("user", "password", "anna", "--password-stdin", stdin=b"battery staple\r\nmore\n")
    assert changed.code == 0
    async with command.serving(seeded_library, "--host", "127.0.0.1") as served, aiohttp.ClientSession() as client:
        for password, status in (("correct horse", 401), ("battery staple", 200)):
            body = {"name": "anna", "password": password}
            async with client.post(f"{served.base}/api/v1/session", json=body) as answer:
                assert answer.status == status


async def test_an_open_stream_of_events_ends_with_its_token(command: Command, seeded_library: Path) -> None:
    """At once, and not with the next sign of life, which comes every 15 s."""
    await add(command, "anna")
    made = (await command.run("token", "create", "anna", "--name", "phone")).out.split()
    async with command.serving(seeded_library) as served, aiohttp.ClientSession() as client:
        headers = {"Authorization": f"Bearer {made[-1]}"}
        async with listening(client, f"{served.base}/api/v1/events", headers) as ear:
            assert (await command.run("token", "revoke", made[1])).code == 0
            async with asyncio.timeout(8):
                assert (await ear.until("end")).data == {"reason": "revoked"}
