"""How loud tracks are played: recorded before and behind the page's own gain, sample by sample."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Playwright, expect

from tests.browser import music
from tests.browser.running import ARGS, CHROMIUM, Server, Watched, serving, set_up, until, watched
from tests.browser.test_sound import WORKLET, open_album

pytestmark = pytest.mark.browser

NAME = "music.test"
RATE_HZ = music.RATE_HZ
LENGTHS = (3 * RATE_HZ + 1234, 3 * RATE_HZ // 2 + 777, 3 * RATE_HZ // 2)
LOUD, SOFT, FAINT = 0.5, 0.03, 0.01
LATE_S = 0.04
"""A gain turns within some 14 ms of a join; the clocks of a browser that gets no processor lie further apart."""
TOO_LOUD_S = 0.012
"""Nothing is, where the clocks are right; turned at the wrong side of both joins it would be twice 14 ms."""
ABILITY = "Object.defineProperty(HTMLMediaElement.prototype, 'volume', { get: () => 1, set() {} })"
LISTEN = """
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (to, ...rest) {
  if (to === this.context.destination) window.__heard = this;
  if (this instanceof MediaElementAudioSourceNode) window.__raw ??= this;
  return connect.call(this, to, ...rest);
};"""
RECORD = """async (worklet) => {
  const { context } = __raw;
  const taps = { raw: [__raw, []], heard: [__heard, []] };
  await context.audioWorklet.addModule(URL.createObjectURL(new Blob([worklet], { type: "text/javascript" })));
  for (const [node, blocks] of Object.values(taps)) {
    const how = { numberOfOutputs: 0, channelCount: 2, channelCountMode: "explicit" };
    const tap = new AudioWorkletNode(context, "recorder", how);
    tap.port.onmessage = ({ data }) => blocks.push(data);
    node.connect(tap);
  }
  window.__seconds = () => context.currentTime;
  window.__recorded = (name) => {
    const blocks = taps[name][1];
    const size = blocks[0].channels[0].length;
    const all = new Float32Array(blocks.at(-1).frame - blocks[0].frame + size);
    for (const one of blocks) all.set(one.channels[0], one.frame - blocks[0].frame);
    let text = "";
    const bytes = new Uint8Array(all.buffer);
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return [blocks[0].frame, btoa(text), context.sampleRate];
  };
}"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("steps")
    for number, (length, hz, level) in enumerate(zip(LENGTHS, (500, 1300, 700), (LOUD, SOFT, LOUD), strict=True), 1):
        path = root / "Steps" / f"{number}.flac"
        wave = np.sin(2 * np.pi * hz * np.arange(length) / RATE_HZ) * level
        music.write(path, np.round(np.stack([wave, wave]) * 32_767).astype(np.int16), "flac")
        music.tag(path, title=f"Step {number}", artist="Anna Berg", album="Steps", tracknumber=str(number))
    path = root / "Night" / "1.flac"
    level = np.repeat([0.4, FAINT], [5 * RATE_HZ, 20 * RATE_HZ])
    wave = np.sin(2 * np.pi * 700 * np.arange(len(level)) / RATE_HZ) * level
    music.write(path, np.round(np.stack([wave, wave]) * 32_767).astype(np.int16), "flac")
    music.tag(path, title="Loud and soft", artist="Anna Berg", album="Night", tracknumber="1")
    wanted = {"MEDIASERVER_LOUDNESS__MEASURE_SHARE": "100", "MEDIASERVER_SERVER__NAMES": NAME}
    with serving(root, tmp_path_factory.mktemp("data"), **wanted) as server:
        yield server


@pytest.fixture(scope="module")
def state(house: Server, browser: Browser) -> str:
    """Of a browser that is signed in, where all tracks are measured."""
    context = browser.new_context()
    one = watched(context)
    set_up(one.page, house)
    asked = f"{house.address}/api/v1/loudness"
    until(one.page, f"fetch('{asked}').then(r => r.json()).then(r => r.state === 'done' && r.measured === 4)")
    kept = house.data_dir / "levelling.json"
    context.storage_state(path=str(kept))
    context.close()
    return str(kept)


@pytest.fixture
def at_home(house: Server, browser: Browser, state: str) -> Iterator[Watched]:
    context = browser.new_context(bypass_csp=True, storage_state=state, viewport={"width": 1280, "height": 800})
    context.add_init_script(LISTEN)
    one = watched(context)
    one.page.goto(f"{house.address}/albums")
    yield one
    context.close()


def choose(page: Page, **choices: str) -> None:
    page.evaluate("all => Object.entries(all).forEach(one => localStorage.setItem(...one))", choices)
    page.reload()


def told_levels(page: Page, album: int = 1) -> list[dict[str, Any]]:
    """What the server tells players of each track."""
    told: list[dict[str, Any]] = page.evaluate(
        """async (album) => {
          const json = async (path) => (await fetch(`/api/v1/${path}`)).json();
          const { tracks } = await json(`albums/${album}`);
          return Promise.all(tracks.map(async ({ id }) => (await json(`tracks/${id}/playback`)).levels));
        }""",
        album,
    )
    return told


def played_through(page: Page) -> tuple[np.ndarray, np.ndarray, int]:
    """(before the gain, behind it, samples per second) of the whole album but for its very beginning."""
    open_album(page, "Steps")
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, "Boolean(window.__heard)")
    page.evaluate(RECORD, WORKLET)
    until(page, "document.getElementById('sound').ended")
    ended_s: float = page.evaluate("__seconds()")
    until(page, f"__seconds() > {ended_s + 0.5}")
    told = {name: page.evaluate("name => __recorded(name)", name) for name in ("raw", "heard")}
    first = max(told["raw"][0], told["heard"][0])
    raw, heard = (np.frombuffer(base64.b64decode(data), "<f4")[first - at :] for at, data, _ in told.values())
    size = min(len(raw), len(heard))
    return raw[:size], heard[:size], told["raw"][2]


def gain_db(raw: np.ndarray, heard: np.ndarray, start: int, stop: int) -> np.ndarray:
    """Of each sample that is loud enough to tell."""
    some, same = raw[start:stop], heard[start:stop]
    is_told = np.abs(some) > SOFT / 4
    decibels: np.ndarray = 20 * np.log10(np.maximum(same[is_told] / some[is_told], 1e-6))
    return decibels


def joins(raw: np.ndarray, rate_hz: int) -> tuple[int, int]:
    """Counted from the end, which is there whatever was lost while the recorder was put together."""
    end = len(raw) - int(np.argmax(np.abs(raw[::-1]) > 1e-3))
    third, second = (round(length * rate_hz / RATE_HZ) for length in (LENGTHS[2], LENGTHS[1]))
    return end - third - second, end - third


def test_the_gain_changes_with_the_track_and_nothing_is_louder_than_its_own(at_home: Watched) -> None:
    page = at_home.page
    choose(page, levelling="track", quality="lossless")
    gains_db = [levels["track"]["gain_db"] for levels in told_levels(page)]
    raw, heard, rate_hz = played_through(page)
    rising, falling = joins(raw, rate_hz)
    near, far = round(LATE_S * rate_hz), round(0.6 * rate_hz)
    assert gains_db[1] - gains_db[0] == pytest.approx(20 * np.log10(LOUD / SOFT), abs=2), (
        "all are as loud as each other"
    )
    for start, stop, wanted_db in (
        (rising - far, rising - near, gains_db[0]),
        (rising + near, falling - near, gains_db[1]),
        (falling + near, falling + far, gains_db[2]),
    ):
        found = gain_db(raw, heard, start, stop)
        # Both round to a tenth, the server before it rounds what it tells.
        assert np.abs(found - wanted_db).max() < 0.11, (wanted_db, found.min(), found.max())
        assert np.ptp(found) < 0.01
    is_too_loud = np.abs(heard) > LOUD * 10 ** (max(gains_db[0], gains_db[2]) / 20) * 1.05
    assert is_too_loud.sum() < TOO_LOUD_S * rate_hz, "a loud track with the gain of a soft one"
    at_home.calm()


def test_an_album_that_plays_in_order_keeps_one_gain_to_the_sample(at_home: Watched) -> None:
    page = at_home.page
    choose(page, levelling="smart", quality="lossless", preamp="-3")
    levels = told_levels(page)[0]
    raw, heard, rate_hz = played_through(page)
    wanted_db = levels["target_lufs"] - 3 - levels["album"]["integrated_lufs"]
    first, last = joins(raw, rate_hz)
    found = gain_db(raw, heard, first - rate_hz // 2, last + rate_hz)
    assert np.abs(found - wanted_db).max() < 0.06
    at_home.calm()


def test_the_gain_is_that_of_the_track_to_which_one_goes_and_pauses_with_it(at_home: Watched) -> None:
    page = at_home.page
    choose(page, levelling="track")
    factors = [10 ** (levels["track"]["gain_db"] / 20) for levels in told_levels(page)]
    open_album(page, "Steps")
    page.locator(".hero").get_by_role("button", name="Play").click()

    def is_turned_to(number: int) -> None:
        least, most = factors[number - 1] * 0.98, factors[number - 1] * 1.02
        expect(page.locator(".player .track-title")).to_have_text(f"Step {number}")
        until(page, f"window.__heard?.gain.value > {least} && __heard.gain.value < {most}")

    is_turned_to(1)
    page.get_by_role("button", name="Pause").first.click()
    page.get_by_role("button", name="Next track").click()
    is_turned_to(2)
    page.get_by_role("button", name="Next track").click()
    is_turned_to(3)
    for number in (2, 1):
        page.get_by_role("button", name="Previous track").click()
        is_turned_to(number)
    until(page, "__heard.context.state === 'suspended'")  # it costs nothing while nothing plays
    page.locator(".player").get_by_role("button", name="Play").first.click()
    until(page, "__heard.context.state === 'running' && document.getElementById('sound').currentTime > 0.3")
    at_home.calm()


def test_a_choice_is_made_by_keys_heard_at_once_and_kept(at_home: Watched) -> None:
    page = at_home.page
    open_album(page, "Steps")
    page.locator(".track").nth(1).get_by_role("button").first.click()
    until(page, "document.getElementById('sound').currentTime > 0.1")
    page.get_by_role("button", name="Pause").first.click()
    page.locator(".sidebar").get_by_role("link", name="Settings").click()
    panel = page.locator(".levelling")
    preamp = page.get_by_role("slider", name="Preamp")
    expect(preamp).to_be_hidden()
    panel.get_by_role("radio", name="Off").focus()
    page.keyboard.press("ArrowRight")
    expect(panel.get_by_role("radio", name="Smart")).to_be_checked()
    for _ in range(2):
        page.keyboard.press("ArrowRight")
    expect(panel.get_by_role("radio", name=re.compile("^Track"))).to_be_checked()
    expect(preamp).to_have_attribute("aria-valuetext", "as loud as the server says")
    expect(panel.locator(".present-gain")).to_have_text("“Step 2” is turned up by 11.6 dB, by its own loudness.")
    preamp.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(preamp).to_have_attribute("aria-valuetext", "3 decibels softer")
    expect(panel.locator("output")).to_have_text("−3 dB")
    expect(panel.locator(".present-gain")).to_have_text("“Step 2” is turned up by 8.6 dB, by its own loudness.")
    page.reload()
    expect(panel.get_by_role("radio", name=re.compile("^Track"))).to_be_checked()
    expect(preamp).to_have_value("-3")
    at_home.calm()


def test_it_works_on_plain_http_in_the_network(house: Server, playwright: Playwright) -> None:
    opened = playwright.chromium.launch(
        executable_path=CHROMIUM, args=[*ARGS, f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]
    )
    try:
        context = opened.new_context()
        context.add_init_script(LISTEN)
        one = watched(context)
        page, address = one.page, house.address.replace("127.0.0.1", NAME)
        page.goto(f"{address}/sign-in")
        page.fill("#name", "Anna")
        page.fill("#password", "correct horse battery")
        page.click("button[type=submit]")
        page.wait_for_selector(".card a")
        assert page.evaluate("isSecureContext") is False
        choose(page, levelling="track")
        open_album(page, "Steps")
        page.locator(".hero").get_by_role("button", name="Play").click()
        until(page, "document.getElementById('sound').currentTime > 0.3")
        highest = """() => {
          const hears = new AnalyserNode(__heard.context, { fftSize: 4096 });
          __heard.connect(hears);
          const all = new Float32Array(4096);
          window.__highest = () => (hears.getFloatTimeDomainData(all), Math.max(...all));
        }"""
        page.evaluate(highest)
        until(page, f"__highest() > 0.05 && __highest() < {LOUD / 2}")
        one.calm()
    finally:
        opened.close()


HIGHEST = """() => {
  const context = new AudioContext();
  const hears = new AnalyserNode(context, { fftSize: 8192 });
  context.createMediaElementSource(document.getElementById("sound")).connect(hears);
  const all = new Float32Array(8192);
  window.__highest = () => (hears.getFloatTimeDomainData(all), Math.max(...all));
  window.__stops = 0;
  document.getElementById("sound").addEventListener("waiting", () => (window.__stops += 1));
}"""


def between(db: float) -> str:
    """That what is heard of what is faint is turned up by so many decibels."""
    level = FAINT * 10 ** (db / 20)
    return f"__highest() > {level / 1.06} && __highest() < {level * 1.06}"


def test_night_mode_is_switched_on_and_off_while_it_plays(at_home: Watched) -> None:
    page = at_home.page
    choose(page, quality="lossless")
    open_album(page, "Night")
    page.locator(".hero").get_by_role("button", name="Play").click()
    page.evaluate(HIGHEST)
    page.locator(".sidebar").get_by_role("link", name="Settings").click()
    panel = page.locator(".levelling")
    switch = panel.get_by_role("switch", name="Night mode")
    expect(switch).not_to_be_checked()
    until(page, f"document.getElementById('sound').currentTime > 5.5 && {between(0)}")
    switch.check()
    expect(panel.locator(".present-gain")).to_have_text("“Loud and soft” plays as for the night.")
    until(page, between(9))
    switch.uncheck()
    until(page, between(0))
    assert page.evaluate("[__stops, document.getElementById('sound').currentTime < 24]") == [0, True]
    switch.check()
    page.reload()
    expect(switch).to_be_checked()
    asked = page.evaluate("[...Array(localStorage.length).keys()].map(n => localStorage.key(n)).includes('night')")
    assert asked
    at_home.calm()


def test_where_a_page_may_not_turn_its_sound_down_the_server_does(at_home: Watched) -> None:
    page = at_home.page
    page.context.add_init_script(ABILITY)
    choose(page, levelling="track", quality="lossless")
    (level,) = [one["track"]["gain_db"] for one in told_levels(page, album=2)]
    open_album(page, "Night")
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, "document.getElementById('sound').currentTime > 0.1")
    assert page.evaluate("window.__heard === undefined"), "nothing stands between the element and the loudspeaker"
    page.evaluate(HIGHEST)
    until(page, f"document.getElementById('sound').currentTime > 5.5 && {between(level)}")
    page.locator(".sidebar").get_by_role("link", name="Settings").click()
    words = f"“Loud and soft” is turned down by {-level:.1f} dB, by its own loudness."
    expect(page.locator(".levelling .present-gain")).to_have_text(words)
    page.get_by_role("slider", name="Preamp").press("ArrowLeft")
    until(page, between(level - 1))
    at_home.calm()
