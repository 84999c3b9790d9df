"""The server itself, as administrators see it through the API."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.server import Running


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    one = logging.getLogger("mediaserver.library")
    before = one.level
    yield
    one.setLevel(before)


async def test_administrators_change_levels_and_nobody_else_does(house: Running) -> None:
    admin = await house.sign_up()
    listener = await house.listener(admin)
    path, body = "/api/v1/log-levels", {"logger": "mediaserver.library", "level": "debug"}
    await house.json(path, listener, status=403)
    await house.json(path, listener, method="PUT", body=body, status=403)
    assert {"logger": "mediaserver.library", "level": "debug"} not in (await house.json(path, admin))["levels"]
    changed = await house.json(path, admin, method="PUT", body=body)
    assert body in changed["levels"]
    assert changed == await house.json(path, admin)
    assert logging.getLogger("mediaserver.library").isEnabledFor(logging.DEBUG)


async def test_an_unknown_part_or_level_is_refused(house: Running) -> None:
    admin = await house.sign_up()
    for body in ({"logger": "nobody", "level": "debug"}, {"logger": "root", "level": "loud"}):
        await house.json("/api/v1/log-levels", admin, method="PUT", body=body, status=400)
