"""What a person did is on the disk before it is acknowledged: seen from outside, call by call, by strace."""

from __future__ import annotations

import asyncio
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.faults.houses import LIMIT_S, admin_token, process, scanned
from tests.server import PASSWORD

_CALLS = "openat,write,pwrite64,pwritev,writev,sendto,sendmsg,fdatasync,fsync,close"
# 1234 12:34:56.789012 fdatasync(11</data/mediaserver.db-wal>) = 0
_LINE = re.compile(r"^(?P<pid>\d+) +(?P<at>[\d.]+) (?P<rest>.*)$")
_CALL = re.compile(r"(?P<name>\w+)\((?P<fd>\d+)<(?P<what>.*?)>(?P<args>.*)")
_ENDED = re.compile(r" = (?P<result>-?\d+)")
_RESUMED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<rest>.*)")


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the system on a file or socket."""

    name: str
    what: str
    """The path of the file, or the two ends of the socket."""
    began_at_s: float
    ended_at_s: float
    data: str
    """What was written, as strace shows it."""


def calls_of(trace: str) -> list[Call]:
    """In the order of their ends. A call that another thread's interrupts is put together again."""
    begun: dict[str, tuple[str, float]] = {}
    calls = []
    for line in trace.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        pid, at_s, rest = match["pid"], float(match["at"]), match["rest"]
        if rest.endswith("<unfinished ...>"):
            begun[pid] = rest.removesuffix("<unfinished ...>"), at_s
            continue
        began_at_s, resumed = at_s, _RESUMED.match(rest)
        if resumed is not None:
            if pid not in begun:
                continue
            head, began_at_s = begun.pop(pid)
            rest = head + resumed["rest"]
        call, ended = _CALL.match(rest), _ENDED.search(rest[rest.rfind(")") :])
        if call is not None and ended is not None and int(ended["result"]) >= 0:
            calls.append(Call(call["name"], call["what"], began_at_s, at_s, call["args"]))
    return calls


def test_calls_that_interrupt_each_other_are_read_rightly() -> None:
    trace = """7 1.000001 pwrite64(5</d/x.db-wal>, "a"..., 24, 0) = 24
7 1.000002 fdatasync(5</d/x.db-wal> <unfinished ...>
8 1.000003 sendto(9<TCP:[127.0.0.1:80->127.0.0.1:99]>, "HTTP/1.1 200"..., 20, 0, NULL, 0) = 20
7 1.000004 <... fdatasync resumed>) = 0
8 1.000005 sendto(9<TCP:[127.0.0.1:80->127.0.0.1:99]>, "x", 1, 0, NULL, 0) = -1 EPIPE (Broken pipe)
"""
    assert [(one.name, one.began_at_s, one.ended_at_s) for one in calls_of(trace)] == [
        ("pwrite64", 1.000001, 1.000001),
        ("sendto", 1.000003, 1.000003),
        ("fdatasync", 1.000002, 1.000004),
    ]


def synced_before_answered(calls: list[Call], wal: str, status: str) -> tuple[Call, Call, Call]:
    """The last write to the log before the answer with this status, its sync, and the answer; in this order."""
    answer = next(
        one for one in calls if one.data.startswith(f', "HTTP/1.1 {status}') or f'"HTTP/1.1 {status}' in one.data
    )
    written = [one for one in calls if one.what == wal and "write" in one.name and one.ended_at_s <= answer.began_at_s]
    assert written, "nothing was written to the log before the answer"
    last = written[-1]
    synced = [
        one
        for one in calls
        if one.what == wal
        and one.name in ("fdatasync", "fsync")
        and one.began_at_s >= last.ended_at_s
        and one.ended_at_s <= answer.began_at_s
    ]
    assert synced, f"answered at {answer.began_at_s} what was written at {last.ended_at_s} and not synced"
    return last, synced[-1], answer


@pytest.mark.skipif(shutil.which("strace") is None, reason="left out: order of calls, seen by strace: install strace")
async def test_the_log_of_the_database_is_synced_before_a_change_is_answered(
    tmp_path: Path, seeded_library: Path
) -> None:
    """Of the embedded database. PostgreSQL does this by itself: `synchronous_commit` is seen to in storage/postgres."""
    data_dir = tmp_path / "data"
    wal = str(data_dir / "mediaserver.db-wal")
    # What is measured in the background is written between, and need not be on the disk when anybody is answered.
    quiet = {"MEDIASERVER_LOUDNESS__MEASURE": "false"}
    async with process(seeded_library, data_dir, "", **quiet) as (server, base, link):
        headers = await admin_token(base, link)
        await scanned(base, headers)
        async with aiohttp.ClientSession(headers=headers) as client:

            async def change(method: str, path: str, status: int, body: object = None) -> Any:
                trace = tmp_path / "trace"
                trace.unlink(missing_ok=True)
                tracer = await asyncio.create_subprocess_exec(
                    *("strace", "-f", "-ttt", "-yy", "-s", "64", "-e", f"trace={_CALLS}", "-o", str(trace)),
                    *("-p", str(server.pid)),
                    stderr=asyncio.subprocess.PIPE,
                )
                assert tracer.stderr is not None
                async with asyncio.timeout(LIMIT_S):
                    told = (await tracer.stderr.readline()).decode()
                if "attached" not in told:
                    await tracer.wait()
                    pytest.skip(f"left out: order of calls, seen by strace ({told.strip()})")
                async with client.request(method, base + path, json=body) as answer:
                    read = await answer.json() if answer.content_type.endswith("json") else None
                    assert answer.status == status, read
                # Whoever has the answer may be faster than strace: once there is another, the first is in the trace.
                async with client.get(f"{base}/healthz") as answer:
                    assert answer.status == 200
                tracer.terminate()
                await tracer.communicate()
                written, synced, answered = synced_before_answered(calls_of(trace.read_text()), wal, str(status))
                print(
                    f"{method} {path}: written, {(synced.ended_at_s - written.ended_at_s) * 1e6:.0f} us later on the"
                    f" disk, {(answered.began_at_s - synced.ended_at_s) * 1e6:.0f} us later answered"
                )
                return read

            print()
            made = await change("POST", "/api/v1/users", 201, {"name": "anna", "password": PASSWORD})
            await change("PATCH", f"/api/v1/users/{made['id']}", 200, {"password": f"{PASSWORD} 2"})
            token = await change("POST", "/api/v1/tokens", 201, {"name": "phone"})
            await change("DELETE", f"/api/v1/tokens/{token['id']}", 204)
            await change("POST", "/api/v1/session", 200, {"name": "Admin", "password": PASSWORD})
            await change("DELETE", f"/api/v1/users/{made['id']}", 204)
