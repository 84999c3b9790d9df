"""A real nginx in front of the server, with the configurations that docs/operating.md and docs/streaming.md show."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

OPERATING = Path(__file__).parent.parent / "docs" / "operating.md"
STREAMING = OPERATING.with_name("streaming.md")
PROGRAM = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin") or ""
_LIMIT_S = 60.0

# What the page's blocks stand in; without a master there is no other user, and so no folder of others.
_AROUND = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {inside}
}}
"""

needed = pytest.mark.skipif(not PROGRAM, reason="left out: nginx is not installed")


def blocks(page: Path = OPERATING) -> list[str]:
    """The page's configurations of nginx. Of OPERATING: a host of its own, and a path beside others."""
    return re.findall(r"^```nginx\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        port: int = one.getsockname()[1]
        return port


def of_path(block: str, port: int, upstream: int) -> str:
    """The page's `location` blocks in a host of their own at `port`, before the server at `upstream`."""
    inside = block.replace("127.0.0.1:4747", f"127.0.0.1:{upstream}")
    shared, _, locations = inside.partition("location")
    return f"{shared}\nserver {{\nlisten 127.0.0.1:{port};\nlocation{locations}\n}}"


def of_host(block: str, port: int, upstream: int, certificate: Path, key: Path) -> str:
    """The page's `server` block at `port`, before the server at `upstream`."""
    for before, after in (
        ("127.0.0.1:4747", f"127.0.0.1:{upstream}"),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/letsencrypt/live/music.example.org/fullchain.pem", str(certificate)),
        ("/etc/letsencrypt/live/music.example.org/privkey.pem", str(key)),
    ):
        assert before in block, before
        block = block.replace(before, after)
    return block


@contextmanager
def running(folder: Path, inside: str, port: int) -> Iterator[None]:
    """nginx with `inside` in its http block, answering at `port`, until left."""
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(_AROUND.format(folder=folder, inside=inside), encoding="utf-8")
    process = subprocess.Popen(
        [PROGRAM, "-c", str(config), "-p", str(folder), "-e", str(folder / "error.log")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        end_s = time.monotonic() + _LIMIT_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > end_s:
                    process.kill()
                    told = process.communicate()[0] + (folder / "error.log").read_text(encoding="utf-8")
                    raise AssertionError(f"nginx did not start: {told}") from None
                time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(_LIMIT_S)
