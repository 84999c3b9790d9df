from __future__ import annotations

import asyncio

import pytest

from mediaserver.core.supervisor import Need, Supervisor


async def forever() -> None:
    await asyncio.Event().wait()


async def test_an_optional_job_is_tried_again_and_its_error_is_shown() -> None:
    supervisor, runs, third = Supervisor(backoff_first_s=0.001), 0, asyncio.Event()

    async def flaky() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise OSError("away")
        third.set()
        await forever()

    supervisor.start("flaky", flaky)
    await asyncio.wait_for(third.wait(), 30)
    assert supervisor.jobs["flaky"].restarts == 2
    assert supervisor.jobs["flaky"].last_error == "OSError: away"
    assert not supervisor.failed.is_set()
    assert await supervisor.stop() == []


async def test_an_essential_job_that_fails_is_told_at_once() -> None:
    supervisor = Supervisor()

    async def fail() -> None:
        raise RuntimeError("broken")

    supervisor.start("heart", fail, need=Need.ESSENTIAL)
    await asyncio.wait_for(supervisor.failed.wait(), 30)
    assert supervisor.jobs["heart"].last_error == "RuntimeError: broken"
    assert supervisor.failure == "heart: RuntimeError: broken"
    assert await supervisor.stop() == []


async def test_jobs_stop_side_by_side_and_a_stubborn_one_is_named() -> None:
    supervisor, slow_ended, release = Supervisor(), asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        try:
            await forever()
        except asyncio.CancelledError:
            await release.wait()

    async def tidy() -> None:
        try:
            await forever()
        finally:
            slow_ended.set()

    supervisor.start("stubborn", stubborn)
    supervisor.start("tidy", tidy)
    await asyncio.sleep(0)
    assert await supervisor.stop(timeout_s=0.05) == ["stubborn"]
    assert slow_ended.is_set()
    release.set()


async def test_a_name_runs_once_at_a_time() -> None:
    supervisor = Supervisor()
    supervisor.start("one", forever)
    with pytest.raises(ValueError, match="is running"):
        supervisor.start("one", forever)
    await supervisor.stop()
