"""In front of the door: signing in and out, and what a stranger sees."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.running import NAME, PASSWORD, Server, Watched, watched

pytestmark = pytest.mark.browser


def test_a_stranger_signs_in_and_lands_where_he_wanted_to_go(server: Server, browser: Browser, account: Path) -> None:
    context = browser.new_context()
    one = watched(context)
    page = one.page
    page.goto(f"{server.address}/artists?x=1")
    assert "/sign-in?next=" in page.url
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"{server.address}/artists?x=1")
    expect(page.get_by_role("heading", name="Artists", level=1)).to_be_visible()
    one.calm()
    context.close()


def test_a_wrong_password_is_told_and_the_way_back_is_never_another_server(
    server: Server, browser: Browser, account: Path
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{server.address}/sign-in?next=//example.org/")
    page.fill("#name", NAME)
    page.fill("#password", "not the password")
    page.click("button[type=submit]")
    expect(page.get_by_role("alert")).to_be_visible()
    page.fill("#password", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url(f"{server.address}/")
    context.close()


def test_the_setup_link_works_once(server: Server, browser: Browser, account: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.setup_link)
    expect(page.get_by_role("heading", name="This link has ended")).to_be_visible()
    context.close()


def test_signing_out_ends_the_session_and_the_music(own_session: Watched, server: Server) -> None:
    page = own_session.page
    page.get_by_role("link", name="Settings").first.click()
    page.get_by_role("button", name="Sign out", exact=True).first.click()
    page.wait_for_url(f"{server.address}/sign-in")
    page.goto(f"{server.address}/albums")
    assert "/sign-in" in page.url


def test_a_session_that_was_ended_elsewhere_leads_to_the_sign_in(own_session: Watched, server: Server) -> None:
    page = own_session.page
    # Without live events, which would lead there at once: tests/browser/test_live.py.
    page.route("**/api/v1/events?*", lambda route: route.fulfill(status=204))
    page.reload()
    page.wait_for_selector(".card")
    page.wait_for_load_state("networkidle")  # else one of the page's own requests may be the first to be refused
    page.evaluate(
        """async () => {
          const headers = {"X-CSRF-Token": document.body.dataset.csrf};
          await fetch("/api/v1/session", {method: "DELETE", headers});
          document.querySelector("a[data-nav][href='/artists']").click();
        }"""
    )
    page.wait_for_url("**/sign-in?next=%2Fartists")
