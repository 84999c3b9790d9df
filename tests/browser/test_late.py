"""What is added to the queue at the last moment, while the last track ends."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Open
from tests.browser.running import until
from tests.browser.test_playing import BUFFERED, LONG, PART_3_S, go_on, offer_demos, play_and_hold, position
from tests.browser.test_sound import open_album

pytestmark = pytest.mark.browser

# Slower and slower: a page that gets no processor for a second and a half does not miss the moment.
PAUSE_AT = """(atS) => new Promise((done) => {
    const sound = document.getElementById("sound");
    const look = () => {
        const leftS = atS - sound.currentTime;
        sound.playbackRate = Math.min(1, Math.max(0.1, leftS / 2));
        if (leftS > 0) return setTimeout(look, 5);
        sound.playbackRate = 1;
        done(sound.pause());
    };
    look();
    sound.play();
})"""
# By how much the sound has moved when the next track is shown, and how long that took; and what is shown later.
NOTE = """(laterS) => {
    const sound = document.getElementById("sound");
    const title = document.querySelector(".player .track-title");
    const fromS = sound.currentTime, began = performance.now();
    const look = () => {
        if (title.textContent !== "Part 3") {
            const tookS = (performance.now() - began) / 1000;
            window.__entered ??= [title.textContent, sound.currentTime - fromS, tookS];
        }
        if (window.__entered && sound.currentTime > laterS) window.__later = [title.textContent, sound.currentTime];
        else setTimeout(look, 5);
    };
    look();
}"""
FIRST_TAKE_S = 5.0


@pytest.mark.parametrize("left_s", [pytest.param(0.15, marks=LONG), 0.3, pytest.param(0.6, marks=LONG)])
def test_what_is_added_at_the_last_moment_follows(opened: Open, left_s: float) -> None:
    """Chromium leaps to the end of all that is appended, once it has been told of an end: it reads that far ahead.

    The sound stands still there until what was added has come, however long that takes; it is led there slowly.
    """
    one = opened("/")
    page = one.page
    open_album(page, "Unbroken")
    play_and_hold(page, "Part 3")
    item = offer_demos(page)
    page.evaluate(PAUSE_AT, PART_3_S - left_s)
    assert position(page) < PART_3_S, "it was not caught before its end"
    item.click()
    until(page, f"{BUFFERED}.end(0) > {PART_3_S + 1}")
    page.evaluate(NOTE, PART_3_S + 2.2)
    go_on(page)
    until(page, "window.__later")
    title, moved_s, took_s = page.evaluate("window.__entered")
    assert title == "First take", "it leapt over it"
    assert moved_s < took_s + 0.3, f"it leapt: {moved_s:.2f} s in {took_s:.2f} s"
    title, at_s = page.evaluate("window.__later")
    assert title == "First take" or at_s > PART_3_S + FIRST_TAKE_S
    one.calm()
