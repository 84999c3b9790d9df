"""The arguments of every command, and how failures are told."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediaserver import __version__
from mediaserver.cli import main as main_module
from tests.cli.command import Command


def commands(parser: argparse.ArgumentParser, words: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Every command by its words, groups left out."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield words, parser
    for group in groups:
        for name, below in group.choices.items():
            yield from commands(below, f"{words} {name}".strip())


COMMANDS = dict(commands(main_module.parser()))


def test_the_commands_that_others_rely_on_are_there() -> None:
    promised = {"serve", "scan", "user add", "user list", "user remove", "token create", "token list", "token revoke"}
    assert promised | {"check-config"} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS)
def test_help_shows_an_example_that_the_command_itself_takes(words: str) -> None:
    text = COMMANDS[words].format_help()
    example = text.partition("example: mediaserver ")[2].split()
    assert " ".join(example).startswith(words)
    main_module.parser().parse_args(example)


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_takes_a_data_directory_and_a_settings_file(words: str) -> None:
    text = COMMANDS[words].format_help()
    assert "--data-dir DIR" in text
    assert "--config FILE" in text


@pytest.mark.parametrize("words", [[], ["user"], ["token"], ["nothing"], ["serve", "--prt", "1"], ["user", "add"]])
def test_wrong_usage_ends_with_code_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main_module.main(words)
    assert ended.value.code == 2
    assert "usage: mediaserver" in capsys.readouterr().err


async def test_the_version_is_told(command: Command) -> None:
    ended = await command.run("--version")
    assert (ended.code, ended.out) == (0, f"mediaserver {__version__}\n")


async def test_a_data_directory_that_cannot_be_made_is_told_in_one_line(command: Command) -> None:
    command.data_dir.write_text("a file is in its place", encoding="utf-8")
    ended = await command.run("user", "list")
    assert ended.code == 1
    assert ended.err == f"mediaserver: the data directory {command.data_dir} cannot be made: File exists\n"


async def test_a_database_that_is_away_is_told_in_one_line(command: Command) -> None:
    ended = await command.run("user", "list", MEDIASERVER_DATABASE__URL="postgresql://nobody@127.0.0.1:1/none")
    assert ended.code == 1
    assert ended.err.startswith("mediaserver: PostgreSQL is not to be had: ")
    assert ended.err.count("\n") == 1


async def test_settings_are_checked_without_changing_anything(command: Command, tmp_path: Path) -> None:
    config = tmp_path / "own.toml"
    config.write_text('[server]\nport = 80\n[library]\nfolders = ["/not/mounted/now"]\n', encoding="utf-8")
    ended = await command.run("check-config", "--config", config, MEDIASERVER_LOG__LEVEL="debug")
    assert ended.code == 0
    assert f"The settings are right ({config}, " in ended.out
    assert "MEDIASERVER_LOG__LEVEL" in ended.out
    assert "there is no folder /not/mounted/now now" in ended.out
    assert not command.data_dir.exists()


@pytest.mark.parametrize("words", [["check-config"], ["serve"], ["scan"], ["user", "list"]], ids=" ".join)
async def test_wrong_settings_end_every_command_with_all_faults_and_code_2(command: Command, words: list[str]) -> None:
    command.data_dir.mkdir()
    (command.data_dir / "config.toml").write_text('[server]\nport = "x"\n[log]\nlevle = 1\n', encoding="utf-8")
    ended = await command.run(*words)
    assert ended.code == 2
    assert [line.split(": ")[1] for line in ended.err.splitlines()] == ["server.port", "log.levle"]
