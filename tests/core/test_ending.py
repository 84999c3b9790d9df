from __future__ import annotations

import asyncio
import subprocess
import sys
import time

from mediaserver.core.ending import end_all


async def test_parts_end_side_by_side_and_those_that_hang_are_named() -> None:
    ended = []

    async def tidy() -> None:
        ended.append("tidy")

    async def hanging() -> None:
        await asyncio.Event().wait()

    async def failing() -> None:
        raise OSError("away")

    told = await end_all({"hanging": hanging(), "tidy": tidy(), "failing": failing()}, timeout_s=0.05)
    assert ended == ["tidy"]
    assert told == {"hanging": "did not end within 0.05 s", "failing": "OSError: away"}
    assert await end_all({}, timeout_s=1) == {}


def test_a_thread_that_hangs_does_not_keep_the_process() -> None:
    code = (
        "import threading; from mediaserver.core.ending import leave_at_the_latest;"
        "threading.Thread(target=threading.Event().wait).start(); leave_at_the_latest(0.2, 3)"
    )
    began_s = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 3
    assert "not every part ended within 0.2 s" in ended.stderr
    assert time.monotonic() - began_s < 50
