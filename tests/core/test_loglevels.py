"""Levels that change while the server runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from mediaserver.core import loglevels
from mediaserver.core.errors import Invalid


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    loggers = [logging.getLogger(), *map(logging.getLogger, list(logging.root.manager.loggerDict))]
    before = [(one, one.level) for one in loggers]
    yield
    for one, level in before:
        one.setLevel(level)


def test_a_part_is_told_in_detail_and_the_rest_as_before() -> None:
    loglevels.begin("info")
    logging.getLogger("house.attic")
    loglevels.change("house.attic", "debug")
    assert logging.getLogger("house.attic").isEnabledFor(logging.DEBUG)
    assert not logging.getLogger("house.cellar").isEnabledFor(logging.DEBUG)
    levels = loglevels.levels()
    assert next(iter(levels)) == "root"
    assert (levels["root"], levels["house.attic"]) == ("info", "debug")


def test_requests_are_told_with_everything_at_debug() -> None:
    loglevels.begin("info")
    requests = logging.getLogger("aiohttp.access")
    assert not requests.isEnabledFor(logging.INFO)
    loglevels.change("root", "debug")
    assert requests.isEnabledFor(logging.INFO)
    assert not logging.getLogger("aiosqlite").isEnabledFor(logging.INFO)
    loglevels.change("root", "warning")
    assert not requests.isEnabledFor(logging.INFO)


def test_what_there_is_not_is_refused_with_a_hint_and_makes_no_logger() -> None:
    logging.getLogger("house.attic")
    with pytest.raises(Invalid, match=r"did you mean house\.attic\?"):
        loglevels.change("house.atic", "debug")
    assert "house.atic" not in logging.root.manager.loggerDict


def test_what_would_tell_the_database_s_secrets_stays_silent() -> None:
    logging.getLogger("aiosqlite")
    for logger in ("aiosqlite", "asyncpg", "asyncpg.pool"):
        with pytest.raises(Invalid, match="secrets"):
            loglevels.change(logger, "debug")
