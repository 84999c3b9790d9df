"""Finding one's way: grid, artists, search, queue, settings, administration, by mouse and by keys."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from tests.browser import places
from tests.browser.conftest import Open
from tests.browser.running import Server, until
from tests.browser.test_playing import play_and_hold
from tests.browser.test_sound import open_album

pytestmark = pytest.mark.browser


def test_albums_show_their_covers_and_can_be_sorted(opened: Open) -> None:
    one = opened("/")
    page = one.page
    expect(page.locator(".card")).to_have_count(4)
    assert page.locator(".card .title").all_inner_texts() == ["Café", "Demos", "Long Roads", "Unbroken"]
    until(page, "document.querySelectorAll('.card img.loaded').length === 3")
    page.get_by_label("Sort by").select_option("year")
    expect(page.locator(".card .title").first).to_have_text("Unbroken")
    assert page.url.endswith("/albums?sort=year")
    page.go_back()
    expect(page.locator(".card .title").first).to_have_text("Café")
    one.calm()


def test_an_artist_leads_to_albums_and_back(opened: Open) -> None:
    one = opened("/artists")
    page = one.page
    page.get_by_role("link", name="Anna Berg").click()
    expect(page.get_by_role("heading", name="Anna Berg")).to_be_visible()
    page.get_by_role("link", name="Unbroken").click()
    expect(page.locator(".track")).to_have_count(3)
    page.go_back()
    expect(page.get_by_role("heading", name="Anna Berg")).to_be_visible()
    one.calm()


def test_search_finds_as_one_types_whatever_the_accents(opened: Open) -> None:
    one = opened("/albums")
    page = one.page
    page.locator("h1").click()
    page.keyboard.press("/")
    page.keyboard.type("ube", delay=30)
    expect(page.locator(".track")).to_have_count(1)
    expect(page.locator(".track")).to_contain_text("Über den Fluss")
    page.get_by_role("searchbox").fill("chloe")
    expect(page.get_by_role("heading", name="Artists")).to_be_visible()
    expect(page.locator(".card.round")).to_contain_text("Chloé")
    assert page.url.endswith("/search?q=chloe")
    page.get_by_role("searchbox").fill("zzzz")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("zzzz")
    one.calm()


def test_an_album_is_kept_ready_and_let_go(opened: Open) -> None:
    one = opened("/")
    page = one.page
    open_album(page, "Café")
    more = page.locator(".hero").get_by_role("button", name="More")
    badge = page.locator(".hero .facts").get_by_text("Kept ready")
    expect(badge).to_be_hidden()
    more.click()
    page.get_by_role("menuitem", name="Keep ready").click()
    expect(badge).to_be_visible()
    page.reload()
    expect(badge).to_be_visible()
    more.click()
    page.get_by_role("menuitem", name="Stop keeping it ready").click()
    expect(badge).to_be_hidden()
    one.calm()


def test_an_administrator_limits_the_streams_of_a_person(opened: Open) -> None:
    one = opened("/admin")
    page = one.page
    mine = page.locator(".rows li").filter(has_text="Administrator").first
    for number, told in (("3", "3 streams at once"), ("", "")):
        mine.get_by_role("button", name="Streams").click()
        page.get_by_label("Streams at once").fill(number)
        page.get_by_role("button", name="Set it").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        if told:
            expect(mine).to_contain_text(told)
    expect(mine).not_to_contain_text("stream")
    one.calm()


def test_the_queue_is_put_in_order_by_menu_keys_and_hand(opened: Open) -> None:
    one = opened("/")
    page = one.page
    open_album(page, "Unbroken")
    play_and_hold(page, "Part 1")  # it is short, and the queue is to stand still
    page.locator(".track").nth(2).get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Play next").click()
    page.locator(".sidebar").get_by_role("link", name="Queue").click()
    titles = page.locator(".queue-row b")
    expect(titles).to_have_text(["Part 1", "Part 3", "Part 2", "Part 3"])
    page.locator(".queue-row .grip").nth(3).focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(titles).to_have_text(["Part 1", "Part 3", "Part 3", "Part 2"])
    first, last = page.locator(".grip").nth(1).bounding_box(), page.locator(".grip").nth(3).bounding_box()
    assert first is not None and last is not None
    page.mouse.move(last["x"] + 5, last["y"] + 10)
    page.mouse.down()
    page.mouse.move(first["x"] + 5, first["y"] + 10, steps=8)
    page.mouse.up()
    expect(titles).to_have_text(["Part 1", "Part 2", "Part 3", "Part 3"])
    page.get_by_role("button", name="Remove Part 3").last.click()
    expect(titles).to_have_text(["Part 1", "Part 2", "Part 3"])
    page.get_by_role("button", name="Clear what is next").click()
    expect(titles).to_have_text(["Part 1"])
    one.calm()


def test_menus_are_walked_by_keys_and_give_the_focus_back(opened: Open) -> None:
    one = opened("/")
    page = one.page
    open_album(page, "Café")
    more = page.locator(".track").first.get_by_role("button", name="More")
    more.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Play next")).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Add to queue")).to_be_focused()
    page.keyboard.press("Escape")
    expect(more).to_be_focused()
    one.calm()


def test_a_token_is_shown_once_and_can_be_revoked(opened: Open) -> None:
    one = opened("/settings")
    page = one.page
    page.get_by_label("For which app or device?").fill("Kitchen radio")
    page.get_by_role("button", name="Make a token").click()
    token = page.get_by_label("The new token").input_value()
    assert len(token) > 20
    me = page.url.replace("/settings", "/api/v1/me")
    assert page.request.get(me, headers={"Authorization": f"Bearer {token}"}).status == 200
    row = page.locator(".rows li", has_text="Kitchen radio")
    row.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    assert page.request.get(me, headers={"Authorization": f"Bearer {token}"}).status == 401
    expect(page.locator(".rows li", has_text="This device")).to_have_count(1)
    one.calm()


def test_colours_are_chosen_and_kept(opened: Open) -> None:
    one = opened("/settings", scheme="light")
    page = one.page
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.get_by_label("Dark").check()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    one.calm()


def test_an_administrator_sees_how_the_server_is(opened: Open) -> None:
    one = opened("/admin")
    page = one.page
    page.get_by_role("link", name="Open health").click()
    expect(page.get_by_role("heading", name="Health", level=1)).to_be_visible()
    well = page.get_by_role("list", name="Well")
    for name, told in (("Database", "answers"), ("Music", "watched"), ("Jobs", "none has failed"), ("Disk", "free at")):
        expect(well.locator("li", has=page.get_by_text(name, exact=True))).to_contain_text(told)
    verdict = page.get_by_role("status").first
    expect(verdict).to_have_text(re.compile(r"All is well\.|warnings?\.|faults?"))
    with page.expect_response("**/api/v1/health") as answer:
        page.get_by_role("button", name="Look again").press("Enter")
    assert answer.value.ok
    expect(page.get_by_role("button", name="Look again")).to_be_focused()
    page.get_by_role("link", name="Administration").last.click()
    expect(page.get_by_role("heading", name="Administration", level=1)).to_be_visible()
    one.calm()


def test_what_is_wrong_stands_first_with_what_mends_it(opened: Open, shots: Path) -> None:
    command = "echo fs.inotify.max_user_watches=524288 | sudo tee -a /etc/sysctl.d/90-mu.conf && sudo sysctl --system"
    names = ("area", "name", "state", "message", "remedy", "is_command")
    rows = [
        ("clock", "Clock", "ok", "2026-11-26 01:12 UTC, synchronized", "", False),
        ("folders", "Music", "warning", "/srv/music: the limit of watches is used up", command, True),
        ("disk", "Disk", "bad", "120 MB of 32 GB free at /srv/<b>data</b>", "Make room.", False),
    ]
    told = {"state": "bad", "rows": [dict(zip(names, row, strict=True)) for row in rows]}
    one = opened("/", width=320, height=700)
    page = one.page
    page.route("**/api/v1/health", lambda route: route.fulfill(json=told))
    places.follow(page, "/admin/health", ".health .rows .words")
    expect(page.get_by_role("status").first).to_have_text("1 fault and 1 warning.")
    wrong = page.get_by_role("list", name="To look after").locator("li")
    expect(wrong.nth(0)).to_contain_text("DiskFault120 MB of 32 GB free at /srv/<b>data</b>Make room.")
    expect(wrong.nth(1)).to_contain_text("Warning")
    expect(wrong.nth(1).locator("code")).to_have_text(command)
    assert not page.evaluate("document.scrollingElement.scrollWidth > innerWidth")
    wrong.nth(1).get_by_role("button", name="Copy the command for Music").press("Enter")
    expect(page.locator("#notices")).to_contain_text("Copied.")
    places.still(page)
    page.screenshot(path=str(shots / "small-light-health-faults.png"))
    one.calm()


@pytest.mark.parametrize(
    ("told", "words", "share"),
    [
        (
            {"state": "measuring", "total": 20_000, "measured": 1_498, "failed": 2, "remaining_ms": 27_000_000},
            "Measured of 1,498 of 20,000 recordings, 7 h 30 min left"
            "2 recordings cannot be measured and play as they are. Listening and scans come first.",
            "7",
        ),
        (
            {"state": "waiting", "total": 3, "measured": 1, "failed": 0, "remaining_ms": None},
            "Measured of 1 of 3 recordingsIt waits for its hours, or for a disk that is away.",
            "33",
        ),
        (
            {"state": "done", "total": 3, "measured": 3, "failed": 0, "remaining_ms": None},
            "Measured of all 3 recordings.",
            None,
        ),
        (
            {"state": "off", "total": 3, "measured": 0, "failed": 0, "remaining_ms": None},
            "Not measured.The server's setting loudness.measure is off.",
            None,
        ),
    ],
)
def test_an_administrator_sees_how_far_loudness_is_measured(
    opened: Open, told: dict[str, object], words: str, share: str | None
) -> None:
    one = opened("/albums")
    one.page.route("**/api/v1/loudness", lambda route: route.fulfill(json=told))
    places.follow(one.page, "/admin", ".loudness")
    expect(one.page.locator(".loudness")).to_have_text(f"Loudness{words}")
    bar = one.page.get_by_role("progressbar", name="Loudness measured")
    if share is None:
        expect(bar).to_have_count(0)
    else:
        expect(bar).to_have_attribute("aria-valuenow", share)
    one.calm()


def test_an_administrator_reads_what_a_scan_could_not_take(opened: Open) -> None:
    one = opened("/admin")
    page = one.page
    page.get_by_role("link", name="Open the report").click()
    expect(page.get_by_role("heading", name="Scan report")).to_be_visible()
    expect(page.locator(".watched li")).to_contain_text("Watched: changes show within two seconds")
    row = page.locator(".problems li", has_text="broken.flac")
    expect(row).to_be_visible()
    row.get_by_text("What to do").click()
    expect(row).to_contain_text("Copy it again")
    chips = page.get_by_role("group", name="Reasons")
    reason = row.locator(".badge").inner_text()
    chips.get_by_role("button", name=reason).press("Enter")
    expect(chips.get_by_role("button", name=reason)).to_have_attribute("aria-pressed", "true")
    expect(chips.get_by_role("button", name=reason)).to_be_focused()
    assert "reason=" in page.url
    expect(row).to_be_visible()
    page.reload()
    expect(row).to_be_visible()
    row.get_by_role("button", name="Copy the path of").click()
    expect(page.locator("#notices")).to_contain_text("Copied.")
    page.get_by_role("link", name="Administration").last.click()
    expect(page.get_by_role("heading", name="Administration")).to_be_visible()
    one.calm()


def test_on_a_phone_the_tab_that_led_to_a_page_is_lit(opened: Open) -> None:
    one = opened("/settings", width=390)
    lit = one.page.locator('.tabs [aria-current="page"] span')
    one.page.locator("#view").get_by_role("link", name="Administration").click()
    expect(one.page.get_by_role("heading", name="Administration")).to_be_visible()
    expect(lit).to_have_text("Settings")
    one.page.get_by_role("link", name="Open health").click()
    expect(one.page.get_by_role("heading", name="Health", level=1)).to_be_visible()
    expect(lit).to_have_text("Settings")
    one.page.locator(".tabs").get_by_role("link", name="Albums").click()
    expect(lit).to_have_text("Albums")
    one.calm()


def test_a_scan_that_runs_can_be_cancelled_on_the_page(opened: Open) -> None:
    one = opened("/settings")
    page = one.page
    asked: list[str] = []
    status = {"state": "scanning", "phase": "reading", "files_seen": 5000, "files_read": 1234, "files_to_read": 5000}
    last = {"outcome": "cancelled", "finished_at_ms": page.evaluate("Date.now()"), "files_seen": 5000, "added": 1234}

    def answer(route: Route) -> None:
        asked.append(route.request.method)
        if route.request.method == "DELETE":
            status.update(state="idle", last=last)  # type: ignore[arg-type]
        route.fulfill(json=status, status=202 if route.request.method == "DELETE" else 200)

    page.route("**/api/v1/events?*", lambda route: route.fulfill(status=204))  # asked again and again instead
    page.route("**/api/v1/scan", answer)
    page.reload()
    page.locator(".sidebar").get_by_role("link", name="Administration").click()
    expect(page.get_by_role("progressbar", name="Scan")).to_have_attribute("aria-valuenow", "25")
    expect(page.get_by_role("button", name="Scan now")).to_be_disabled()
    page.get_by_role("button", name="Cancel the scan").press("Enter")
    expect(page.get_by_text("Cancelled just now. The next scan goes on from there.")).to_be_visible()
    expect(page.get_by_role("button", name="Scan now")).to_be_focused()
    expect(page.get_by_role("button", name="Cancel the scan")).to_be_hidden()
    assert "DELETE" in asked
    one.calm()


def test_an_administrator_scans_and_adds_people(opened: Open) -> None:
    one = opened("/admin")
    page = one.page
    page.get_by_role("button", name="Scan now").click()
    expect(page.get_by_role("button", name="Scan now")).to_be_enabled()
    expect(page.get_by_text("Last scanned just now")).to_be_visible()
    page.get_by_role("button", name="Add somebody").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("Ben")
    dialog.get_by_label("Password").fill("short")
    dialog.get_by_role("button", name="Add").click()
    expect(dialog.get_by_role("alert")).to_be_visible()
    dialog.get_by_label("Password").fill("long enough for anybody")
    dialog.get_by_label("Best quality").select_option("10")
    dialog.get_by_role("button", name="Add").click()
    row = page.locator(".rows li", has_text="Ben")
    expect(row).to_contain_text("Low")
    row.get_by_role("button", name="Remove").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)


def test_an_answer_that_comes_after_the_end_of_a_scan_is_too_late(opened: Open) -> None:
    one = opened("/admin")
    page = one.page
    start = page.get_by_role("button", name="Scan now")
    ended = page.get_by_text("Last scanned just now")
    expect(start).to_be_enabled()
    held: list[Route] = []
    page.route(
        "**/api/v1/scan", lambda route: held.append(route) if route.request.method == "GET" else route.continue_()
    )
    with page.expect_request(lambda asked: asked.method == "GET" and asked.url.endswith("/api/v1/scan")):
        start.click()
    expect(ended).to_be_visible()
    expect(start).to_be_enabled()
    with page.expect_response("**/api/v1/scan"):
        held[0].fulfill(json={"state": "scanning", "phase": "looking", "files_seen": 0})
    page.evaluate("() => new Promise((done) => setTimeout(done, 100))")  # the page has taken it by then
    expect(ended).to_be_visible(timeout=1)
    expect(start).to_be_enabled(timeout=1)
    for late in held[1:]:
        late.continue_()


def test_what_is_not_there_is_said_plainly(opened: Open, server: Server) -> None:
    one = opened("/albums/99999")
    expect(one.page.get_by_role("heading", name="This is not here")).to_be_visible()
    one.page.get_by_role("link", name="All albums").click()
    expect(one.page.locator(".card")).to_have_count(4)


def test_a_library_that_is_empty_says_so_and_shows_music_when_it_comes(opened: Open) -> None:
    one = opened("/settings")
    page = one.page
    is_empty = True
    page.route("**/api/v1/events?*", lambda route: route.fulfill(status=204))  # asked again and again instead
    page.reload()
    page.route(
        "**/api/v1/albums?*",
        lambda route: route.fulfill(json={"items": [], "next": None}) if is_empty else route.continue_(),
    )
    scan = {"state": "scanning", "files_seen": 1234, "added": 0}
    page.route("**/api/v1/scan", lambda route: route.fulfill(json=scan))
    page.locator(".sidebar").get_by_role("link", name="Albums").click()
    expect(page.get_by_text("Scanning… 1,234 files so far.")).to_be_visible()
    is_empty = False
    scan["added"] = 4
    expect(page.locator(".card")).to_have_count(4)
    one.calm()
