"""Pictures of every view, light and dark, on a phone and on a desktop; nothing may stick out or be unreadable."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import places
from tests.browser.conftest import Open
from tests.browser.running import Server, until, watched
from tests.browser.test_sound import POSITION

pytestmark = pytest.mark.browser

SIZES = {"phone": (390, 844), "desktop": (1440, 900)}
VIEWS = places.PAGES | {
    "albums": ("/albums", ".card img.loaded"),
    "artist": ("", ".hero.round img.loaded"),
    "search": ("/search?q=u", ".track"),
    "report": ("/admin/report", ".problems .words"),
}
STICKS_OUT = "document.scrollingElement.scrollWidth > innerWidth"
CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")


def take(page: Page, path: Path) -> None:
    places.still(page)
    page.screenshot(path=str(path))
    assert not page.evaluate(STICKS_OUT), f"{path.name}: something is wider than the window"
    assert page.evaluate(CONTRAST) == [], f"{path.name}: too little contrast"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_every_view_looks_right(opened: Open, shots: Path, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    one = opened("/", width=width, height=height, scheme=scheme)
    page = one.page
    name = f"{size}-{scheme}"
    page.get_by_role("link", name="Unbroken", exact=True).click()
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, f"{POSITION} > 0.2 && document.querySelector('.hero img.loaded')")
    take(page, shots / f"{name}-album.png")
    artist = page.locator(".hero .facts a").first.get_attribute("href")
    assert artist
    if size == "phone":
        page.get_by_role("button", name="Show the player").click()
        until(page, "document.querySelector('.player.open img.loaded')")
        take(page, shots / f"{name}-playing.png")
        page.get_by_role("button", name="Close the player").click()
    for view, (path, ready) in VIEWS.items():
        places.follow(page, path or artist, ready)
        take(page, shots / f"{name}-{view}.png")
    one.calm()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_door_looks_right(
    browser: Browser, server: Server, account: Path, shots: Path, size: str, scheme: str
) -> None:
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if scheme == "dark" else "light"
    )
    one = watched(context)
    one.page.goto(f"{server.address}/sign-in")
    one.page.wait_for_selector("#name")
    take(one.page, shots / f"{size}-{scheme}-sign-in.png")
    one.calm()
    context.close()
