"""What the command line says of a server at a path of its own, encrypted: by what it is told it must be reached."""

from __future__ import annotations

import json
import re
from pathlib import Path

import aiohttp
import pytest

from mediaserver.cli import service
from tests.cli.command import Command

OWN = {"MEDIASERVER_SERVER__BASE_PATH": "/music", "MEDIASERVER_SERVER__TLS": "own"}


async def test_service_and_doctor_know_path_and_encryption_of_the_running_server(
    command: Command, seeded_library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with (
        command.serving(seeded_library, "--host", "127.0.0.1", **OWN) as served,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=False)) as client,
    ):
        await service.tell_addresses(command.data_dir)
        told = capsys.readouterr().out
        assert f"address    {served.base}/music\n" in told
        link = re.search(r"^  (\S+/music/setup\?link=\S+)$", told, re.M)
        assert link is not None, told
        async with client.get(link[1]) as answer:
            assert "Make your account" in await answer.text()
        async with client.get(f"{served.base}/music/healthz") as answer:
            assert answer.status == 200
        ended = await command.run("doctor", "--json", **OWN)
        report = json.loads(ended.out)
        found = {one["name"]: one for one in report["findings"]}
        assert report["running"]
        assert found[f"Port {served.base.rpartition(':')[2]}"]["told"] == "the server listens there"
        assert [one for one in report["findings"] if one["state"] == "bad"] == []
        # Without the settings that the server was started with, it is asked all the same.
        assert json.loads((await command.run("doctor", "--json")).out)["running"]
