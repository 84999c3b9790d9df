"""The page through a real nginx: at a path beside other services, and on a host of its own with TLS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests import nginx
from tests.browser.running import Server, Watched, forget, serving, set_up, sign_in, until, watched
from tests.browser.test_lan import PEAK
from tests.browser.test_sound import POSITION, open_album
from tests.tls.test_given import made

pytestmark = [pytest.mark.browser, nginx.needed]


@pytest.fixture
def proxied(library: Path, tmp_path: Path) -> Iterator[Server]:
    """At /music, through nginx. On the embedded database, for this is not about it."""
    settings = {"MEDIASERVER_SERVER__BASE_PATH": "/music", "MEDIASERVER_SERVER__TRUSTED_PROXIES": "127.0.0.1"}
    with serving(library, tmp_path / "data", **settings) as server:
        assert server.address.endswith("/music")
        upstream, port = int(server.address.rpartition(":")[2].partition("/")[0]), nginx.free_port()
        with nginx.running(tmp_path / "nginx", nginx.of_path(nginx.blocks()[1], port, upstream), port):
            server.address = server.address.replace(str(upstream), str(port))
            server.setup_link = server.setup_link.replace(str(upstream), str(port))
            yield server


def plays(one: Watched, base: str) -> None:
    """Through the music by links, into an album, sound that is heard, forth and back, and the next track."""
    page = one.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    open_album(page, "Long Roads")
    assert f"{base}/albums/" in page.url
    page.evaluate(PEAK)
    page.locator(".hero").get_by_role("button", name="Play").click()
    until(page, f"{POSITION} > 1 && window.__peak() > 0.1")
    page.evaluate("document.querySelector('.player [role=slider]').focus()")
    before: float = page.evaluate(POSITION)
    page.keyboard.press("ArrowRight")
    until(page, f"{POSITION} > {before + 4} && window.__peak() > 0.1")
    page.get_by_role("button", name="Next track").click()
    expect(page.locator(".player .track-title")).to_have_text("Southbound")
    until(page, f"{POSITION} > 0.5 && window.__peak() > 0.1")
    page.locator(".player .track-title").click()
    page.wait_for_selector(".track")
    for name in ("Artists", "Genres", "Search", "Queue", "Settings", "Administration"):
        page.locator(".sidebar").get_by_role("link", name=name).click()
        expect(page.locator("#view h1, #view .search-box").first).to_be_visible()
        expect(page.locator('.sidebar [aria-current="page"] span')).to_have_text(name)
    page.go_back()
    assert page.url.endswith(f"{base}/settings")
    page.locator("#view").get_by_role("link", name="API for programs").click()
    page.wait_for_selector(".operation[id]")
    expect(page.locator(".tries").first).to_contain_text(f"{base}/api/v1/me")
    page.locator(".brand").click()
    page.wait_for_selector(".card img.loaded")
    outside = [url for url in asked if not url.startswith(base) and not url.startswith(("blob:", "data:"))]
    assert outside == []
    one.calm()


def test_at_a_path_it_signs_in_plays_and_seeks(proxied: Server, browser: Browser) -> None:
    one = watched(browser.new_context(viewport={"width": 1280, "height": 800}))
    page = one.page
    set_up(page, proxied)
    assert page.url == f"{proxied.address}/"
    forget(page)
    page.goto(f"{proxied.address}/albums?sort=added")
    assert page.url.startswith(f"{proxied.address}/sign-in?next=")
    sign_in(page, proxied)
    assert [cookie["path"] for cookie in page.context.cookies()] == ["/music/"]
    plays(one, proxied.address)
    page.goto(f"{proxied.address}/settings")
    page.locator("header").get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{proxied.address}/sign-in")
    assert page.context.cookies() == []
    page.context.close()


@pytest.mark.long
def test_on_a_host_of_its_own_with_tls_it_plays(library: Path, browser: Browser, tmp_path: Path) -> None:
    """nginx has the certificate; the server believes it that the browser came by https."""
    pair, port = made(tmp_path, "proxy"), nginx.free_port()
    with serving(library, tmp_path / "data", MEDIASERVER_SERVER__TRUSTED_PROXIES="127.0.0.1") as server:
        upstream = int(server.address.rpartition(":")[2])
        block = nginx.of_host(nginx.blocks()[0], port, upstream, pair.certificate, pair.key)
        with nginx.running(tmp_path / "nginx", block, port):
            before, server.address = server.address, f"https://127.0.0.1:{port}"
            server.setup_link = server.setup_link.replace(before, server.address)
            one = watched(browser.new_context(ignore_https_errors=True))
            page = one.page
            set_up(page, server)
            assert [(cookie["path"], cookie["secure"]) for cookie in page.context.cookies()] == [("/", True)]
            open_album(page, "Long Roads")
            page.evaluate(PEAK)
            page.locator(".hero").get_by_role("button", name="Play").click()
            until(page, f"{POSITION} > 1 && window.__peak() > 0.1")
            one.calm()
            page.context.close()
