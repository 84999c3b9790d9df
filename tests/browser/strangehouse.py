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
# A good and a bad play, by players of which each calls itself what it likes.
REPORT = """async ([one, other]) => {
    const { items } = await (await fetch("/api/v1/tracks")).json();
    const headers = { "Content-Type": "application/json", "X-CSRF-Token": document.body.dataset.csrf };
    const told = { track_id: items[0].id, started_at_ms: Date.now(), played_ms: 200000, bitrate_bps: 128000 };
    const bad = { stalls: 2, stalled_ms: 61000, first_sound_ms: 4000, error: "line", buffered_ms: 0, line_bps: 9000 };
    const reports = [{ ...told, id: "a-good-one", player: one }, { ...told, ...bad, id: "a-bad-one", player: other }];
    const answer = await fetch("/api/v1/qoe", { method: "POST", headers, body: JSON.stringify({ reports }) });
    return answer.status;
}"""


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
        page.goto(f"{server.address}/albums")
        assert page.evaluate(REPORT, [strange.ARABIC[:64], "x" * 64]) == 202
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
