"""What a listener meets in a bad hour: no line, signed out elsewhere, a track taken away, haste."""

from __future__ import annotations

import pytest
from playwright.sync_api import Route, expect

from tests.browser import music
from tests.browser.conftest import Open
from tests.browser.running import NAME, PASSWORD, Watched, until
from tests.browser.test_playing import BUFFERED, play
from tests.browser.test_sound import POSITION, open_album

pytestmark = pytest.mark.browser

TITLE = ".player .track-title"
SPLIT = "**/api/v1/tracks?*"


def test_a_line_that_fails_in_the_middle_is_told_and_what_is_there_is_played(opened: Open) -> None:
    page = opened("/").page
    play(page, "Long Roads")
    until(page, f"{BUFFERED}.end(0) > 12")
    page.context.set_offline(True)
    end_s: float = page.evaluate(f"{BUFFERED}.end(0)")
    slider = page.get_by_role("slider", name="Position")
    slider.focus()
    page.keyboard.press("End")
    expect(page.locator("#offline")).to_be_visible()
    expect(page.locator("#offline")).to_contain_text("cannot be reached")
    expect(page.locator(TITLE)).to_have_text("Northbound")
    page.context.set_offline(False)
    expect(page.locator("#offline")).to_be_hidden()
    until(page, f"!document.getElementById('sound').paused && {POSITION} > {max(end_s, music.LONG_S - 4)}")


def test_a_view_that_could_not_be_loaded_comes_by_itself_once_the_server_is_reached(opened: Open) -> None:
    page = opened("/").page
    page.wait_for_selector(".card")
    page.context.set_offline(True)
    page.locator("[data-nav][href='/artists']:visible").first.click()
    expect(page.get_by_text("That did not work")).to_be_visible()
    banner, heading = page.locator("#offline").bounding_box(), page.get_by_role("heading", level=1).bounding_box()
    assert banner is not None
    assert heading is not None
    assert banner["y"] + banner["height"] <= heading["y"], "the banner lies over the page's heading"
    page.context.set_offline(False)
    expect(page.locator("main .card .title").first).to_be_visible()
    expect(page.get_by_text("That did not work")).to_be_hidden()


def test_signed_out_elsewhere_one_hears_what_is_there_and_is_told_how_to_go_on(own_session: Watched) -> None:
    """In a tab that is not seen: one that is seen has live events, and is led to the sign-in at once."""
    page = own_session.page
    page.add_init_script("Object.defineProperty(document, 'visibilityState', { get: () => 'hidden' })")
    page.evaluate("localStorage.setItem('quality', 'low')")
    page.reload()
    play(page, "Long Roads")
    other = page.context.new_page()
    other.goto(page.url)
    other.evaluate(
        """async () => {
            const csrf = document.body.dataset.csrf;
            const answer = await fetch("/api/v1/session", { method: "DELETE", headers: { "X-CSRF-Token": csrf } });
            if (!answer.ok) throw new Error(String(answer.status));
        }"""
    )
    notice = page.locator(".notice.bad")
    expect(notice).to_contain_text("You are signed out")
    address = page.url
    before: float = page.evaluate(POSITION)
    until(page, f"{POSITION} > {before + 0.5}")
    assert page.url == address, "the page was left in the middle of the music"
    loaded_s: float = page.evaluate(f"{BUFFERED}.end(0)")
    page.evaluate(f"{POSITION} = {loaded_s - 0.7}")
    expect(page.locator(".player").get_by_role("button", name="Play", exact=True)).to_be_visible()
    expect(page.locator(TITLE)).to_have_text("Northbound")
    notice.get_by_role("button", name="Sign in").click()
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_selector(TITLE)
    expect(page.locator(TITLE)).to_have_text("Northbound")
    page.locator(".player").get_by_role("button", name="Play", exact=True).click()
    until(page, f"{POSITION} > {loaded_s + 0.3}")
    assert page.evaluate(POSITION) < loaded_s + 30, "it goes on where it stopped"
    other.close()


@pytest.mark.parametrize("at", ["its first segment", "a later segment"])
def test_a_track_that_is_taken_away_is_told_and_the_next_one_is_heard(opened: Open, at: str) -> None:
    page = opened("/").page
    open_album(page, "Long Roads")
    first = page.locator(".track").first.get_attribute("data-track")
    is_gone = at == "its first segment"

    def answer(route: Route) -> None:
        gone = '{"title": "Not Found", "status": 404, "detail": "there is no such track"}'
        if is_gone:
            route.fulfill(status=404, body=gone)
        else:
            route.continue_()

    page.route(f"**/api/v1/tracks/{first}/playback", answer)
    held: list[Route] = []
    page.route("**/e/**/3.m4s", lambda route: held.append(route) if not held else answer(route))
    page.locator(".hero").get_by_role("button", name="Play").click()
    if not is_gone:
        until(page, f"{POSITION} > 0.3")
        while not held:
            page.wait_for_timeout(20)
        is_gone = True
        answer(held[0])
    expect(page.locator(".notice.bad")).to_contain_text("“Northbound” is no longer in the library.")
    if at == "a later segment":
        expect(page.locator(TITLE)).to_have_text("Northbound")
        page.evaluate(f"{POSITION} = 11")
        is_gone = False
    expect(page.locator(TITLE)).to_have_text("Southbound")
    until(page, f"!document.getElementById('sound').paused && {POSITION} > 0.3")


def test_next_in_the_midst_of_a_far_seek_plays_the_next_track(opened: Open) -> None:
    """The seek waits for a segment on its way, and was overtaken: nothing may bring it back."""
    page = opened("/").page
    open_album(page, "Unbroken")
    page.get_by_role("button", name="Play Part 2").click()
    until(page, f"{POSITION} > 0.1")
    module = page.evaluate("document.querySelector('script[type=module]').src.replace(/main\\.js$/, 'player/')")
    found = page.evaluate(
        """async (base) => {
            const { Appender } = await import(base + "appender.js");
            const { Sources } = await import(base + "source.js");
            const { Estimator } = await import(base + "abr.js");
            const ids = [...document.querySelectorAll("[data-track]")].map((row) => row.dataset.track);
            const entries = ids.map((id) => ({ track: { id } }));
            const audio = new Audio();
            audio.muted = true;
            const entered = [];
            const sources = new Sources();
            const owner = {
              quality: "normal", isWanted: true, estimator: new Estimator(),
              sourceOf: (entry) => sources.of(entry.track.id),
              follow: (entry) => entries[entries.indexOf(entry) + 1] ?? null,
              onEntry: (entry) => entered.push(entries.indexOf(entry)), onChange() {}, onFinished() {},
              onFailure(entry, error) { entered.push(String(error)); }, onBroken(...how) { entered.push(String(how)); },
            };
            const endMs = performance.now() + 60000;
            const until = async (is) => {
              while (!is()) {
                if (performance.now() > endMs) throw new Error(`stuck at ${audio.currentTime}: ${is}`);
                await new Promise((done) => setTimeout(done, 20));
              }
            };
            const engine = new Appender(audio, owner, entries[0], 5); // in the second segment
            audio.play().catch((error) => entered.push(String(error)));
            const { timeline } = engine;
            await until(() => timeline.slots.length > 1 && engine.buffer.has(timeline.slots[1].startS + 1));
            engine.seek(0.2); // before what was appended: it is not there
            const wasPending = engine.playhead.pendingS;
            const isThere = engine.jump(entries[1]);
            await until(() => engine.positionS > 0.4);
            const isInside = audio.currentTime > timeline.current.startS;
            const after = [entered.at(-1), isInside, engine.playhead.pendingS];
            engine.close();
            return { wasPending, isThere, after, entered };
        }""",
        module,
    )
    assert found["wasPending"] == pytest.approx(0.2)
    assert found["isThere"] is True
    assert found["after"] == [1, True, None]
    assert found["entered"] == [0, 1]


def test_an_artist_is_played_whole_however_many_pages_the_tracks_take(opened: Open) -> None:
    """The API is asked for one track at a time in place of 500: the pages are the server's own."""
    one = opened("/artists")
    page = one.page
    asked: list[str] = []

    def by_one(route: Route) -> None:
        asked.append(route.request.url)
        assert "limit=500" in route.request.url
        route.continue_(url=route.request.url.replace("limit=500", "limit=1"))

    page.route(SPLIT, by_one)
    page.get_by_role("link", name="Anna Berg", exact=True).click()
    page.locator(".hero").get_by_role("button", name="Shuffle").click()
    until(page, f"{POSITION} > 0.1")
    page.locator(".sidebar").get_by_role("link", name="Queue").click()
    expect(page.locator(".queue-row")).to_have_count(5)  # it plays while the last pages come
    titles = page.locator(".queue-row .name b").all_inner_texts()
    assert sorted(titles) == ["First take", "Part 1", "Part 2", "Part 3", "Studio"]
    assert sum("cursor=" in url for url in asked) == len(titles) - 1
    one.calm()


def test_a_browser_that_forbids_storing_plays_all_the_same(opened: Open) -> None:
    one = opened("/albums")
    page = one.page
    page.add_init_script(
        """for (const name of ["localStorage", "sessionStorage"])
          Object.defineProperty(window, name, { get() { throw new DOMException("denied", "SecurityError"); } });"""
    )
    page.reload()
    play(page, "Long Roads")
    expect(page.locator(TITLE)).to_have_text("Northbound")
    one.calm()


def test_the_colours_follow_the_choice_and_else_the_system(opened: Open) -> None:
    one = opened("/settings", scheme="dark")
    page = one.page
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.get_by_text("Light", exact=True).click()
    until(page, f"{paper} !== '{dark}'")
    light = page.evaluate(paper)
    page.reload()
    assert page.evaluate(paper) == light
    page.get_by_text("Like the system", exact=True).click()
    assert page.evaluate(paper) == dark
    page.emulate_media(color_scheme="light")
    until(page, f"{paper} === '{light}'")
    one.calm()
