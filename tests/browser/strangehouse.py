"""A server over the strange library, set up by keyboard, and pages of it for all kinds of people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.browser import axe, strange
from tests.browser.running import NAME, PASSWORD, Server, Watched, serving, watched

KINDS: dict[str, dict[str, Any]] = {
    "phone": {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True},
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "zoomed": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
}


@dataclass
class House:
    server: Server
    browser: Browser
    state: Path
    at_setup: list[str] = field(default_factory=list)
    """What axe found on the set-up page."""

    @contextmanager
    def opened(self, kind: str, path: str = "/albums", **more: Any) -> Iterator[Watched]:
        context = self.browser.new_context(storage_state=str(self.state), **KINDS[kind], **more)
        one = watched(context)
        one.page.goto(self.server.address + path)
        try:
            yield one
        finally:
            context.close()


@contextmanager
def standing(browser: Browser, folder: Path) -> Iterator[House]:
    strange.make(folder / "music")
    with serving(folder / "music", folder / "data") as server:
        house = House(server, browser, folder / "signed-in.json")
        context = browser.new_context()
        page = watched(context).page
        page.goto(server.setup_link)
        house.at_setup = axe.faults(page) if axe.is_there() else []
        _set_up(page)
        context.storage_state(path=str(house.state))
        context.close()
        yield house


def _set_up(page: Page) -> None:
    """By keys alone, and after a reload, which must not lose the link."""
    page.reload()
    expect(page.locator("#name")).to_be_focused()
    for text in (NAME, PASSWORD, PASSWORD):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Make my account")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_selector(".card a")
    assert "link" not in page.url
    page.go_back()
    assert "link" not in page.url, "the link is left in the history"
