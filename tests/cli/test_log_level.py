"""`mediaserver log-level`, and what the running server then says."""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp

from tests.cli.command import Command


async def test_a_level_changes_while_the_server_runs_and_ends_with_it(command: Command, seeded_library: Path) -> None:
    async with command.serving(seeded_library) as served, aiohttp.ClientSession() as client:
        assert "info     root\n" in (await command.run("log-level")).out
        async with client.get(f"{served.base}/healthz") as answer:
            assert answer.status == 200
        one = await command.run("log-level", "mediaserver.library", "warning")
        assert one.out == "mediaserver.library is logged from warning on, until the server ends.\n"
        everything = await command.run("log-level", "debug")
        assert (everything.code, everything.err) == (0, "")
        async with client.get(f"{served.base}/readyz") as answer:  # by the same connection
            assert answer.status == 200
        assert "warning  mediaserver.library\n" in (await command.run("log-level")).out
        ended = await served.stopped()
    assert "GET /readyz 200" in ended.err
    assert "/healthz" not in ended.err
    kept = [json.loads(line) for line in (command.data_dir / "logs" / "mediaserver.jsonl").read_text().splitlines()]
    assert "GET /readyz 200" in " ".join(line["message"] for line in kept)
    async with command.serving(seeded_library):
        assert "info     root\n" in (await command.run("log-level")).out


async def test_what_is_wrong_is_told_in_one_line(command: Command, seeded_library: Path) -> None:
    nobody = await command.run("log-level", "debug")
    assert (nobody.code, nobody.err) == (
        1,
        "mediaserver: no server runs here: log.level in the settings holds for the next\n",
    )
    assert not command.data_dir.exists()
    async with command.serving(seeded_library):
        for words, told in (
            (("loud",), "the level must be one of debug, info, warning, error, not loud"),
            (("mediaserver.libary", "debug"), "did you mean mediaserver.library?"),
            (("a", "b", "debug"), "expected LEVEL, or LOGGER and LEVEL"),
        ):
            ended = await command.run("log-level", *words)
            assert ended.code == 2
            assert told in ended.err
