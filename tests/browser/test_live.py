"""What happens is shown as it happens: new albums, a scan, devices, signing out elsewhere; and few streams are open."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.running import Server, Watched, serving, set_up, sign_in, until, watched

pytestmark = pytest.mark.browser

IS_LIVE = """async () => {
  const base = document.querySelector('script[type=module]').src.replace(/main\\.js$/, '');
  return (await import(`${base}live.js`)).isLive();
}"""


DOOR = re.compile(r"/sign-in\?next=")


class House(NamedTuple):
    server: Server
    music: Path
    spare: Path
    """Albums that are not in the library yet."""
    browser: Browser
    first: Watched

    @property
    def page(self) -> Page:
        return self.first.page


@pytest.fixture
def house(library: Path, browser: Browser, tmp_path: Path) -> Iterator[House]:
    """A server of this test's own with two albums, and somebody signed in."""
    music = tmp_path / "music"
    for album in ("Anna Berg", "Chloé"):
        shutil.copytree(library / album, music / album)
    with serving(music, tmp_path / "data") as server:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        one = watched(context)
        set_up(one.page, server)
        yield House(server, music, library, browser, one)
        context.close()


def live(page: Page) -> None:
    until(page, f"({IS_LIVE})()")


def another(house: House, context: BrowserContext | None = None) -> Watched:
    one = watched(context or house.browser.new_context())
    sign_in(one.page, house.server)
    return one


def test_an_album_that_is_copied_into_the_folder_appears_without_a_reload(house: House) -> None:
    page = house.page
    expect(page.locator(".card .title")).to_have_text(["Café", "Unbroken"])
    live(page)
    page.evaluate("window.isTheSamePage = true")
    page.get_by_role("link", name="Unbroken").focus()
    shutil.copytree(house.spare / "The Harbours", house.music / "The Harbours")
    expect(page.locator(".card .title")).to_have_text(["Café", "Long Roads", "Unbroken"])
    expect(page.get_by_role("link", name="Unbroken")).to_be_focused()
    shutil.rmtree(house.music / "Chloé")
    page.locator(".sidebar").get_by_role("link", name="Settings").click()
    shutil.copytree(house.spare / "Chloé", house.music / "Chloé")
    page.locator(".sidebar").get_by_role("link", name="Albums").click()
    expect(page.locator(".card .title")).to_have_text(["Café", "Long Roads", "Unbroken"])
    assert page.evaluate("window.isTheSamePage")
    house.first.calm()


@pytest.mark.long
def test_artists_genres_and_an_album_that_is_open_follow_what_changes_in_the_folder(house: House) -> None:
    page = house.page
    live(page)
    page.evaluate("window.isTheSamePage = true")
    page.locator(".sidebar").get_by_role("link", name="Artists").click()
    names = page.locator("main .card .title")
    before = names.count()
    expect(names.first).to_be_visible()
    shutil.copytree(house.spare / "The Harbours", house.music / "The Harbours")
    expect(names.get_by_text("The Harbours", exact=True)).to_be_visible()
    assert names.count() > before
    page.locator(".sidebar").get_by_role("link", name="Albums").click()
    page.get_by_role("link", name="Long Roads").first.click()
    rows = page.locator("ol.tracks > li")
    expect(rows).to_have_count(2)
    page.locator("main").get_by_role("button", name="Shuffle").first.focus()
    (house.music / "The Harbours" / "Long Roads" / "01 Northbound.flac").unlink()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("Southbound")
    expect(page.locator("main").get_by_role("button", name="Shuffle").first).to_be_focused()
    assert page.evaluate("window.isTheSamePage")
    house.first.calm()


def test_a_scan_moves_before_ones_eyes_and_nobody_asks_for_it(house: House) -> None:
    page = house.page
    asked: list[str] = []
    live(page)
    page.locator(".sidebar").get_by_role("link", name="Administration").click()
    expect(page.get_by_text("Last scanned")).to_be_visible()
    page.on("request", lambda request: asked.append(request.url) if request.url.endswith("/api/v1/scan") else None)
    page.evaluate(
        "window.words = []; const panel = document.querySelector('.panel:has([role=progressbar])');"
        "new MutationObserver(() => words.push(panel.querySelector('[role=status]').textContent))"
        ".observe(panel, {subtree: true, childList: true})"
    )
    status = house.page.request.get(f"{house.server.address}/api/v1/me").json()
    headers = {"X-CSRF-Token": status["csrf"]}
    assert page.request.post(f"{house.server.address}/api/v1/scan", headers=headers).status == 202  # from elsewhere
    until(page, "words.some((one) => one.startsWith('Scanning')) && words.at(-1).startsWith('Last scanned')")
    assert asked == []
    house.first.calm()


def test_devices_show_as_they_come_and_signing_out_elsewhere_leads_to_the_door(house: House) -> None:
    page = house.page
    live(page)
    page.locator(".sidebar").get_by_role("link", name="Settings").click()
    browsers = page.locator(".panel", has_text="Where you are signed in").locator("li")
    expect(browsers).to_have_count(1)
    other = another(house)
    expect(browsers).to_have_count(2)
    live(other.page)
    browsers.filter(has_not_text="This device").get_by_role("button", name="Sign out").click()
    page.get_by_role("dialog").get_by_role("button", name="Sign out").click()
    expect(other.page).to_have_url(DOOR)
    expect(browsers).to_have_count(1)
    beside = page.context.new_page()  # a second tab of the same session
    beside.goto(f"{house.server.address}/albums")
    live(beside)
    page.get_by_role("button", name="Sign out").first.click()
    expect(beside).to_have_url(DOOR)
    other.page.context.close()


def test_of_many_tabs_two_have_a_stream_and_another_takes_the_place_of_one_that_goes(house: House) -> None:
    context = house.page.context
    pages = [house.page, *(context.new_page() for _ in range(4))]
    for page in pages[1:]:
        page.goto(f"{house.server.address}/albums")
    count = pages[0]

    def with_stream() -> list[Page]:
        return [page for page in pages if page.evaluate(f"({IS_LIVE})()")]

    for _ in range(600):
        if len(with_stream()) == 2:
            break
        count.wait_for_timeout(100)
    assert len(with_stream()) == 2
    gone = with_stream()[0]
    pages.remove(gone)
    gone.close()
    for _ in range(600):
        if len(with_stream()) == 2:
            break
        pages[0].wait_for_timeout(100)
    assert len(with_stream()) == 2
    # The music is not held up by them: another request is answered at once.
    assert pages[0].evaluate("fetch('/api/v1/me').then((one) => one.status)") == 200
