"""What administrators are told of the server: jobs that fail, and whatever the rest of the house says."""

from __future__ import annotations

import asyncio

from mediaserver.core.supervisor import Need
from tests.server import Running


async def health(house: Running, admin: str) -> dict[str, dict[str, object]]:
    told = await house.json("/api/v1/health", admin)
    states = {row["state"] for row in told["rows"]}
    assert told["state"] == ("bad" if "bad" in states else "warning" if "warning" in states else "ok")
    return {row["name"]: row for row in told["rows"]}


async def test_everything_is_told_and_only_to_administrators(house: Running) -> None:
    admin = await house.sign_up()
    rows = await health(house, admin)
    assert set(rows) == {
        *("Jobs", "Music", "Disk", "Database", "Addresses", "Discovery", "Listening", "Workers", "Clock"),
        *("Memory", "Open files", "Python"),
    }
    assert {rows[name]["state"] for name in ("Jobs", "Music", "Database", "Workers", "Python")} == {"ok"}
    await house.json("/api/v1/health", await house.listener(admin), status=403)


async def test_a_job_that_fails_is_told_with_its_reason_and_without_secrets(house: Running) -> None:
    admin = await house.sign_up()

    async def fail() -> None:
        raise OSError("no connection to postgresql://music:s3cr3t@db/music")

    house.server.supervisor.start("pigeons", fail, need=Need.OPTIONAL)
    async with asyncio.timeout(60):
        while house.server.supervisor.jobs["pigeons"].last_error is None:
            await asyncio.sleep(0.01)
    row = (await health(house, admin))["pigeons"]
    assert row["state"] == "warning"
    assert "no connection" in str(row["message"])
    assert "s3cr3t" not in str(row["message"])
    assert row["is_command"] is True
