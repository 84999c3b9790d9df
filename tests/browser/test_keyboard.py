"""By keys alone, and as a screen reader is told it: every control has its turn, is seen to have it, and has a name."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser import places
from tests.browser.conftest import Open
from tests.browser.running import until
from tests.browser.test_sound import POSITION, open_album

pytestmark = pytest.mark.browser

MOST_STOPS = 150
# What Tab should come to, once for a group of radio buttons.
STOPS = """() => {
  const seen = new Set();
  return [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")].filter((one) => {
    if (one.disabled || one.closest("[inert]") || !one.checkVisibility({visibilityProperty: true})) return false;
    if (one.type !== "radio") return true;
    const isFirst = !seen.has(one.name);
    seen.add(one.name);
    return isFirst;
  }).length;
}"""
# Where the focus is: its place in the document, its name, and whether one sees it there.
HERE = """() => {
  const one = document.activeElement;
  if (!one || one === document.body || one === document.documentElement) return null;
  const drawn = one.type === "radio" ? one.closest("label") : one;
  const style = getComputedStyle(drawn);
  const box = drawn.getBoundingClientRect();
  const isOutlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
  const isInWindow = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  const x = Math.max(0, Math.min(innerWidth - 1, (box.left + box.right) / 2));
  const hit = document.elementFromPoint(x, (box.top + box.bottom) / 2);
  const isHidden = !hit || Boolean(hit.closest(".player, .tabs")) && !one.closest(".player, .tabs");
  return {
    at: [...document.querySelectorAll("*")].indexOf(one),
    name: (one.getAttribute("aria-label") || one.textContent || one.labels?.[0]?.textContent || one.title).trim(),
    seen: isOutlined && isInWindow && !isHidden,
  };
}"""
HEADINGS = """[...document.querySelectorAll("h1, h2, h3, h4")].filter(one => one.checkVisibility())
  .map(one => Number(one.tagName[1]))"""


def stops(page: Page) -> list[dict[str, Any]]:
    """What Tab comes to, from the start of the page to its end."""
    page.keyboard.press("Tab")  # from here on the focus is drawn
    page.locator(".skip").focus()
    found: list[dict[str, Any]] = []
    while (here := page.evaluate(HERE)) and len(found) < MOST_STOPS and (not found or here["at"] != found[0]["at"]):
        found.append(here)
        page.keyboard.press("Tab")
    return found


def tab_to(page: Page, name: str, *, within: str = "body") -> None:
    """By Tab alone. Fails where it never comes there."""
    is_here = f"document.activeElement.closest({within!r}) && ({HERE})()?.name.startsWith({name!r})"
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if page.evaluate(is_here):
            return
    pytest.fail(f"Tab never comes to {name!r}")


def test_tab_comes_to_every_control_of_every_page_and_one_sees_where_it_is(opened: Open) -> None:
    page = opened("/").page
    faults = []
    for name in places.walk(page, over=False):
        page.evaluate("document.getElementById('sound').pause()")
        found = stops(page)
        if len({one["at"] for one in found}) != page.evaluate(STOPS):
            faults.append(f"{name}: {len(found)} stops of {page.evaluate(STOPS)} controls")
        faults += [f"{name}: one does not see {one['name']!r}" for one in found if not one["seen"]]
        faults += [f"{name}: stop {n} has no name" for n, one in enumerate(found) if not one["name"]]
        levels = page.evaluate(HEADINGS)
        if levels.count(1) != 1 or levels[0] != 1 or any(b > a + 1 for a, b in pairwise(levels)):
            faults.append(f"{name}: headings {levels}")
    assert faults == []


def test_an_album_is_found_played_and_sought_in_by_keys(opened: Open) -> None:
    one = opened("/")
    page = one.page
    page.wait_for_selector(".card")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the music")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    assert page.url.rstrip("/").count("#") == 0
    tab_to(page, "Play Long Roads")
    expect(page.get_by_role("button", name="Play Long Roads")).to_have_css("opacity", "1")
    tab_to(page, "Long Roads")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Long Roads")).to_be_visible()
    tab_to(page, "Play", within=".hero")
    page.keyboard.press("Enter")
    until(page, f"{POSITION} > 0.2")
    expect(page.get_by_role("status").filter(has_text="Now playing: Northbound, The Harbours")).to_have_count(1)
    tab_to(page, "Position", within=".player")
    page.keyboard.press("End")
    page.keyboard.press("PageDown")
    until(page, f"{POSITION} > 60")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    until(page, f"{POSITION} > 4.5 && {POSITION} < 40")
    tab_to(page, "Quality", within=".player")
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitemradio", checked=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Quality")).to_be_focused()
    page.keyboard.press(" ")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Quality")).to_be_focused()
    expect(page.get_by_role("menu")).to_have_count(0)
    one.calm()


def test_dialogs_keep_the_focus_and_give_it_back(opened: Open) -> None:
    one = opened("/admin")
    page = one.page
    page.wait_for_selector(".rows .words")
    add = page.get_by_role("button", name="Add somebody")
    add.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Add somebody")
    expect(dialog.get_by_label("Name")).to_be_focused()
    for _ in range(8):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(add).to_be_focused()
    one.calm()


def test_the_phones_player_keeps_the_focus_and_gives_it_back(opened: Open) -> None:
    one = opened("/", width=390, height=844)
    page = one.page
    places.play(page)
    show = page.get_by_role("button", name="Show the player")
    show.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Player")
    expect(dialog.get_by_role("button", name="Close the player")).to_be_focused()
    for _ in range(12):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('.player')")
    dialog.get_by_role("button", name="Pause").focus()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(show).to_be_focused()
    one.calm()


def test_the_queue_keeps_the_focus_while_it_changes(opened: Open) -> None:
    one = opened("/")
    page = one.page
    open_album(page, "Unbroken")
    page.get_by_role("button", name="Play Part 1").click()
    places.follow(page, "/queue", ".queue-row")
    page.get_by_role("button", name="Remove Part 2").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Remove Part 3")).to_be_focused()
    grip = page.get_by_role("button", name="Move Part 3: ")
    grip.focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(page.locator("#said")).to_have_text("1 of 2")
    expect(grip).to_be_focused()
    page.get_by_role("button", name="Play Part 3").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Play Part 3")).to_be_focused()
    expect(page.locator(".queue-row.current")).to_have_attribute("aria-current", "true")
    one.calm()


def test_a_screen_reader_is_told_the_page_and_the_player(opened: Open) -> None:
    one = opened("/")
    page = one.page
    open_album(page, "Long Roads")
    page.get_by_role("button", name="Play Northbound").click()
    until(page, f"{POSITION} > 0.2")
    expect(page.locator("body")).to_match_aria_snapshot("""
      - link "Skip to the music"
      - navigation "Main":
        - link "Albums"
        - link "Artists"
        - link "Genres"
        - link "Search"
        - link "Queue"
        - link "Administration"
        - link "Settings"
      - main:
        - heading "Long Roads" [level=1]
        - button "Play"
        - button "Shuffle"
        - button "More"
        - list:
          - listitem:
            - button "Play Northbound"
            - button "More for Northbound"
          - listitem:
            - button "Play Southbound"
            - button "More for Southbound"
      - region "Player":
        - button "Go to the album"
        - link "Northbound"
        - link "The Harbours"
        - button "Shuffle"
        - button "Previous track"
        - button "Pause"
        - button "Next track"
        - button "Repeat the queue"
        - slider "Position"
        - button /Quality:/
        - link "Queue"
        - button "Mute"
        - slider "Volume"
      - status: "Now playing: Northbound, The Harbours"
    """)
    expect(page.locator(".track.current")).to_have_attribute("aria-current", "true")
    expect(page.locator(".sidebar [aria-current=page]")).to_have_text("Albums")
    page.get_by_role("button", name="More for Southbound").click()
    page.get_by_role("menuitem", name="Add to queue").click()
    expect(page.get_by_role("status").filter(has_text="“Southbound” added to the queue")).to_be_visible()
    one.calm()
