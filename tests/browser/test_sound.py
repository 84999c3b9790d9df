"""What is really heard: recorded behind the page's sound element, and held against the source."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.browser import music
from tests.browser.conftest import Open
from tests.browser.running import until

pytestmark = pytest.mark.browser

RECORDER = (Path(__file__).parent / "recorder.js").read_text(encoding="utf-8")
WORKLET = (Path(__file__).parent / "recorder-worklet.js").read_text(encoding="utf-8")
POSITION = "document.getElementById('sound').currentTime"


def record(page: Page) -> None:
    """Everything from now on, on a page that was opened with `has_policy=False`: the recorder is not the server's."""
    page.evaluate(RECORDER, {"rateHz": music.RATE_HZ, "worklet": WORKLET})


def recorded(page: Page, channel: int, *, last_blocks: int = 0) -> np.ndarray:
    """What was heard, or the last blocks of 8192 samples."""
    assert page.evaluate("__recorder.lost()") == 0, "the recorder itself lost something"
    told = page.evaluate(f"__recorder.base64({channel}, {last_blocks})")
    return np.frombuffer(base64.b64decode(told), dtype="<f4")


def open_album(page: Page, title: str) -> None:
    page.get_by_role("link", name=title, exact=True).click()
    page.wait_for_selector(".track")


def click_db(left: np.ndarray, frequency_hz: float) -> np.ndarray:
    """How much each sample breaks off the sine, in dB of full scale: a pure one obeys x[n] = 2cos(w)x[n-1] - x[n-2]."""
    turn = 2 * np.cos(2 * np.pi * frequency_hz / music.RATE_HZ)
    broken = np.abs(left[2:] - turn * left[1:-1] + left[:-2])
    decibels: np.ndarray = 20 * np.log10(broken + 1e-9)
    return decibels


@pytest.mark.parametrize(
    ("quality", "loudest_click_db"), [("lossless", -80.0), pytest.param("high", -12.0, marks=pytest.mark.long)]
)
def test_an_album_plays_through_without_a_gap(opened: Open, quality: str, loudest_click_db: float) -> None:
    one = opened("/albums", has_policy=False)
    page = one.page
    page.evaluate("name => localStorage.setItem('quality', name)", quality)
    page.reload()
    open_album(page, "Unbroken")
    record(page)
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, "document.getElementById('sound').ended")
    ended_s: float = page.evaluate("__recorder.seconds()")
    until(page, f"__recorder.seconds() > {ended_s + 0.5}")
    left, right = recorded(page, 0), recorded(page, 1)

    want = music.tone(0, music.JOINS[-1]).astype(np.float64) / 32_768
    begin = int(np.argmax(np.abs(right) > 0.004))
    spectrum = np.fft.rfft(right[begin : begin + 65_536], 131_072) * np.conj(np.fft.rfft(want[1][:65_536], 131_072))
    lag = int(np.argmax(np.fft.irfft(spectrum)))
    start = begin + (lag if lag < 65_536 else lag - 131_072)
    for join in music.JOINS[:-1]:
        # The noise is unlike itself anywhere else: where it lies before and after a join tells every sample of a gap.
        for at in (join - 30_000, join + 10_000):
            there = right[start + at - 64 : start + at + 20_000 + 64]
            correlation = np.correlate(there, want[1][at : at + 20_000].astype(np.float32), "valid")
            assert int(np.argmax(correlation)) - 64 == 0, f"shifted near the join at {join}"
        around = left[start + join - 882 : start + join + 882]
        assert click_db(around, music.TONE_HZ).max() < loudest_click_db
    if quality == "lossless":
        heard = left[start + 1000 : start + music.JOINS[-1] - 20_000]
        assert np.abs(heard - want[0][1000 : music.JOINS[-1] - 20_000]).max() < 3.2e-5
    one.calm()
