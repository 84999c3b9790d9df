"""For everyone: axe-core on every page, fingers, zoom, small phones, wide type, less motion; and the worst of tags."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser import axe, places, strange, strangehouse
from tests.browser.running import serving, watched
from tests.browser.strangehouse import House

pytestmark = pytest.mark.browser

LAYOUT = (Path(__file__).parent / "layout.js").read_text(encoding="utf-8")
SPACED = """() => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    * { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }
    p { margin-bottom: 2em !important; }`);
  document.adoptedStyleSheets = [sheet];
}"""
MOVES = "document.getAnimations().map(a => a.animationName || a.transitionProperty)"


@pytest.fixture(scope="module")
def house(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with strangehouse.standing(browser, tmp_path_factory.mktemp("strange")) as one:
        yield one


@pytest.fixture(scope="module")
def trust(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of a server with an authority of its own, before it is trusted."""
    with serving(library, tmp_path_factory.mktemp("encrypted"), MEDIASERVER_SERVER__TLS="own") as server:
        yield f"{server.address.replace('https', 'http')}/trust"


def laid_out(page: Page, least: int) -> list[str]:
    found: list[str] = page.evaluate(LAYOUT, least)
    return found


@pytest.mark.parametrize(
    ("kind", "least"), [("phone", 44), pytest.param("zoomed", 24, marks=pytest.mark.long), ("desktop", 24)]
)
def test_every_page_is_for_everyone(house: House, kind: str, least: int) -> None:
    """axe finds nothing in light and dark; nothing sticks out, is cut, covered or too small, nor with wider type."""
    faults = {}
    with house.opened(kind) as one:
        page = one.page
        for name in places.walk(page):
            faults[name] = laid_out(page, least)
            if axe.is_there() and kind != "zoomed":
                # axe knows no landmark for a menu that floats over the page.
                faults[f"{name}, axe"] = axe.faults(page, but=["region"] if "menu" in name else [])
                places.wear(page, "dark")
                faults[f"{name}, axe, dark"] = axe.faults(page, only=["color-contrast"])
                places.wear(page, "light")
            if kind == "phone":
                page.evaluate(SPACED)
                faults[f"{name}, spaced"] = laid_out(page, least)
                page.evaluate("document.adoptedStyleSheets = []")
        one.calm()
        page.goto(f"{house.server.address}/nonsense")
        faults["nonsense"] = laid_out(page, least)
    assert {name: found for name, found in faults.items() if found} == {}


@axe.needed
def test_axe_finds_nothing_before_the_door(house: House) -> None:
    assert house.at_setup == []
    context = house.browser.new_context()
    page = context.new_page()
    for path, heading in (
        ("/sign-in", "Music"),
        ("/nonsense", "This is not here"),
        ("/setup?link=x", "This link has ended"),
    ):
        page.goto(house.server.address + path)
        expect(page.get_by_role("heading", name=heading, level=1)).to_be_visible()
        places.still(page)
        assert axe.faults(page) == []
        places.wear(page, "dark")
        assert axe.faults(page, only=["color-contrast"]) == []
        places.wear(page, "light")
    context.close()


@axe.needed
def test_the_reference_is_for_everyone(house: House) -> None:
    with house.opened("phone", "/docs/api") as one:
        one.page.wait_for_selector(".operation[id]")
        assert axe.faults(one.page) == []
        places.wear(one.page, "dark")
        places.still(one.page)
        assert axe.faults(one.page, only=["color-contrast"]) == []


@pytest.mark.parametrize(("width", "least"), [(390, 44), (320, 44), (1280, 24)])
def test_how_to_trust_the_server_is_told_to_everyone(trust: str, browser: Browser, width: int, least: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 700})
    page = context.new_page()
    page.goto(trust)
    for summary in page.locator("summary").all():
        if summary.evaluate("e => !e.parentElement.open"):
            summary.press("Enter")
    expect(page.locator("details[open]")).to_have_count(6)
    places.still(page)
    assert laid_out(page, least) == []
    if axe.is_there():
        assert axe.faults(page) == []
        places.wear(page, "dark")
        assert axe.faults(page, only=["color-contrast"]) == []
    context.close()


def test_nothing_moves_for_who_wants_less_motion(house: House) -> None:
    moved = {}
    with house.opened("phone", reduced_motion="reduce") as one:
        for name in places.walk(one.page):
            moved[name] = one.page.evaluate(MOVES)
        assert set(map(tuple, moved.values())) == {()}
        one.page.emulate_media(reduced_motion="no-preference")
        places.play(one.page)
        assert one.page.evaluate(MOVES), "nothing moves for anybody: this test sees nothing"


def test_what_stands_in_tags_is_text_and_nothing_runs(house: House) -> None:
    with house.opened("desktop") as one:
        page = one.page
        titles = page.locator(".card .title")
        expect(titles).to_have_count(9)
        shown = titles.all_text_contents()
        for text in (strange.SCRIPT, strange.ARABIC, strange.WITHOUT_TURNS, "' OR 1=1 --"):
            assert text in shown
        for number in range(9):
            places.detail(page, "album", which=number)
            page.locator(".hero .button.primary").click()
            page.locator(".track [aria-haspopup]").first.click()
            page.get_by_role("menuitem", name="Add to queue").click()
            expect(page.locator("#notices")).to_contain_text("added to the queue")
            assert laid_out(page, 24) == []
        assert page.evaluate("window.hacked") is None
        assert page.evaluate("document.querySelectorAll('main script, [onerror], img:not([src^=\"/\"])').length") == 0
        one.calm()


def test_words_from_right_to_left_keep_their_beginning_and_paths_their_order(house: House) -> None:
    with house.opened("desktop") as one:
        page = one.page
        title = page.locator(".card .title", has_text="أغاني")
        assert title.evaluate("e => getComputedStyle(e).direction") == "rtl"
        places.follow(page, "/admin/report", ".problems .folder")
        path = page.locator(".problems .folder", has_text="موسيقى")
        parts = strange.RIGHT_TO_LEFT_FOLDER.split("/")
        lefts = [
            path.locator("bdi", has_text=part).last.evaluate("e => e.getBoundingClientRect().left") for part in parts
        ]
        assert lefts == sorted(lefts)
        assert path.evaluate("e => e.textContent") == strange.RIGHT_TO_LEFT_FOLDER


def test_genres_are_reached_on_a_phone_and_their_names_stay_whole(house: House) -> None:
    with house.opened("phone") as one:
        page = one.page
        page.locator(".tabs").get_by_role("link", name="Genres").click()
        chip = page.locator(".chip span", has_text="Singer/Songwriter").last
        expect(chip).to_be_visible()
        assert chip.evaluate("e => e.scrollWidth <= e.clientWidth && e.scrollHeight <= e.clientHeight")


def test_one_quality_is_shown_as_one(house: House) -> None:
    with house.opened("desktop") as one:
        places.follow(one.page, "/search?q=steady", ".track")
        for album, badge in (("Steady", "AAC 128"), ("Half the rate", "FLAC 16/22.05")):
            places.follow(one.page, "/albums", ".card")
            one.page.get_by_role("link", name=album, exact=True).click()
            expect(one.page.locator(".hero .badge:visible")).to_have_text(badge)


def test_a_stranger_reads_what_failed_in_words(house: House) -> None:
    context = house.browser.new_context()
    one = watched(context)
    answer = one.page.goto(f"{house.server.address}/nonsense")
    assert answer is not None
    assert answer.status == 404
    one.page.get_by_role("link", name="To the music").click()
    expect(one.page.get_by_role("button", name="Sign in")).to_be_visible()
    context.close()
