"""hls.js, shaka-player and dash.js in Chromium on what is served: they play it to its end, at its place and clean."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
# Each gets an address, a codec and settings, and plays in the page's own sound element, of which is recorded.
PLAY = {
    "hls.js": """async ([url, , settings]) => {
      const player = new Hls(settings);
      player.on(Hls.Events.ERROR, (_, data) => data.fatal && (window.__fault = data.details));
      player.loadSource(url);
      player.attachMedia(document.getElementById("sound"));
    }""",
    "shaka": """async ([url, codec, settings]) => {
      shaka.polyfill.installAll();
      const player = new shaka.Player();
      await player.attach(document.getElementById("sound"));
      player.addEventListener("error", ({ detail }) => (window.__fault = `${detail.code} ${detail.data}`));
      player.configure(settings);
      if (codec) player.configure({ preferredAudioCodecs: [codec] });
      await player.load(url);
      window.__codec = () => player.getVariantTracks().find((one) => one.active)?.audioCodec;
    }""",
    "dash.js": """async ([url, codec, settings]) => {
      const player = dashjs.MediaPlayer().create();
      player.on("error", ({ error }) => (window.__fault = error.message));
      player.initialize(document.getElementById("sound"), null, false);
      player.updateSettings(settings);
      if (codec) player.setInitialMediaSettingsFor("audio", { codec: `audio/mp4;codecs="${codec}"` });
      player.attachSource(url);
      window.__codec = () => player.getCurrentTrackFor("audio")?.codec;
    }""",
}
BUFFERED = "(({ buffered: b }) => (b.length ? b.end(b.length - 1) : 0))(document.getElementById('sound'))"
CODECS = {"aac": "mp4a.40.2", "opus": "opus", "flac": "fLaC"}
CLEAN_DB = {"aac": 10.0, "opus": 10.0, "flac": 80.0}
CUT = {("hls", "opus"): 312}
"""Chromium drops the pre-skip of Opus though the edit list has dropped it already."""
MOST_BEHIND = {"aac": 1024, "opus": 960, "flac": 0}
"""Padding of the last packet that is heard over HLS; in DASH the length of the presentation ends the sound."""


Heard = tuple[np.ndarray, np.ndarray]


def attach(page: Page, player: str, url: str, codec: str, settings: dict[str, Any]) -> None:
    record(page)
    page.add_script_tag(content=SCRIPTS[player].read_text(encoding="utf-8"))
    page.evaluate(PLAY[player], [url, codec, settings])


def load(page: Page, player: str, url: str, codec: str, count: int = music.JOINS[0]) -> None:
    """All of it is there afterwards: what a busy machine fetches late is no fault of a player."""
    attach(page, player, url, codec, {})
    until(page, f"window.__fault || ({BUFFERED}) > {count / music.RATE_HZ - 0.1}")
    assert page.evaluate("window.__fault ?? ''") == ""


def played(page: Page) -> Heard:
    """Both channels, from before the beginning to behind the end."""
    from_s: float = page.evaluate("__recorder.seconds()")
    page.evaluate("document.getElementById('sound').play()")
    # dash.js that finds itself in the 10 ms that it keeps behind the end leaps back and pauses: all was heard then.
    until(page, "window.__fault || document.getElementById('sound').ended || document.getElementById('sound').paused")
    assert page.evaluate("window.__fault ?? ''") == ""
    ended_s: float = page.evaluate("__recorder.seconds()")
    until(page, f"__recorder.seconds() > {ended_s + 0.5}")
    from_sample = round(from_s * music.RATE_HZ)
    return recorded(page, 0)[from_sample:], recorded(page, 1)[from_sample:]


def judge(heard: Heard, family: str, *, cut: int, behind: int, count: int = music.JOINS[0]) -> None:
    """Nothing is missing but `cut` samples of the beginning, nothing is moved, and it is clean."""
    want = music.tone(0, count).astype(np.float64) / 32_768
    start, *others = places(heard, count)
    assert not others, f"moved: {start}, {others}"
    loud = np.flatnonzero(np.abs(heard[0]) > 0.05) - start
    assert loud[0] <= cut + 2, f"it begins at sample {loud[0]}"
    assert 0 <= loud[-1] + 4 - count <= behind + 4, f"it ends {count - loud[-1]} samples early"
    middle = slice(4000, count - 4000)
    error = heard[0][start:][middle] - want[0, middle]
    clean = 10 * np.log10(np.mean(want[0, middle] ** 2) / (np.mean(error**2) + 1e-12))
    assert clean > CLEAN_DB[family], f"{clean:.1f} dB"


def places(heard: Heard, count: int = music.JOINS[0]) -> list[int]:
    """Where the sound begins as its beginning, its middle and what lies behind the joins of segments and tracks say:
    one."""
    want = music.tone(0, count)[1].astype(np.float64)
    asked = (20_000, 100_000, 200_000, *(stop + 4000 for stop in music.JOINS), music.JOINS[-1] - 20_000)
    return sorted({place(heard[1], want, at) for at in asked if at + 8000 < count})


def place(heard: np.ndarray, want: np.ndarray, at: int) -> int:
    """The sample of `heard` at which `want` begins, as its samples from `at` on say: noise, unlike itself elsewhere."""
    size = 1 << (len(heard) + 8000).bit_length()
    match = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(want[at : at + 8000], size)), size)
    return int(np.argmax(match[: len(heard)])) - at


def asked(opened: Open, player: str, what: str, title: str) -> tuple[Page, dict[str, Any]]:
    """A page, and the playback of a track or an album by its title."""
    if not SCRIPTS[player].exists():
        pytest.skip("left out: players of npm: run `npm ci` in tests/clients")
    page = opened("/albums", has_policy=False).page
    answer: dict[str, Any] = page.evaluate(PLAYBACK, [what, title])
    return page, answer


PLAYBACK = """async ([kind, title]) => {
  const found = await (await fetch(`/api/v1/search?q=${encodeURIComponent(title)}&type=${kind}`)).json();
  const one = found.items.find((one) => (one.title ?? one.name) === title);
  return (await fetch(`/api/v1/${kind}s/${one.id}/playback`)).json();
}"""
LENGTHS = {"track": music.JOINS[0], "album": music.JOINS[-1]}


@pytest.mark.parametrize(("what", "title"), [("track", "Part 1"), ("album", "Unbroken")])
@pytest.mark.parametrize("family", CODECS)
@pytest.mark.parametrize(
    ("player", "kind"), [("hls.js", "hls"), ("shaka", "hls"), ("shaka", "dash"), ("dash.js", "dash")]
)
def test_a_library_of_others_plays_it(player: str, kind: str, family: str, what: str, title: str, opened: Open) -> None:
    """A track, and an album as one sound, whose tracks are one recording."""
    page, answer = asked(opened, player, what, title)
    path = answer["hls"][family] if kind == "hls" else answer["dash"]
    url = page.evaluate("path => new URL(path, location.href).href", path)
    count = LENGTHS[what]
    load(page, player, url, CODECS[family] if kind == "dash" else "", count)
    heard = played(page)
    for _ in range(2):
        if len(places(heard, count)) > 1:  # a busy machine keeps the sound card waiting, but never twice at one place
            heard = played(page)
    behind = MOST_BEHIND[family] if kind == "hls" else 0
    judge(heard, family, cut=CUT.get((kind, family), 0), behind=behind, count=count)
    if kind == "dash":
        assert CODECS[family].lower() in page.evaluate("window.__codec()").lower()
