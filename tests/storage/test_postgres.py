"""What only PostgreSQL can do: end connections, shut down, deadlock, cancel amid a commit."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from mediaserver.core.clock import SystemClock
from mediaserver.core.errors import Invalid, Unavailable
from mediaserver.storage import open_database
from mediaserver.storage.database import Database
from mediaserver.storage.watch import watch
from tests.databases import POSTGRES
from tests.nginx import OPERATING
from tests.server import PASSWORD, Running, bearer, running

pytestmark = pytest.mark.skipif(not POSTGRES, reason="not here: of PostgreSQL, MEDIASERVER_TEST_DATABASE")

ADD = "INSERT INTO genres (name, name_key, sort_key) VALUES (:name, :name, :name)"
END_OTHERS = (
    "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


@pytest_asyncio.fixture
async def operator(database_url: str) -> AsyncIterator[Any]:
    """A connection of the operator's own, beside the server's pool."""
    connection = await asyncpg.connect(database_url)
    yield connection
    await connection.close()


async def until(operator: Any, condition: str) -> None:
    """Wait for a backend of this database to be in a state."""
    async with asyncio.timeout(30):
        while not await operator.fetchval(
            f"SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            f" AND {condition} LIMIT 1"
        ):
            await asyncio.sleep(0.01)


async def written(database: Database, name: str) -> None:
    """Write it once the database is to be had again: ended connections are found out by using them."""
    async with asyncio.timeout(30):
        while True:
            try:
                async with database.write() as tx:
                    await tx.run(ADD, {"name": name})
                return
            except Unavailable:
                await asyncio.sleep(0.01)


async def test_an_ended_backend_is_an_outage_that_passes(database: Database, operator: Any) -> None:
    waiting = asyncio.ensure_future(database.all("SELECT pg_sleep(30)"))
    await until(operator, "query LIKE '%pg_sleep%'")
    await operator.fetch(END_OTHERS)
    with pytest.raises(Unavailable):
        await waiting
    await written(database, "before")
    told: list[str] = []
    with pytest.raises(Unavailable):
        async with database.write() as tx:
            tx.after_commit(lambda: told.append("no"))
            await tx.run("DELETE FROM genres")
            await operator.fetch(END_OTHERS)
    assert not told
    await written(database, "kept")
    assert [row["name"] for row in await database.all("SELECT name FROM genres ORDER BY id")] == ["before", "kept"]


async def test_an_outage_is_watched_and_does_not_stop_the_server(
    database: Database, operator: Any, caplog: pytest.LogCaptureFixture
) -> None:
    watching = asyncio.create_task(watch(database, every_s=0.01))
    await until(operator, "query = 'SELECT 1 AS yes'")
    name = await operator.fetchval("SELECT current_database()")
    elsewhere = await asyncpg.connect(POSTGRES)
    await elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    await operator.fetch(END_OTHERS)
    async with asyncio.timeout(30):
        while "is not to be had" not in caplog.text:
            await asyncio.sleep(0.01)
    await elsewhere.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    await elsewhere.close()
    async with asyncio.timeout(30):
        while "the database is back" not in caplog.text:
            await asyncio.sleep(0.01)
    assert not watching.done()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_a_cancelled_statement_a_deadlock_and_a_lock_that_is_not_had_are_outages(
    database: Database, operator: Any
) -> None:
    waiting = asyncio.ensure_future(database.all("SELECT pg_sleep(30)"))
    await until(operator, "query LIKE '%pg_sleep%'")
    await operator.fetch("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(30)'")
    with pytest.raises(Unavailable):
        await waiting

    async with database.write() as tx:
        await tx.run(ADD, {"name": "a"})
        await tx.run(ADD, {"name": "b"})
    both = asyncio.Barrier(2)

    async def change(first: str, second: str) -> None:
        async with database.write() as tx:
            await tx.run("UPDATE genres SET sort_key = '' WHERE name = :name", {"name": first})
            await both.wait()
            await tx.run("UPDATE genres SET sort_key = '' WHERE name = :name", {"name": second})

    results = await asyncio.gather(change("a", "b"), change("b", "a"), return_exceptions=True)
    assert [type(result) for result in results if result is not None] == [Unavailable]

    async with operator.transaction():
        await operator.execute("LOCK TABLE genres IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable):
            async with database.write() as tx:
                await tx.run("SET LOCAL lock_timeout TO '50ms'")
                await tx.run(ADD, {"name": "c"})


async def test_a_cancel_amid_the_commit_neither_tears_nor_hides_it(database: Database, operator: Any) -> None:
    await operator.execute(
        "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$;"
        " CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON genres DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION slowly()"
    )
    told: list[str] = []

    async def write() -> None:
        async with database.write() as tx:
            tx.after_commit(lambda: told.append("yes"))
            await tx.run(ADD, {"name": "slow"})

    writing = asyncio.create_task(write())
    await until(operator, "query = 'COMMIT' AND state = 'active'")
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    present = [row["name"] for row in await database.all("SELECT name FROM genres")]
    assert (present, told) == (["slow"], ["yes"])


async def test_going_on_after_a_failed_statement_is_not_taken_for_a_commit(database: Database) -> None:
    """PostgreSQL answers ROLLBACK to such a COMMIT, and no error."""
    told: list[str] = []
    with pytest.raises(RuntimeError):
        async with database.write() as tx:
            tx.after_commit(lambda: told.append("no"))
            await tx.run(ADD, {"name": "lost"})
            with pytest.raises(Invalid):
                await tx.run(ADD, {"name": "a\0"})
    assert not told


async def test_a_server_that_is_set_to_hurry_still_writes_before_it_acknowledges(
    database_url: str, operator: Any, tmp_path: Path
) -> None:
    name = await operator.fetchval("SELECT current_database()")
    for setting, wanted in (("off", "on"), ("remote_apply", "remote_apply")):
        await operator.execute(f"ALTER DATABASE {name} SET synchronous_commit TO {setting}")
        database = await open_database(database_url, tmp_path, SystemClock())
        async with database.write() as tx:
            row = await tx.one("SHOW synchronous_commit")
            assert row is not None
            assert row["synchronous_commit"] == wanted
        await database.close()


async def test_ending_backends_under_load_gives_200_and_503_alone(house: Running, operator: Any) -> None:
    token = await house.sign_up()
    statuses: dict[int, int] = {}
    ending = asyncio.Event()

    async def listen(n: int) -> None:
        while not ending.is_set():
            for method, path, body in (
                ("GET", "/api/v1/albums", None),
                ("GET", "/api/v1/me", None),
                ("GET", "/api/v1/search?q=h", None),
                ("POST", "/api/v1/session", {"name": "Admin", "password": PASSWORD}),
                ("POST", "/api/v1/tokens", {"name": f"t{n}"}),
            ):
                async with house.client.request(
                    method, house.base + path, json=body, headers=bearer(token) if "session" not in path else {}
                ) as answer:
                    text = await answer.text()
                    statuses[answer.status] = statuses.get(answer.status, 0) + 1
                    assert answer.status in (200, 201, 429, 503), f"{method} {path}: {text}"

    async def end() -> None:
        for _ in range(40):
            await operator.fetch(END_OTHERS)
            await asyncio.sleep(0.05)
        ending.set()

    await asyncio.gather(end(), *(listen(n) for n in range(6)))
    assert statuses[503]
    assert statuses[200]
    await house.json("/api/v1/albums", token)


async def test_the_page_s_commands_bring_a_database_back(
    seeded_library: Path, tmp_path: Path, database_url: str
) -> None:
    dump, restore = (line for line in OPERATING.read_text(encoding="utf-8").splitlines() if line.startswith("pg_"))

    async def run(line: str) -> None:
        environment = {**os.environ, "MEDIASERVER_DATABASE__URL": database_url}
        process = await asyncio.create_subprocess_shell(
            line, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        told, _ = await process.communicate()
        assert process.returncode == 0, told.decode()

    async with running(seeded_library, tmp_path / "data", database_url) as house:
        admin = await house.sign_up()
        albums = await house.json("/api/v1/albums", admin)
    await run(dump)
    async with running(seeded_library, tmp_path / "data", database_url) as house:
        await house.listener(admin, "Late")
    await run(restore)
    async with running(seeded_library, tmp_path / "data", database_url) as house:
        assert [one["name"] for one in (await house.json("/api/v1/users", admin))["items"]] == ["Admin"]
        assert await house.json("/api/v1/albums", admin) == albums
