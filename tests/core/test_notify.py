"""What systemd is told, over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from pathlib import Path

import pytest

from mediaserver.core.notify import Notifier


@pytest.mark.parametrize("is_abstract", [False, True])
def test_words_reach_the_socket_and_no_child_can_speak_for_us(tmp_path: Path, is_abstract: bool) -> None:
    name = f"@mediaserver-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    environment = {"NOTIFY_SOCKET": name, "PATH": "/bin"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hears:
        hears.bind(f"\0{name[1:]}" if is_abstract else name)
        hears.settimeout(60)
        Notifier(environment).say("READY=1", "STATUS=answers")
        assert hears.recv(1000) == b"READY=1\nSTATUS=answers"
    assert environment == {"PATH": "/bin"}


def test_without_systemd_or_with_one_that_is_gone_nothing_happens(tmp_path: Path) -> None:
    for name in ("", "nonsense", str(tmp_path / "gone"), "/" + "x" * 200):
        Notifier({"NOTIFY_SOCKET": name}).say("READY=1")


async def test_the_watchdog_hears_of_us_twice_in_its_time(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as hears:
        hears.bind(str(tmp_path / "notify"))
        hears.setblocking(False)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        environment["WATCHDOG_PID"] = str(os.getpid())
        alive = asyncio.create_task(Notifier(environment).keep_alive())
        try:
            async with asyncio.timeout(60):
                for _ in range(3):
                    assert await asyncio.get_running_loop().sock_recv(hears, 100) == b"WATCHDOG=1"
        finally:
            alive.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await alive


async def test_without_a_watchdog_or_with_another_s_there_is_no_word_and_no_wake_up(tmp_path: Path) -> None:
    for environment in ({}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "200000", "WATCHDOG_PID": "1"}):
        async with asyncio.timeout(60):
            await Notifier(dict(environment)).keep_alive()
