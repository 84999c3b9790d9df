"""An album in one file with a cue sheet, on the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import cue
from tests.browser.running import serving, set_up, until, watched
from tests.browser.test_sound import POSITION, open_album

pytestmark = [pytest.mark.browser, pytest.mark.long]


def test_tracks_of_one_file_are_shown_and_play_one_after_the_other(browser: Browser, tmp_path: Path) -> None:
    """Also where the browser is given one address: there is no original file of a track."""
    cue.album(tmp_path / "music/A")
    with serving(tmp_path / "music", tmp_path / "data") as server:
        context = browser.new_context()
        one = watched(context)
        page = one.page
        set_up(page, server)
        for script in ("", "delete window.MediaSource; delete window.ManagedMediaSource;"):
            page.add_init_script(script)
            page.goto(f"{server.address}/albums")
            open_album(page, "Grün")
            for title in cue.TITLES:
                expect(page.get_by_role("button", name=f"Play {title}")).to_be_attached()
            page.locator(".hero").get_by_role("button", name="Play").click()
            until(page, f"{POSITION} > 0.3")
            expect(page.locator(".player .track-title")).to_have_text(cue.TITLES[2])
            until(page, f"{POSITION} > 0.3")
        one.calm()
        context.close()
