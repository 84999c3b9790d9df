"""How plays went, as the page measures and reports it, and as an administrator sees it; the sound is the judge."""

from __future__ import annotations

import time
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser import music
from tests.browser.conftest import Open
from tests.browser.running import Server, until
from tests.browser.test_modules import Ask, ask
from tests.browser.test_playing import BUFFERED, count_stops, play
from tests.browser.test_sound import POSITION, open_album

__all__ = ["ask"]
pytestmark = pytest.mark.browser

HELD_S = 1.2
FIRST_PART_S = music.JOINS[0] / music.RATE_HZ


# What the page hands in, for requests that outlive their page are not told to who drives the browser.
NOTE = """(() => {
    const real = window.fetch;
    window.fetch = (address, how) => {
        if (how?.method === "POST" && address.endsWith("/api/v1/qoe")) {
            const before = JSON.parse(localStorage.getItem("told") ?? "[]");
            localStorage.setItem("told", JSON.stringify([...before, ...JSON.parse(how.body).reports]));
        }
        return real(address, how);
    };
})()"""
PLAYS = "fetch('/api/v1/qoe?days=1').then(answer => answer.json()).then(told => told.total.plays)"


class Told:
    """What a page hands in, and that it arrives."""

    def __init__(self, page: Page) -> None:
        page.add_init_script(NOTE)
        page.reload()
        self.page = page
        self.before: int = page.evaluate(PLAYS)

    def after_leaving(self, server: Server) -> list[dict[str, Any]]:
        """The reports of a page that one leaves; as many more are among what administrators see."""
        self.page.goto(f"{server.address}/settings")
        reports: list[dict[str, Any]] = self.page.evaluate("JSON.parse(localStorage.getItem('told') ?? '[]')")
        until(self.page, f"{PLAYS}.then(plays => plays >= {self.before + len(reports)})")
        return reports


def test_a_play_is_reported_as_it_was_heard(opened: Open, server: Server) -> None:
    one = opened("/")
    page, told = one.page, Told(one.page)
    open_album(page, "Long Roads")
    track = int(page.locator(".track").first.get_attribute("data-track") or 0)
    pressed_ms = time.time() * 1000
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, f"{POSITION} > 0.2")
    count_stops(page)
    until(page, f"{POSITION} > 3")
    page.locator(".player").get_by_role("button", name="Pause", exact=True).click()
    until(page, "document.getElementById('sound').paused")
    heard_s: float = page.evaluate(POSITION)
    took_ms = time.time() * 1000 - pressed_ms
    stops = len(page.evaluate("window.__stops"))
    page.wait_for_timeout(400)  # a pause is neither heard nor waited for
    (report,) = told.after_leaving(server)
    assert report["track_id"] == track
    assert pressed_ms - 2000 < report["started_at_ms"] < pressed_ms + took_ms
    assert 0 < report["first_sound_ms"] < took_ms - 1000 * heard_s + 300
    assert report["played_ms"] == pytest.approx(1000 * heard_s, abs=300)
    assert (report["followed"], report["error"], report["family"]) == (False, "", "aac")
    assert report["stalls"] >= stops, "a machine that is busy may stop the sound"
    assert report["buffered_ms"] > 1000
    assert 30_000 < report["bitrate_bps"] < 500_000
    assert report["line_bps"] > 100_000
    assert report["player"] == "Page (Chrome on Linux)"
    one.calm()


def test_a_stop_in_the_middle_is_told_with_its_length(opened: Open, server: Server) -> None:
    one = opened("/")
    page, told = one.page, Told(one.page)
    page.evaluate("localStorage.setItem('quality', 'normal')")
    page.reload()
    held: list[Route] = []
    page.route("**/e/**/1.m4s", lambda route: held.append(route))
    play(page, "Long Roads")
    count_stops(page)
    until(page, "window.__stops.length === 1")
    page.wait_for_timeout(HELD_S * 1000)
    for route in held:
        route.continue_()
    page.unroute("**/e/**/1.m4s")
    until(page, f"{BUFFERED}.end(0) > 8 && {POSITION} > 5")
    expect(page.locator(".player .track-title")).to_have_text("Northbound")
    page.locator(".player").get_by_role("slider", name="Position").press("End")
    until(page, f"{POSITION} > 80")
    (report,) = told.after_leaving(server)
    assert report["stalls"] == 1
    assert HELD_S * 1000 - 50 < report["stalled_ms"] < HELD_S * 1000 + 10_000
    assert report["played_ms"] > 4500
    page.goto(f"{server.address}/admin")
    page.get_by_role("link", name="Open listening quality").press("Enter")
    row = page.get_by_role("list", name="Plays that were not good").get_by_role("listitem").first
    expect(row).to_contain_text("Northbound – The Harbours")
    expect(row).to_contain_text("Stopped once, for")
    expect(row).to_contain_text("Anna · Chrome on Linux")
    days = page.get_by_label("The last")
    days.press("Home")
    until(page, "location.search === '?days=1'")
    expect(page.get_by_role("table", name="By day").locator("tbody tr")).to_have_count(1)
    one.calm()


def test_a_track_that_follows_without_a_gap_is_told_as_such(opened: Open, server: Server) -> None:
    one = opened("/")
    page, told = one.page, Told(one.page)
    play(page, "Unbroken")
    until(page, f"{BUFFERED}.length && {BUFFERED}.end(0) > {FIRST_PART_S + 1}")
    page.evaluate(f"{POSITION} = {FIRST_PART_S - 1.5}")
    until(page, f"{POSITION} > {FIRST_PART_S + 0.8}")
    first, second = told.after_leaving(server)
    assert (first["followed"], second["followed"]) == (False, True)
    assert 1500 < first["played_ms"] < FIRST_PART_S * 1000, "what was leapt over was not heard"
    assert second["first_sound_ms"] == 0
    assert first["stalls"] == second["stalls"] == 0
    one.calm()


def test_reports_wait_while_the_line_is_gone_and_are_counted_once(opened: Open, server: Server) -> None:
    one = opened("/")
    page = one.page
    play(page, "Café")
    page.locator(".player").get_by_role("button", name="Pause", exact=True).click()
    base = page.evaluate("document.querySelector('script[type=module]').src.replace(/main\\.js$/, '')")
    page.context.set_offline(True)
    track = page.locator(".track").first.get_attribute("data-track")
    states = page.evaluate(
        f"""async () => {{
            const {{ Reports }} = await import("{base}player/reports.js");
            const reports = window.__reports = new Reports();
            const started = {{ track_id: {track}, started_at_ms: Date.now(), family: "flac16" }};
            for (let n = 0; n < 205; n += 1) reports.add({{ ...started, played_ms: n }});
            await reports.send();
            return [reports.waiting.length, reports.dropped, reports.waiting[0].played_ms];
        }}"""
    )
    assert states == [200, 5, 5], "the oldest were forgotten, and it is known how many"
    page.context.set_offline(False)
    page.route("**/api/v1/qoe", lambda route: route.fulfill(status=401))
    waiting = "__reports.send().then(() => [__reports.waiting.length, __reports.dropped])"
    assert page.evaluate(waiting) == [200, 5], "who is signed out may sign in again"
    page.unroute("**/api/v1/qoe")
    before: int = page.evaluate(PLAYS)
    left = page.evaluate(
        """async () => {
            const reports = window.__reports;
            const some = reports.waiting.splice(60) && [...reports.waiting];
            await Promise.all([reports.send({ isLeaving: true }), reports.send({ isLeaving: true })]);
            const left = [reports.waiting.length, reports.dropped];
            reports.waiting = some;
            await reports.send();
            return [...left, reports.waiting.length];
        }"""
    )
    assert left == [0, 0, 0]
    assert page.evaluate(PLAYS) == before + 60, "what came twice was counted once"
    assert one.complaints, "the browser itself complains of the line"


HEARD = "{ family: 'aac', rank: 10, bps: 64000, bufferedS: 10, lineBps: 1000000 }"


CASES: list[tuple[str, dict[str, Any] | None]] = [
    ("l.wait(0, m.START); l.sound(150); l.rest(1150)", {"first_sound_ms": 150, "played_ms": 1000, "stalls": 0}),
    (
        "l.wait(0, m.START); l.sound(100); l.wait(600, m.STALL); l.sound(900); l.rest(1000)",
        {"first_sound_ms": 100, "played_ms": 600, "stalls": 1, "stalled_ms": 300},
    ),
    (
        "l.wait(0, m.START); l.sound(100); l.wait(600, m.SEEK); l.sound(900)",
        {"played_ms": 600, "stalls": 0, "stalled_ms": 0},
    ),
    (
        "l.wait(0, m.START); l.sound(0); l.wait(500, m.STALL); l.wait(700, m.SEEK); l.sound(900)",
        {"played_ms": 600, "stalls": 1, "stalled_ms": 200},
    ),
    ("l.wait(0, m.START); l.sound(0); l.wait(500, m.HICCUP); l.sound(600)", {"stalls": 0, "played_ms": 900}),
    ("l.wait(0, m.START); l.sound(0); l.wait(500, m.HICCUP); l.sound(900)", {"stalls": 1, "stalled_ms": 400}),
    ("l.wait(0, m.START); l.wait(50, m.STALL); l.sound(200)", {"first_sound_ms": 200, "stalls": 0}),
    ("l.wait(0, m.START); l.sound(1); l.wait(800, m.STALL)", {"stalls": 1, "stalled_ms": 200}),
    (
        "l.wait(0, m.START); l.rest(400); l.wait(700, m.START); l.sound(900)",
        {"first_sound_ms": 200, "played_ms": 100},
    ),
    ("l.wait(-3000, m.START)", {"error": "gave-up", "played_ms": 0, "first_sound_ms": None}),
    ("l.wait(0, m.START)", None),
    ("l.error = 'gone'", {"error": "gone", "first_sound_ms": None}),
    (
        f"l.wait(0, m.START); l.sound(0); l.see({HEARD}); l.see({{...{HEARD}, rank: 20, bps: 128000}});"
        f" l.see({{...{HEARD}, rank: 20, bps: null, bufferedS: 1}})",
        {"switches": 1, "bitrate_bps": 96000, "buffered_ms": 7000, "family": "aac", "line_bps": 1_000_000},
    ),
]


def test_what_is_heard_and_waited_for_is_counted_apart(ask: Ask) -> None:
    for acts, expected in CASES:
        made = "new m.Listened({ entry: { track: { id: 7 } }, startedAtMs: 5 })"
        found = ask("player/listened.js", f"const l = {made}; {acts}; return l.end(1000);")
        if expected is None:
            assert found is None, acts
        else:
            assert {name: found[name] for name in expected} == expected, acts
            assert (found["track_id"], found["started_at_ms"]) == (7, 5)
