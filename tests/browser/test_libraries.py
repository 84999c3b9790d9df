"""hls.js, shaka-player and dash.js in Chromium on what is served: they play it to its end, at its place and clean."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from tests.browser import music
from tests.browser.conftest import Open
from tests.browser.running import until
from tests.browser.test_sound import record, recorded

pytestmark = [pytest.mark.browser, pytest.mark.long]

MODULES = Path(__file__).parent.parent / "clients" / "node_modules"
SCRIPTS = {
    "hls.js": MODULES / "hls.js" / "dist" / "hls.min.js",
    "shaka": MODULES / "shaka-player" / "dist" / "shaka-player.compiled.js",
    "dash.js": MODULES / "dashjs" / "dist" / "modern" / "umd" / "dash.all.min.js",
}
# Each gets an address and a codec, and plays in the page's own sound element, of which is recorded.
PLAY = {
    "hls.js": """async ([url]) => {
      const player = new Hls();
      player.on(Hls.Events.ERROR, (_, data) => data.fatal && (window.__fault = data.details));
      player.loadSource(url);
      player.attachMedia(document.getElementById("sound"));
    }""",
    "shaka": """async ([url, codec]) => {
      shaka.polyfill.installAll();
      const player = new shaka.Player();
      await player.attach(document.getElementById("sound"));
      player.addEventListener("error", ({ detail }) => (window.__fault = `${detail.code} ${detail.data}`));
      if (codec) player.configure({ preferredAudioCodecs: [codec] });
      await player.load(url);
      window.__codec = () => player.getVariantTracks().find((one) => one.active)?.audioCodec;
    }""",
    "dash.js": """async ([url, codec]) => {
      const player = dashjs.MediaPlayer().create();
      player.on("error", ({ error }) => (window.__fault = error.message));
      player.initialize(document.getElementById("sound"), null, false);
      if (codec) player.setInitialMediaSettingsFor("audio", { codec: `audio/mp4;codecs="${codec}"` });
      player.attachSource(url);
      window.__codec = () => player.getCurrentTrackFor("audio")?.codec;
    }""",
}
CODECS = {"aac": "mp4a.40.2", "opus": "opus", "flac": "fLaC"}
CLEAN_DB = {"aac": 10.0, "opus": 10.0, "flac": 80.0}


def played(page: Page, player: str, url: str, codec: str) -> np.ndarray:
    """The left channel, from before the beginning to behind the end."""
    record(page)
    page.add_script_tag(content=SCRIPTS[player].read_text(encoding="utf-8"))
    page.evaluate(PLAY[player], [url, codec])
    until(page, "window.__fault || document.getElementById('sound').readyState >= 3")
    assert page.evaluate("window.__fault ?? ''") == ""
    page.evaluate("document.getElementById('sound').play()")
    until(page, "window.__fault || document.getElementById('sound').ended")
    assert page.evaluate("window.__fault ?? ''") == ""
    ended_s: float = page.evaluate("__recorder.seconds()")
    until(page, f"__recorder.seconds() > {ended_s + 0.5}")
    return recorded(page, 0)


def judge(heard: np.ndarray, family: str) -> None:
    count = music.JOINS[0]
    want = music.tone(0, count)[0].astype(np.float32) / 32_768
    sound = np.flatnonzero(np.abs(heard) > 0.05)
    assert abs(len(sound) and sound[-1] - sound[0] + 1 - count) <= 2 * 48 if family != "opus" else 400
    start = int(sound[0])
    middle = heard[start : start + count]
    # A sine is like itself a period later: its phase tells the place only within one, and its ends tell the rest.
    best = max(
        (
            float(np.corrcoef(heard[start + lag + 4000 : start + lag + count - 4000], want[4000 : count - 4000])[0, 1]),
            lag,
        )
        for lag in range(-45, 46)
        if start + lag >= 0
    )
    got = heard[start + best[1] : start + best[1] + count]
    error = (got - want)[4000 : count - 4000]
    clean = 10 * np.log10(np.mean(want**2) / (np.mean(error**2) + 1e-12))
    assert len(middle) == count
    assert clean > CLEAN_DB[family], f"{clean:.1f} dB"


@pytest.mark.parametrize("family", CODECS)
@pytest.mark.parametrize(("player", "kind"), [("hls.js", "hls"), ("shaka", "dash"), ("dash.js", "dash")])
def test_a_library_of_others_plays_it(player: str, kind: str, family: str, opened: Open) -> None:
    if not SCRIPTS[player].exists():
        pytest.skip("left out: players of npm: run `npm ci` in tests/clients")
    page = opened("/albums", has_policy=False).page
    answer = page.evaluate(
        """async () => {
          const found = await (await fetch("/api/v1/search?q=Part+1&type=track")).json();
          const track = found.items.find((one) => one.title === "Part 1");
          return (await fetch(`/api/v1/tracks/${track.id}/playback`)).json();
        }"""
    )
    path = answer["hls"][family] if kind == "hls" else answer["dash"]
    url = page.evaluate("path => new URL(path, location.href).href", path)
    heard = played(page, player, url, CODECS[family] if kind == "dash" else "")
    judge(heard, family)
    if kind == "dash":
        assert CODECS[family].lower() in page.evaluate("window.__codec()").lower()
