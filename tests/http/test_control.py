"""The control socket: its guard is the file's mode, from the first moment on."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import aiohttp

from mediaserver.http.ops import control


async def about() -> dict[str, str]:
    return {}


async def test_the_socket_is_its_owners_alone_and_the_umask_of_the_process_is_left_alone(tmp_path: Path) -> None:
    """A thread that makes a folder meanwhile would otherwise make one that nobody can enter."""
    application = control.application(lambda: None, lambda: None, lambda: {"state": "idle"}, about, lambda: None)
    before, ending, made = os.umask(0), threading.Event(), set()

    def make_folders() -> None:
        n = 0
        while not ending.is_set():
            folder = tmp_path / f"made {n}"
            folder.mkdir()
            made.add(stat.S_IMODE(folder.stat().st_mode))
            folder.rmdir()
            n += 1

    beside = threading.Thread(target=make_folders)
    beside.start()
    try:
        for _ in range(100):
            async with control.listening(application, tmp_path):
                mode = (tmp_path / control.NAME).stat().st_mode
                assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, 0o600)
            assert not (tmp_path / control.NAME).exists()
    finally:
        ending.set()
        beside.join()
        os.umask(before)
    assert made == {0o777}


async def test_the_socket_answers_also_in_a_folder_with_a_long_name(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    (folder / control.NAME).touch()  # left behind by a server that was killed
    async with control.listening(
        control.application(lambda: None, lambda: None, lambda: {"state": "idle"}, about, lambda: None), folder
    ):
        descriptor = os.open(folder, os.O_PATH)
        connector = aiohttp.UnixConnector(f"/proc/self/fd/{descriptor}/{control.NAME}")
        async with (
            aiohttp.ClientSession(connector=connector) as client,
            client.post("http://control/scan") as answer,
        ):
            assert (answer.status, await answer.json()) == (202, {"state": "idle"})
        os.close(descriptor)
