"""Playing as a person does it: seek, next, quality, other views, reload, a bad line."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser import music
from tests.browser.conftest import Open
from tests.browser.running import LIMIT_S, until
from tests.browser.test_sound import POSITION, open_album, record, recorded

pytestmark, LONG = pytest.mark.browser, pytest.mark.long

BUFFERED = "document.getElementById('sound').buffered"
PART_3_S = (music.JOINS[2] - music.JOINS[1]) / music.RATE_HZ


def play(page: Page, album: str) -> None:
    open_album(page, album)
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, f"{POSITION} > 0.3")


def position(page: Page) -> float:
    found: float = page.evaluate(POSITION)
    return found


def hear(page: Page, pitch_hz: float) -> None:
    """Waits until a tone of this pitch is heard, told by its zero crossings in a third of a second."""
    end = time.monotonic() + LIMIT_S
    heard_hz = 0.0
    while heard_hz != pytest.approx(pitch_hz, rel=0.03):
        assert time.monotonic() < end, f"{heard_hz:.0f} Hz is heard, not {pitch_hz} Hz"
        seconds: float = page.evaluate("__recorder.seconds()")
        until(page, f"__recorder.seconds() > {seconds + 0.4}")
        last = recorded(page, 0, last_blocks=2)
        crossings = ((last[:-1] < 0) & (last[1:] >= 0)).sum()
        heard_hz = float(crossings * music.RATE_HZ / len(last)) if abs(last).max() > 0.1 else 0.0


def count_stops(page: Page) -> None:
    """From now on. A stop is where the sound has run out of what was appended: a browser that gets no processor for a
    while says that it waits too, with seconds of sound at hand."""
    page.evaluate(
        """() => {
            window.__stops = [];
            const sound = document.getElementById("sound");
            sound.addEventListener("waiting", () => {
                const { buffered, currentTime } = sound;
                let aheadS = 0;
                for (let n = 0; n < buffered.length; n += 1) {
                    if (buffered.start(n) <= currentTime) aheadS = Math.max(aheadS, buffered.end(n) - currentTime);
                }
                if (aheadS < 1) window.__stops.push({ currentTime, aheadS });
            });
        }"""
    )


def test_an_album_is_found_and_heard_and_time_goes_on(opened: Open) -> None:
    one = opened("/", has_policy=False)
    page = one.page
    open_album(page, "Long Roads")
    record(page)
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, f"{POSITION} > 1.5")
    hear(page, 330)
    expect(page.locator(".player .track-title")).to_have_text("Northbound")
    expect(page.locator(".track.current")).to_contain_text("Northbound")
    one.calm()


def test_what_began_to_sound_on_a_busy_page_does_not_begin_again(opened: Open) -> None:
    """The element plays as soon as there is something, and the page may hear of it late."""
    one = opened("/")
    page = one.page
    page.add_init_script(
        """
        const { appendBuffer } = SourceBuffer.prototype;
        SourceBuffer.prototype.appendBuffer = function (bytes) {
            const late = (event) => {
                event.stopImmediatePropagation();
                setTimeout(() => this.dispatchEvent(new Event("updateend")), 300);
            };
            this.addEventListener("updateend", late, { once: true, capture: true });
            appendBuffer.call(this, bytes);
        };
        """
    )
    page.reload()
    open_album(page, "Long Roads")
    page.evaluate(
        """() => {
            const sound = document.getElementById("sound");
            window.__places = [];
            sound.addEventListener("seeking", () => window.__places.push(sound.currentTime));
        }"""
    )
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, f"{POSITION} > 1")
    assert page.evaluate("window.__places") == []
    one.calm()


def test_seeking_far_and_going_to_the_next_track_sound_at_once(opened: Open) -> None:
    one = opened("/", has_policy=False)
    page = one.page
    open_album(page, "Long Roads")
    record(page)
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, f"{POSITION} > 0.3")
    slider = page.get_by_role("slider", name="Position")
    box = slider.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    until(page, f"{POSITION} > {music.LONG_S * 0.9 + 0.2}")
    hear(page, 330)
    slider.focus()
    page.keyboard.press("Home")
    until(page, f"{POSITION} > 0.2 && {POSITION} < 5")
    page.get_by_role("button", name="Next track").click()
    expect(page.locator(".player .track-title")).to_have_text("Southbound")
    hear(page, 660)
    page.get_by_role("button", name="Previous track").click()
    expect(page.locator(".player .track-title")).to_have_text("Northbound")
    one.calm()


def test_the_music_goes_on_while_one_looks_around(opened: Open) -> None:
    one = opened("/")
    page = one.page
    play(page, "Long Roads")
    page.evaluate("document.getElementById('sound').dataset.same = 'yes'")
    stops = "window.__stops = 0; document.getElementById('sound').addEventListener('pause', () => window.__stops += 1)"
    page.evaluate(stops)
    for name in ("Artists", "Genres", "Queue", "Settings", "Administration", "Albums"):
        before = position(page)
        page.locator(".sidebar").get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", name=name, level=1)).to_be_visible()
        until(page, f"{POSITION} > {before}")
    page.go_back()
    expect(page.get_by_role("heading", name="Administration", level=1)).to_be_visible()
    assert page.evaluate("[document.getElementById('sound').dataset.same, window.__stops]") == ["yes", 0]
    one.calm()


def test_another_quality_is_heard_within_seconds_and_nothing_stops(opened: Open) -> None:
    one = opened("/")
    page = one.page
    page.evaluate("localStorage.setItem('quality', 'low')")
    page.reload()
    play(page, "Long Roads")
    count_stops(page)
    expect(page.locator(".quality-key")).to_have_text("Low")
    for choice, shown in (("High", "High"), ("Lossless", "Lossless"), ("Normal", "Normal")):
        page.locator(".quality-key").click()
        page.get_by_role("menuitemradio", name=re.compile(f"^{choice} ")).click()
        expect(page.locator(".quality-key")).to_have_text(shown)
        before = position(page)
        until(page, f"{POSITION} > {before + 1}")
    assert page.evaluate("window.__stops") == []
    one.calm()


def test_automatic_quality_climbs_to_the_top_on_a_good_line(opened: Open) -> None:
    one = opened("/")
    page = one.page
    play(page, "Long Roads")
    expect(page.locator(".quality-key")).to_have_text("Auto · High")
    one.calm()


def test_a_reload_keeps_the_queue_and_the_place(opened: Open) -> None:
    one = opened("/")
    page = one.page
    play(page, "Long Roads")
    page.get_by_role("slider", name="Position").focus()
    page.keyboard.press("PageUp")
    until(page, f"{POSITION} > 9")
    left_s = position(page)
    page.reload()
    expect(page.locator(".player .track-title")).to_have_text("Northbound")
    minutes, seconds = page.locator(".player .at").inner_text().split(":")
    shown_s = 60 * int(minutes) + int(seconds)
    assert int(left_s) <= shown_s < left_s + 20, "it went on until the page was left"
    page.evaluate(
        """() => {
            const sound = document.getElementById("sound");
            sound.addEventListener("playing", () => (window.__begins ??= sound.currentTime));
        }"""
    )
    page.get_by_role("button", name="Play", exact=True).last.click()
    until(page, f"{POSITION} > {shown_s + 1.2}")
    assert page.evaluate("window.__begins") == pytest.approx(shown_s + 0.5, abs=0.6)
    one.calm()


def play_and_hold(page: Page, title: str) -> None:
    """Plays a track of the album and pauses it when it has just begun, though it be short."""
    page.evaluate(
        """() => {
            const sound = document.getElementById("sound");
            window.__held = new Promise((done) => {
                const look = () => (sound.currentTime > 0.02 ? done(sound.pause()) : setTimeout(look, 5));
                look();
            });
        }"""
    )
    page.get_by_role("button", name=f"Play {title}").click()
    page.evaluate("window.__held")
    until(page, "document.getElementById('sound').paused")


def go_on(page: Page) -> None:
    page.locator(".player").get_by_role("button", name="Play", exact=True).click()


def offer_demos(page: Page) -> Locator:
    """The menu of the other album is open at "Add to queue"."""
    page.locator(".sidebar").get_by_role("link", name="Albums").click()
    open_album(page, "Demos")
    page.get_by_role("button", name="More", exact=True).click()
    return page.get_by_role("menuitem", name="Add to queue")


def test_after_the_end_play_goes_on_with_what_was_added_and_else_begins_again(opened: Open) -> None:
    one = opened("/")
    page = one.page
    title = page.locator(".player .track-title")
    open_album(page, "Unbroken")
    page.locator(".track").nth(1).get_by_role("button", name="Play Part 2").click()
    until(page, "document.getElementById('sound').ended")
    expect(title).to_have_text("Part 3")
    go_on(page)
    expect(title).to_have_text("Part 1")
    until(page, f"{POSITION} > 0.3 && {POSITION} < 3")
    page.locator(".track").nth(2).get_by_role("button", name="Play Part 3").click()
    until(page, "document.getElementById('sound').ended")
    offer_demos(page).click()
    go_on(page)
    expect(title).to_have_text("First take")
    until(page, f"{POSITION} > 0.3 && {POSITION} < 4")
    one.calm()


@pytest.mark.parametrize("quality", ["lossless", pytest.param("high", marks=LONG)])
def test_tracks_of_other_codecs_and_rates_follow_each_other(opened: Open, quality: str) -> None:
    one = opened("/")
    page = one.page
    page.evaluate("name => localStorage.setItem('quality', name)", quality)
    page.reload()
    open_album(page, "Unbroken")
    play_and_hold(page, "Part 3")
    offer_demos(page).click()
    go_on(page)
    for title in ("First take", "Studio"):
        expect(page.locator(".player .track-title")).to_have_text(title)
        until(page, "!document.getElementById('sound').paused && document.getElementById('sound').readyState === 4")
    until(page, "document.getElementById('sound').ended")
    length: float = page.evaluate(POSITION)
    assert length == pytest.approx(PART_3_S + 5 + 4, abs=0.06)
    one.calm()


def test_an_address_that_has_ended_is_renewed_without_a_stop(opened: Open) -> None:
    one = opened("/")
    page = one.page
    held: list[Route] = []
    renewed: list[str] = []
    open_album(page, "Long Roads")

    def hold_back(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/e/**/3.m4s", hold_back)
    page.on("request", lambda request: "/playback" in request.url and renewed.append(request.url))
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, f"{POSITION} > 0.3")
    while not held:
        page.wait_for_timeout(20)
    count_stops(page)
    asked = len(renewed)
    before = position(page)
    held[0].fulfill(status=403, body='{"detail": "this address is not valid"}')
    until(page, f"{BUFFERED}.length === 1 && {BUFFERED}.end(0) > 30")
    assert len(renewed) > asked, "no new address was asked for"
    until(page, f"{POSITION} > {before + 1}")
    page.evaluate(f"{POSITION} = 11.5")  # shortly before what was refused
    until(page, f"{POSITION} > 13")
    assert page.evaluate("window.__stops") == []
    expect(page.locator(".player .track-title")).to_have_text("Northbound")


def test_a_lost_line_is_told_and_the_music_comes_back_by_itself(opened: Open) -> None:
    one = opened("/")
    page = one.page
    open_album(page, "Long Roads")
    is_cut = True

    def cut(route: Route) -> None:
        if is_cut:
            route.abort("connectionfailed")
        else:
            route.continue_()

    page.route("**/*.m4s", cut)
    page.locator(".hero").get_by_role("button", name="Play").click()
    expect(page.locator("#offline")).to_be_visible()
    is_cut = False
    until(page, f"{POSITION} > 0.3")
    expect(page.locator("#offline")).to_be_hidden()


def test_a_track_that_cannot_be_played_is_told_and_passed_over(opened: Open) -> None:
    one = opened("/")
    page = one.page
    open_album(page, "Long Roads")
    first = page.locator(".track").first.get_attribute("data-track")
    page.route(
        f"**/api/v1/tracks/{first}/playback", lambda route: route.fulfill(status=422, body='{"detail": "damaged"}')
    )
    page.locator(".hero").get_by_role("button", name="Play").click()
    expect(page.locator(".notice.bad")).to_contain_text("Northbound")
    expect(page.locator(".player .track-title")).to_have_text("Southbound")
    until(page, f"{POSITION} > 0.3")


def test_keys_play_seek_and_silence(opened: Open) -> None:
    one = opened("/")
    page = one.page
    play(page, "Long Roads")
    page.locator("h1").click()
    page.keyboard.press("Space")
    until(page, "document.getElementById('sound').paused")
    page.keyboard.press("ArrowRight")
    until(page, f"{POSITION} > 5")
    page.keyboard.press("m")
    until(page, "document.getElementById('sound').muted")
    page.keyboard.press("n")
    expect(page.locator(".player .track-title")).to_have_text("Southbound")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    one.calm()


def test_media_keys_reach_the_player_and_the_system_is_told_what_plays(opened: Open) -> None:
    one = opened("/albums")
    page = one.page
    page.add_init_script(
        """window.__keys = {};
        const real = navigator.mediaSession.setActionHandler.bind(navigator.mediaSession);
        navigator.mediaSession.setActionHandler = (name, act) => { window.__keys[name] = act; real(name, act); };"""
    )
    page.reload()
    play(page, "Long Roads")
    assert page.evaluate("navigator.mediaSession.metadata.title") == "Northbound"
    page.evaluate("__keys.nexttrack()")
    until(page, "navigator.mediaSession.metadata.title === 'Southbound'")
    page.evaluate("__keys.pause()")
    until(page, "document.getElementById('sound').paused && navigator.mediaSession.playbackState === 'paused'")
    page.evaluate("__keys.seekto({seekTime: 30})")
    page.evaluate("__keys.play()")
    until(page, f"{POSITION} > 30.1")
    one.calm()


def test_without_media_source_the_browser_plays_by_itself(opened: Open) -> None:
    one = opened("/albums")
    page = one.page
    page.add_init_script("delete window.MediaSource; delete window.ManagedMediaSource;")
    page.reload()
    play(page, "Café")
    until(page, f"{POSITION} > 1")
    expect(page.locator(".player .track-title")).to_have_text("Über den Fluss")
    until(page, f"{POSITION} > 0.3 && !document.getElementById('sound').paused")
