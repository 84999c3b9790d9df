"""Chromium's own `<audio src>` on progressive streams: it knows the length, plays, and seeks to what was never made."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser import music
from tests.browser.conftest import Open
from tests.browser.running import until

pytestmark = pytest.mark.browser

ADDRESSES = """async title => {
  const ask = async path => (await fetch(path)).json();
  const found = await ask(`/api/v1/search?type=track&q=${encodeURIComponent(title)}`);
  return (await ask(`/api/v1/tracks/${found.items[0].id}/playback`)).stream;
}"""
PLAY = """path => {
  const sound = document.createElement("audio");
  sound.id = "tried";
  sound.muted = true;
  sound.src = path;
  document.body.append(sound);
  return sound.play().then(() => "", error => String(error));
}"""
TRIED = "document.getElementById('tried')"


@pytest.mark.parametrize("name", ["mp3", "opus", "aac", "flac"])
def test_a_stream_plays_and_seeks(opened: Open, name: str) -> None:
    one = opened("/albums")
    page = one.page
    offered: dict[str, Any] = page.evaluate(ADDRESSES, "Northbound")
    assert page.evaluate(PLAY, offered[name]) == ""
    until(page, f"{TRIED}.currentTime > 0.3")
    assert page.evaluate(f"{TRIED}.duration") == pytest.approx(music.LONG_S, abs=0.05)
    assert page.evaluate(f"{TRIED}.seekable.end(0)") == pytest.approx(music.LONG_S, abs=0.05)
    for place in (80, 15, 55):
        page.evaluate(f"void ({TRIED}.currentTime = {place})")
        until(page, f"!{TRIED}.seeking && {TRIED}.currentTime > {place} + 0.3")
        assert page.evaluate(f"{TRIED}.currentTime") < place + 20
    page.evaluate(f"void ({TRIED}.currentTime = {music.LONG_S - 1})")
    until(page, f"{TRIED}.ended")
    page.evaluate(f"{TRIED}.remove()")
    one.calm()
