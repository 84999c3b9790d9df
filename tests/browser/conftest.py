"""A server with music and one browser for all tests here; every test has a fresh profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright, expect, sync_playwright

from tests.browser import music
from tests.browser.running import ARGS, CHROMIUM, LIMIT_S, Server, Watched, serving, set_up, sign_in, watched
from tests.databases import fresh_database_url_apart

expect.set_options(timeout=LIMIT_S * 1000)

SHOTS = Path(__file__).parent.parent.parent / "build" / "screenshots"


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("music")
    music.make(root)
    return root


@pytest.fixture(scope="session")
def server(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Set up by the tests of the door, or here by the API where those did not run first."""
    with (
        fresh_database_url_apart() as database_url,
        serving(library, tmp_path_factory.mktemp("data"), database_url) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    if not CHROMIUM:
        pytest.fail("Chromium is not installed: sudo apt-get install chromium")
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def account(server: Server, browser: Browser) -> Path:
    """The first account, made by the set-up link; the signed-in state is kept in a file."""
    context = browser.new_context()
    one = watched(context)
    set_up(one.page, server)
    one.calm()
    state = server.data_dir / "signed-in.json"
    context.storage_state(path=str(state))
    context.close()
    return state


Open = Callable[..., Watched]


@pytest.fixture
def opened(server: Server, browser: Browser, account: Path) -> Iterator[Open]:
    """Opens a path of the page, signed in, in a profile of its own: `opened("/albums", width=390)`."""
    contexts = []

    def open_page(
        path: str = "/", *, width: int = 1280, height: int = 800, scheme: str = "light", has_policy: bool = True
    ) -> Watched:
        context = browser.new_context(
            bypass_csp=not has_policy,
            storage_state=str(account),
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            has_touch=width < 500,
        )
        contexts.append(context)
        one = watched(context)
        one.page.goto(server.address + path)
        return one

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture
def own_session(server: Server, browser: Browser, account: Path) -> Iterator[Watched]:
    """A page with a session of its own, which a test may end."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    one = watched(context)
    sign_in(one.page, server)
    yield one
    context.close()


@pytest.fixture(scope="session")
def shots() -> Path:
    SHOTS.mkdir(parents=True, exist_ok=True)
    return SHOTS
