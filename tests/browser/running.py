"""The real server as a process of its own, and Debian's Chromium before it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import BrowserContext, ConsoleMessage, Page

ROOT = Path(__file__).parent.parent.parent
CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
ARGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
]
NAME, PASSWORD = "Anna", "correct horse battery"
_START_S = 60
LIMIT_S = 60
"""How long anything may take: a test that waits for longer has failed. The machine may be slow and busy."""


@dataclass
class Server:
    address: str
    setup_link: str
    data_dir: Path
    process: subprocess.Popen[str]


@contextmanager
def serving(
    music: Path,
    data_dir: Path,
    database_url: str = "",
    *,
    host: str = "127.0.0.1",
    before: Sequence[str] = (),
    **variables: str,
) -> Iterator[Server]:
    """`mediaserver serve` on a free port, until left; its set-up link is "" where somebody has an account.

    `before` are words that stand before the command and end in running it; `variables` are settings, as
    MEDIASERVER_SERVER__NAME.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MEDIASERVER_")}
    if database_url:
        environment["MEDIASERVER_DATABASE__URL"] = database_url
    environment |= variables
    command = [*before, sys.executable, "-m", "mediaserver", "serve", str(music)]
    command += ["--host", host, "--port", "0", "--data-dir", str(data_dir)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    said: list[str] = []
    told = threading.Event()

    def listen() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if re.search(r"^(Scanned:|No folder is scanned yet)", line):
                told.set()
        told.set()

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        assert told.wait(_START_S), f"the server did not start: {''.join(said)}"
        text = "".join(said)
        address = re.search(rf"https?://{re.escape(host)}:\S+", text)
        assert address, text
        link = re.search(r"https?://\S+/setup\?link=\S+", text)
        yield Server(address[0], link[0] if link else "", data_dir, process)
    finally:
        process.terminate()
        process.wait(LIMIT_S)
        listener.join(5)


@dataclass
class Watched:
    """A page of a fresh profile, and whatever it complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error}"))
        self.page.on("dialog", lambda dialog: dialog.accept())

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def calm(self) -> None:
        """Nothing was complained about: no exception, no failed request, no breach of the content policy."""
        assert not self.complaints, "\n".join(self.complaints)


def watched(context: BrowserContext) -> Watched:
    one = Watched(context.new_page())
    one.watch()
    return one


def set_up(page: Page, server: Server) -> None:
    """Makes the first account by the set-up link."""
    page.goto(server.setup_link)
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    page.fill("#again", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector(".card a")
    assert "link=" not in page.url


def forget(page: Page) -> None:
    """The browser loses its session. The page is left before: what it still loads would be refused, and say so."""
    page.goto("about:blank")
    page.context.clear_cookies()


def sign_in(page: Page, server: Server, name: str = NAME, password: str = PASSWORD) -> None:
    page.goto(f"{server.address}/sign-in")
    page.fill("#name", name)
    page.fill("#password", password)
    page.click("button[type=submit]")
    page.wait_for_selector(".sidebar, .tabs")


def until(page: Page, expression: str, *, seconds: float = LIMIT_S) -> None:
    """Waits until the JavaScript is true. Asked from outside: the content policy forbids Playwright's own way."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"not true after {seconds} s: {expression}"
        page.wait_for_timeout(30)
