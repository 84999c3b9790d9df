"""hls.js, shaka-player and dash.js on a line that becomes thin and wide again: they change quality without a seam."""

from __future__ import annotations

import re
import time
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import CDPSession, Request

from tests.browser import music
from tests.browser.conftest import Open
from tests.browser.running import LIMIT_S, until
from tests.browser.test_libraries import CODECS, asked, attach, place
from tests.browser.test_sound import recorded

pytestmark = [pytest.mark.browser, pytest.mark.long]

_BUFFER_S = 12
_BETWEEN = 1  # sample: Opus is of 48 kHz, and what is recorded of 44.1
# They begin with the best quality, and keep little, so that a line that becomes thin is noticed while they play.
SETTINGS: dict[str, dict[str, Any]] = {
    "hls.js": {"abrEwmaDefaultEstimate": 5_000_000, "maxBufferLength": _BUFFER_S, "maxMaxBufferLength": _BUFFER_S},
    "shaka": {"abr": {"defaultBandwidthEstimate": 5_000_000}, "streaming": {"bufferingGoal": _BUFFER_S}},
    "dash.js": {
        "streaming": {
            "abr": {"initialBitrate": {"audio": 1_000}},
            "buffer": {
                "bufferTimeDefault": _BUFFER_S,
                "bufferTimeAtTopQuality": _BUFFER_S,
                "bufferTimeAtTopQualityLongForm": _BUFFER_S,
            },
        }
    },
}
THIN_BPS = 150_000
"""The lowest quality passes with ease, the best one does not."""
SOUND = "document.getElementById('sound')"
STALLS = f"""() => {{
  window.__stalls = [];
  for (const name of ["waiting", "seeking"]) {SOUND}.addEventListener(name, () => window.__stalls.push(
    `${{name}} at ${{{SOUND}.currentTime}}`));
}}"""


def line(session: CDPSession, bps: int) -> None:
    """From now on so wide; -1 for as wide as it is."""
    conditions = {"offline": False, "latency": 20 if bps > 0 else 0}
    throughput = bps / 8 if bps > 0 else -1
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {**conditions, "downloadThroughput": throughput, "uploadThroughput": throughput},
    )


@pytest.mark.parametrize("family", ["aac", "opus"])
@pytest.mark.parametrize(
    ("player", "kind"), [("hls.js", "hls"), ("shaka", "hls"), ("shaka", "dash"), ("dash.js", "dash")]
)
def test_a_library_of_others_changes_quality_without_a_seam(player: str, kind: str, family: str, opened: Open) -> None:
    page, answer = asked(opened, player, "track", "Northbound")
    path = answer["hls"][family] if kind == "hls" else answer["dash"]
    url = page.evaluate("path => new URL(path, location.href).href", path)
    ranks: list[int] = []

    def note(request: Request) -> None:
        found = re.search(rf"/{family}\.(\d\d)\.[^/]+/\d+\.m4s", request.url)
        ranks.extend([int(found[1])] if found else [])

    def wait_for(condition: Any, what: str) -> None:
        end = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < end, f"{what}: {ranks}"
            assert page.evaluate("window.__fault ?? ''") == ""
            page.wait_for_timeout(100)

    page.on("request", note)
    session = page.context.new_cdp_session(page)
    attach(page, player, url, CODECS[family] if kind == "dash" else "", SETTINGS[player])
    until(page, f"window.__fault || {SOUND}.readyState >= 3")
    best, lowest = {"aac": (30, 10), "opus": (35, 15)}[family]
    wait_for(lambda: best in ranks, "it never took the best quality")
    from_s: float = page.evaluate("__recorder.seconds()")
    page.evaluate(STALLS)
    page.evaluate(f"{SOUND}.play()")
    line(session, THIN_BPS)
    wait_for(lambda: ranks[-1] < best, "it stayed with the best quality")
    lowered = len(ranks)
    wait_for(lambda: len(ranks) > lowered + 1, "it went down and asked for nothing more")
    line(session, -1)
    wait_for(lambda: ranks[-1] > min(ranks[lowered - 1 :]), "it stayed low")
    heard_until = page.evaluate(f"{SOUND}.buffered.end({SOUND}.buffered.length - 1)")
    until(page, f"window.__fault || {SOUND}.currentTime > {min(heard_until, music.LONG_S - 2) - 0.5}")
    stalls = page.evaluate("window.__stalls")
    played_s: float = page.evaluate(f"{SOUND}.currentTime")
    stop_s: float = page.evaluate("__recorder.seconds()")
    until(page, f"__recorder.seconds() > {stop_s + 0.4}")
    right = recorded(page, 1)[round(from_s * music.RATE_HZ) : round(stop_s * music.RATE_HZ)]
    print(f"\n{player} {kind} {family}: {ranks}, {stalls}, {len(right) / music.RATE_HZ:.1f} s")
    assert lowest <= min(ranks) < best
    want = music.tone(0, music.LONG_S * music.RATE_HZ, 330.0)[1].astype(np.float64)
    found = [place(right, want, at) for at in range(20_000, round((played_s - 1) * music.RATE_HZ), 30_000)]
    moved = [(one, next_one) for one, next_one in pairwise(found) if abs(next_one - one) > _BETWEEN]
    assert len(moved) <= len(stalls), f"moved: {moved}, and it waited: {stalls}"
