"""A server process that is measured from outside, and one connection to it that stays open, as a player's does."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent.parent
_START_LIMIT_S, _AHEAD_LIMIT_S, _SETTLE_S = 300.0, 5.0, 0.02
_ALONE = {
    "MEDIASERVER_LOG__LEVEL": "warning",
    "MEDIASERVER_STREAMING__STREAMS_PER_PERSON": "0",
    "MEDIASERVER_DISCOVERY__ENABLED": "false",
    "MEDIASERVER_LIBRARY__WATCH": "false",  # files are touched to be unknown again, and not to be scanned beside it
    "MEDIASERVER_LOUDNESS__MEASURE": "false",
}


@dataclass
class House:
    pid: int
    port: int
    token: str
    data_dir: Path
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        self.connection = self.connected()

    def connected(self) -> http.client.HTTPConnection:
        """Another connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def get(self, path: str, connection: http.client.HTTPConnection | None = None) -> bytes:
        connection = connection or self.connection
        headers = {} if path.startswith("/e/") else {"Authorization": f"Bearer {self.token}"}
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status} for {re.sub('/e/[^/]*', '/e/-', path)}: {body[:200]!r}")
        return body

    def timed(self, path: str) -> tuple[bytes, float]:
        """The body, and the milliseconds to its last byte."""
        start = time.perf_counter()
        body = self.get(path)
        return body, (time.perf_counter() - start) * 1000

    def track_ids(self) -> dict[str, int]:
        """By title, which is the file's name."""
        return {track["title"]: track["id"] for track in json.loads(self.get("/api/v1/tracks?limit=500"))["items"]}

    def playlists(self, track_id: int) -> dict[str, str]:
        """Multivariant playlists, by family."""
        hls: dict[str, str] = json.loads(self.get(f"/api/v1/tracks/{track_id}/playback"))["hls"]
        return hls

    def rungs(self, hls_url: str) -> dict[int, str]:
        """The folders of the media playlists, by rank."""
        names = re.findall(r"^\.\./([^/]+)/", self.get(hls_url).decode(), re.M)
        return {int(name.split(".")[1]): f"{hls_url.rsplit('/', 2)[0]}/{name}" for name in names}

    def kept(self, folder: str, n: int) -> Path:
        """Where the cache keeps a segment of the rendition with this address."""
        digest, recipe = folder.split("/")[-2:]
        return self.data_dir / "cache" / "segments" / digest[:2] / digest / recipe / f"{n}.m4s"

    def forget(self, folder: str, n: int | None = None) -> None:
        """One segment or all of a rendition, as if nobody had asked before. Nothing is made ahead of those again."""
        if n is None:
            shutil.rmtree(self.kept(folder, 0).parent, ignore_errors=True)
        else:
            self.kept(folder, n).unlink(missing_ok=True)

    def settle(self, folder: str, n: int) -> None:
        """Until what is made ahead of the segment asked for is there, so that it does not stand before the next one."""
        end = time.monotonic() + _AHEAD_LIMIT_S
        while not self.kept(folder, n).exists() and time.monotonic() < end:
            time.sleep(0.005)
        time.sleep(_SETTLE_S)

    def made(self) -> int:
        """Segments, since the start."""
        found = re.search(r'^mediaserver_segments_total\{outcome="made"\} (\S+)', self.get("/metrics").decode(), re.M)
        return int(float(found[1])) if found else 0

    def computed_s(self) -> dict[int, float]:
        """What each of its processes has computed so far."""
        server, found = psutil.Process(self.pid), {}
        for process in (server, *server.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                found[process.pid] = times.user + times.system
        return found

    def memory_mb(self) -> tuple[float, list[float]]:
        """PSS of the server itself, and of each worker that makes segments."""
        server = psutil.Process(self.pid)
        nursery = [one for one in server.children() if any("forkserver" in word for word in one.cmdline())]
        workers = [worker for one in nursery for worker in one.children()]
        return _pss_mb(server), [_pss_mb(worker) for worker in workers]


def _pss_mb(process: psutil.Process) -> float:
    pss: int = process.memory_full_info().pss
    return pss / (1 << 20)


@contextmanager
def serving(folder: Path, data_dir: Path, tracks: int) -> Iterator[House]:
    """A server process whose first scan and indexing are done."""
    command = [sys.executable, "-m", "mediaserver"]
    at = ["--data-dir", str(data_dir)]
    quiet = {**os.environ, **_ALONE, "PYTHONPATH": str(ROOT)}
    add = [*command, "user", "add", "bench", "--admin", "--password-stdin", *at]
    subprocess.run(add, input="correct horse\n", text=True, check=True, stdout=subprocess.DEVNULL, env=quiet)
    create = [*command, "token", "create", "bench", "--name", "bench", *at]
    token = subprocess.run(create, text=True, check=True, capture_output=True, env=quiet).stdout.split()[-1]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = [*command, "serve", str(folder), "--host", "127.0.0.1", "--port", str(port), *at]
    server = subprocess.Popen(serve, stdout=subprocess.DEVNULL, env=quiet)
    try:
        wait_until(lambda: _is_open(port))
        database = sqlite3.connect(f"file:{data_dir}/mediaserver.db?mode=ro", uri=True)
        count = "SELECT count(*) FROM sound_files"
        wait_until(lambda: database.execute(count).fetchone()[0] == tracks)
        database.close()
        yield House(server.pid, port, token, data_dir)
    finally:
        server.terminate()
        server.wait(timeout=10)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + _START_LIMIT_S
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError("the server did not come up")
        time.sleep(0.05)


def at_once(house: House, paths: list[str], connections: int) -> None:
    """Ask for all of them over so many connections, each for the next one as soon as it has its answer."""
    left, failures = list(reversed(paths)), []

    def ask() -> None:
        connection = house.connected()
        try:
            while left:
                try:
                    path = left.pop()
                except IndexError:
                    return
                house.get(path, connection)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def kept_per_s(house: House, path: str, seconds: float, connections: int) -> float:
    """Answers a second with one segment that is in the cache. Who asks is on the same cores, and does nothing else."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{house.port}\r\n\r\n".encode()
    house.get(path)
    size = _answer_bytes(house.port, request)
    counts = [0] * connections
    end = time.monotonic() + seconds

    def ask(number: int) -> None:
        buffer = memoryview(bytearray(1 << 18))
        with socket.create_connection(("127.0.0.1", house.port)) as one:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while time.monotonic() < end:
                one.sendall(request)
                left = size
                while left:
                    got = one.recv_into(buffer, min(left, len(buffer)))
                    if not got:
                        raise RuntimeError("the server hung up")
                    left -= got
                counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(connections)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.monotonic() - began)


def _answer_bytes(port: int, request: bytes) -> int:
    """Head and body of the answer, which are the same each time."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as one:
        one.sendall(request)
        raw = b""
        while b"\r\n\r\n" not in raw:
            raw += one.recv(65536)
        head = raw.partition(b"\r\n\r\n")[0]
        if b" 200 " not in head.split(b"\r\n")[0]:
            raise RuntimeError(head.decode(errors="replace"))
        found = re.search(rb"^content-length: *(\d+)", head, re.I | re.M)
        if found is None:
            raise RuntimeError("no length was told")
        return len(head) + 4 + int(found[1])


def shares(values: list[float]) -> tuple[float, float]:
    """The median and the 95th percentile."""
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)]
