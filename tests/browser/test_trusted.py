"""TLS with the house's own authority, as a browser sees it that was told to trust it; and one that was not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Error, Playwright, expect

from tests.browser.running import ARGS, CHROMIUM, Server, forget, serving, set_up, sign_in, until, watched
from tests.browser.test_lan import PEAK
from tests.browser.test_sound import POSITION, open_album

pytestmark = pytest.mark.browser

needs_certutil = pytest.mark.skipif(shutil.which("certutil") is None, reason="left out: certutil is not installed")


@pytest.fixture(scope="module")
def encrypted(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(library, tmp_path_factory.mktemp("data"), MEDIASERVER_SERVER__TLS="own") as server:
        assert server.address.startswith("https://127.0.0.1:")
        yield server


@pytest.fixture
def trusting(encrypted: Server, playwright: Playwright, tmp_path: Path) -> Iterator[Browser]:
    """Chromium of somebody who has installed the authority, and nothing else."""
    authority, store = tmp_path / "authority.crt", tmp_path / ".pki" / "nssdb"
    with urlopen(f"{encrypted.address.replace('https', 'http')}/trust/authority.crt") as answer:
        authority.write_bytes(answer.read())
    store.mkdir(parents=True)
    for words in (["-N", "--empty-password"], ["-A", "-n", "house", "-t", "C,,", "-i", str(authority)]):
        subprocess.run(["certutil", "-d", f"sql:{store}", *words], check=True, capture_output=True)
    environment: dict[str, str | float | bool] = {**os.environ, "HOME": str(tmp_path)}
    opened = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGS, env=environment)
    yield opened
    opened.close()


@needs_certutil
@pytest.mark.parametrize("host", ["127.0.0.1", pytest.param("localhost", marks=pytest.mark.long)])
def test_who_trusts_it_plays_without_a_warning(encrypted: Server, trusting: Browser, host: str) -> None:
    """Also where nobody typed https: the same port leads there."""
    one = watched(trusting.new_context())
    page = one.page
    at = encrypted.address.replace("127.0.0.1", host)
    page.goto(f"{encrypted.address}/sign-in")
    if not page.locator("#name").count():  # nobody is there yet, whichever of both comes first
        set_up(page, encrypted)
        forget(page)
    page.goto(at.replace("https", "http") + "/albums")
    assert page.url.startswith(f"{at}/sign-in?next=")
    sign_in(page, Server(at, "", encrypted.data_dir, encrypted.process))
    assert page.evaluate("isSecureContext")
    assert [cookie["secure"] for cookie in page.context.cookies()] == [True]
    open_album(page, "Long Roads")
    page.evaluate(PEAK)
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, f"{POSITION} > 1 && window.__peak() > 0.1")
    page.keyboard.press("ArrowRight")
    until(page, f"{POSITION} > 5 && window.__peak() > 0.1")
    page.get_by_role("button", name="Next track").click()
    expect(page.locator(".player .track-title")).to_have_text("Southbound")
    until(page, f"{POSITION} > 0.5 && window.__peak() > 0.1")
    one.calm()
    page.context.close()


def test_who_does_not_trust_it_is_warned_and_told_how(encrypted: Server, browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    with pytest.raises(Error, match="ERR_CERT_AUTHORITY_INVALID"):
        page.goto(encrypted.address)
    one = watched(context)
    one.page.goto(f"{encrypted.address.replace('https', 'http')}/trust")
    expect(one.page.get_by_role("heading", level=1)).to_have_text("Trust Music")
    shown = one.page.locator(".fingerprint").inner_text().split()
    assert len(shown) == 32
    assert all(re.fullmatch("[0-9A-F]{2}", pair) for pair in shown)
    expect(one.page.locator("details[open] summary")).to_have_text("Linux: Chrome, Chromium")
    one.page.get_by_text("iPhone and iPad").click()
    expect(one.page.get_by_text("Certificate Trust Settings")).to_be_visible()
    one.calm()
    context.close()
