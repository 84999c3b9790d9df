"""At a plain http:// address of the home network, which browsers do not trust: much of what they have is missing there.

The network is one of the test's own: a namespace with a cable whose both ends are in it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Playwright, expect

from tests.browser.running import ARGS, CHROMIUM, forget, serving, set_up, sign_in, until, watched
from tests.browser.test_sound import POSITION, open_album

pytestmark = pytest.mark.browser

ADDRESS = "192.168.77.5"
CABLE = f"""
ip link set lo up
ip link add home type veth peer name other
ip address add {ADDRESS}/24 dev home
ip link set home up
ip link set other up
echo ready
read end
"""
PEAK = """() => {
  const context = new AudioContext();
  const meter = context.createAnalyser();
  context.createMediaElementSource(document.getElementById("sound")).connect(meter);
  const samples = new Float32Array(meter.fftSize);
  window.__peak = () => {
    meter.getFloatTimeDomainData(samples);
    return Math.max(...samples);
  };
  return context.resume();
}"""


@pytest.fixture
def inside() -> Iterator[list[str]]:
    """Words before a command: it runs in the home network."""
    is_root = os.geteuid() == 0
    words = ["unshare", "--net", *([] if is_root else ["--map-root-user"]), "sh", "-ec", CABLE]
    holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert holder.stdin is not None and holder.stdout is not None and holder.stderr is not None
    try:
        if holder.stdout.readline() != "ready\n":
            pytest.skip(f"left out: no network of its own can be made here ({holder.stderr.read().strip()})")
        own = [] if is_root else ["--user", "--preserve-credentials"]
        yield ["nsenter", "--target", str(holder.pid), "--net", *own, "--"]
    finally:
        holder.stdin.close()
        holder.wait(60)


def test_it_plays_where_the_browser_trusts_nothing(
    inside: list[str], playwright: Playwright, library: Path, tmp_path: Path
) -> None:
    start = tmp_path / "chromium"
    start.write_text(f'#!/bin/sh\nexec {" ".join(inside)} {CHROMIUM} "$@"\n', encoding="utf-8")
    start.chmod(0o755)
    # On the embedded database: a PostgreSQL of the tests is not in this network.
    with serving(library, tmp_path / "data", host=ADDRESS, before=inside) as server:
        assert server.address.startswith(f"http://{ADDRESS}:")
        browser = playwright.chromium.launch(executable_path=start, args=ARGS)
        try:
            one = watched(browser.new_context())
            page = one.page
            set_up(page, server)
            forget(page)
            sign_in(page, server)
            missing = "typeof AudioWorklet + typeof navigator.serviceWorker + typeof crypto.subtle"
            assert page.evaluate("isSecureContext") is False
            assert page.evaluate(missing) == 3 * "undefined"
            open_album(page, "Long Roads")
            page.evaluate(PEAK)
            page.locator(".hero").get_by_role("button", name="Play").click()
            until(page, f"{POSITION} > 1")
            until(page, "window.__peak() > 0.1")
            before: float = page.evaluate(POSITION)
            until(page, f"{POSITION} > {before + 1}")
            page.get_by_role("button", name="Next track").click()
            expect(page.locator(".player .track-title")).to_have_text("Southbound")
            until(page, f"{POSITION} > 0.5 && window.__peak() > 0.1")
            one.calm()
        finally:
            browser.close()
