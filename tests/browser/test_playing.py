"""Playing as a person does it: seek, next, quality, other views, reload, a bad line."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser import music
from tests.browser.conftest import Open
from tests.browser.running import until
from tests.browser.test_sound import POSITION, open_album, record, recorded

pytestmark = pytest.mark.browser


def play(page: Page, album: str) -> None:
    open_album(page, album)
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, f"{POSITION} > 0.3")


def position(page: Page) -> float:
    found: float = page.evaluate(POSITION)
    return found


def pitch_hz(page: Page) -> float:
    """Of what was heard last, by its zero crossings."""
    seconds: float = page.evaluate("__recorder.seconds()")
    until(page, f"__recorder.seconds() > {seconds + 1.2}")
    last = recorded(page, 0)[-16_384:]
    assert abs(last).max() > 0.1, "it is silent"
    crossings = ((last[:-1] < 0) & (last[1:] >= 0)).sum()
    return float(crossings * music.RATE_HZ / len(last))


def test_an_album_is_found_and_heard_and_time_goes_on(opened: Open) -> None:
    one = opened("/")
    page = one.page
    open_album(page, "Long Roads")
    record(page)
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, f"{POSITION} > 1.5")
    assert pitch_hz(page) == pytest.approx(330, rel=0.03)
    expect(page.locator(".player .track-title")).to_have_text("Northbound")
    expect(page.locator(".track.current")).to_contain_text("Northbound")
    one.calm()


def test_seeking_far_and_going_to_the_next_track_sound_at_once(opened: Open) -> None:
    one = opened("/")
    page = one.page
    open_album(page, "Long Roads")
    record(page)
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, f"{POSITION} > 0.3")
    slider = page.get_by_role("slider", name="Position")
    box = slider.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    until(page, f"{POSITION} > {music.LONG_S * 0.9 + 0.2}", seconds=5)
    assert pitch_hz(page) == pytest.approx(330, rel=0.03)
    slider.focus()
    page.keyboard.press("Home")
    until(page, f"{POSITION} > 0.2 && {POSITION} < 5", seconds=5)
    page.get_by_role("button", name="Next track").click()
    expect(page.locator(".player .track-title")).to_have_text("Southbound")
    assert pitch_hz(page) == pytest.approx(660, rel=0.03)
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
    page.evaluate(
        "window.__waits = 0; document.getElementById('sound').addEventListener('waiting', () => __waits += 1)"
    )
    expect(page.locator(".quality-key")).to_have_text("Low")
    for choice, shown in (("High", "High"), ("Lossless", "Lossless"), ("Normal", "Normal")):
        page.locator(".quality-key").click()
        page.get_by_role("menuitemradio", name=choice).click()
        expect(page.locator(".quality-key")).to_have_text(shown, timeout=15_000)
        before = position(page)
        until(page, f"{POSITION} > {before + 1}")
    assert page.evaluate("window.__waits") == 0
    one.calm()


def test_automatic_quality_climbs_to_the_top_on_a_good_line(opened: Open) -> None:
    one = opened("/")
    page = one.page
    play(page, "Long Roads")
    expect(page.locator(".quality-key")).to_have_text("Auto · High", timeout=20_000)
    one.calm()


def test_a_reload_keeps_the_queue_and_the_place(opened: Open) -> None:
    one = opened("/")
    page = one.page
    play(page, "Long Roads")
    page.get_by_role("slider", name="Position").focus()
    page.keyboard.press("PageUp")
    until(page, f"{POSITION} > 9")
    page.reload()
    expect(page.locator(".player .track-title")).to_have_text("Northbound")
    expect(page.locator(".player .at")).to_have_text("0:09")
    page.get_by_role("button", name="Play", exact=True).last.click()
    until(page, f"{POSITION} > 9.2 && {POSITION} < 12")
    one.calm()


def hold(page: Page) -> None:
    """Pauses what has just begun, though it be short."""
    page.evaluate(
        """new Promise((done) => {
            const sound = document.getElementById("sound");
            const look = () => (sound.currentTime > 0.02 ? done(sound.pause()) : setTimeout(look, 5));
            look();
        })"""
    )


def go_on(page: Page) -> None:
    page.locator(".player").get_by_role("button", name="Play", exact=True).click()


def offer_demos(page: Page) -> Locator:
    """The menu of the other album is open at "Add to queue"."""
    page.locator(".sidebar").get_by_role("link", name="Albums").click()
    open_album(page, "Demos")
    page.get_by_role("button", name="More", exact=True).click()
    return page.get_by_role("menuitem", name="Add to queue")


@pytest.mark.parametrize("left_s", [0.15, 0.3, 0.6])
def test_what_is_added_at_the_last_moment_follows(opened: Open, left_s: float) -> None:
    """Chromium leaps to the end of all that is appended, once it has been told of an end."""
    one = opened("/")
    page = one.page
    open_album(page, "Unbroken")
    page.locator(".track").nth(2).get_by_role("button", name="Play Part 3").click()
    hold(page)
    item = offer_demos(page)
    length_s = (music.JOINS[2] - music.JOINS[1]) / music.RATE_HZ
    item.evaluate(
        """(item, atS) => {
            const sound = document.getElementById("sound");
            const look = () => (sound.currentTime > atS ? item.click() : setTimeout(look, 5));
            look();
            sound.play();
        }""",
        length_s - left_s,
    )
    expect(page.locator(".player .track-title")).to_have_text("First take", timeout=5000)
    heard: float = page.evaluate(POSITION)
    assert heard < length_s + 2, "it leapt"
    until(page, f"{POSITION} > {length_s + 2.2}")
    expect(page.locator(".player .track-title")).to_have_text("First take")
    one.calm()


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


@pytest.mark.parametrize("quality", ["lossless", "high"])
def test_tracks_of_other_codecs_and_rates_follow_each_other(opened: Open, quality: str) -> None:
    one = opened("/")
    page = one.page
    page.evaluate("name => localStorage.setItem('quality', name)", quality)
    page.reload()
    open_album(page, "Unbroken")
    page.locator(".track").nth(2).get_by_role("button", name="Play Part 3").click()
    hold(page)
    offer_demos(page).click()
    go_on(page)
    for title in ("First take", "Studio"):
        expect(page.locator(".player .track-title")).to_have_text(title, timeout=10_000)
        until(page, "!document.getElementById('sound').paused && document.getElementById('sound').readyState === 4")
    until(page, "document.getElementById('sound').ended", seconds=8)
    length: float = page.evaluate(POSITION)
    assert length == pytest.approx((music.JOINS[2] - music.JOINS[1]) / music.RATE_HZ + 5 + 4, abs=0.06)
    one.calm()


def test_an_address_that_has_ended_is_renewed_without_a_stop(opened: Open) -> None:
    one = opened("/")
    page = one.page
    refused: list[str] = []
    renewed: list[str] = []
    open_album(page, "Long Roads")

    def refuse(route: Route) -> None:
        if len(refused) < 1:
            refused.append(route.request.url)
            route.fulfill(status=403, body='{"detail": "this address is not valid"}')
        else:
            route.continue_()

    page.route("**/e/**/3.m4s", refuse)
    page.on("request", lambda request: "playback" in request.url and renewed.append(request.url))
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(
        page,
        "document.getElementById('sound').buffered.length && document.getElementById('sound').buffered.end(0) > 30",
    )
    assert refused
    assert sum("/tracks/" in url for url in renewed) >= 2
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
    expect(page.locator(".player .track-title")).to_have_text("Über den Fluss", timeout=12_000)
    until(page, f"{POSITION} > 0.3 && !document.getElementById('sound').paused")
