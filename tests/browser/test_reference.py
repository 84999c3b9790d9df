"""The page of the API's reference: whole, found in, linked, readable, and made by nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import Open
from tests.browser.running import until
from tests.browser.test_screens import SIZES, take

pytestmark = pytest.mark.browser

DRAWN = "document.querySelectorAll('.operation[id]').length"
SHOWN = "[...document.querySelectorAll('.operation[id], .shape')].filter((one) => one.checkVisibility()).length"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_reference_looks_right(opened: Open, shots: Path, size: str, scheme: str) -> None:
    width, height = SIZES[size]
    one = opened("/docs/api", width=width, height=height, scheme=scheme)
    until(one.page, f"{DRAWN} > 25")
    take(one.page, shots / f"{size}-{scheme}-reference.png")
    for name in ("albums", "add_user", "shape-Track"):
        one.page.evaluate(f"location.hash = '{name}'")
        until(one.page, f"document.getElementById('{name}').getBoundingClientRect().top < {height // 2}")
        take(one.page, shots / f"{size}-{scheme}-reference-{name}.png")
    one.calm()


def test_every_request_of_the_document_is_there_and_every_link_leads_somewhere(opened: Open) -> None:
    one = opened("/docs/api")
    until(one.page, f"{DRAWN} > 25")
    count = one.page.evaluate(
        "fetch('/api/v1/openapi.json').then((answer) => answer.json())"
        ".then(({ paths }) => Object.values(paths).flatMap(Object.keys).length)"
    )
    assert one.page.evaluate(DRAWN) == count
    lost = one.page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map((link) => link.getAttribute('href').slice(1))"
        ".filter((id) => !document.getElementById(id))"
    )
    assert lost == []
    one.calm()


def test_finding_shows_what_fits_and_a_link_shows_the_rest_again(opened: Open) -> None:
    one = opened("/docs/api")
    until(one.page, f"{DRAWN} > 25")
    everything = one.page.evaluate(SHOWN)
    one.page.keyboard.press("/")
    one.page.keyboard.type("playback")
    until(one.page, f"{SHOWN} < 6")
    assert one.page.locator("#playback").is_visible()
    assert "found" in (one.page.locator("#found").text_content() or "")
    one.page.fill("#find", "nothing is called so")
    assert one.page.get_by_text("Nothing here is called so.").is_visible()
    one.page.fill("#find", "playback")
    one.page.locator("#playback .hint a").first.click()
    until(one.page, f"{SHOWN} > 5")
    one.page.locator("#find").press("Escape")
    assert one.page.evaluate(SHOWN) == everything
    one.calm()


def test_an_address_with_an_anchor_opens_there_and_code_can_be_copied(opened: Open) -> None:
    one = opened("/docs/api#change_user", width=1280, height=800)
    until(one.page, f"{DRAWN} > 25")
    until(one.page, "Math.abs(document.getElementById('change_user').getBoundingClientRect().top) < 120")
    block = one.page.locator("#change_user .block").first
    assert "curl" in block.inner_text() and '"Authorization: Bearer $TOKEN"' in block.inner_text()
    block.get_by_role("button").click()
    until(one.page, "document.querySelector('#change_user .copy').textContent === 'Copied'")
    one.page.fill("#find", "")
    one.page.locator("#find").press("Control+v")
    assert "PATCH" in one.page.input_value("#find")
    one.calm()


def test_a_list_that_has_not_changed_is_answered_out_of_the_browsers_own_store(opened: Open) -> None:
    one = opened("/albums")
    one.page.wait_for_selector(".card img.loaded")
    asked: dict[str, str] = {}
    answered: list[tuple[str, int]] = []
    network = one.page.context.new_cdp_session(one.page)
    network.send("Network.enable")
    network.on("Network.requestWillBeSent", lambda told: asked.update({told["requestId"]: told["request"]["url"]}))
    network.on(
        "Network.responseReceivedExtraInfo", lambda told: answered.append((told["requestId"], told["statusCode"]))
    )
    for _ in range(2):
        again = one.page.evaluate("fetch('/api/v1/genres').then((answer) => answer.json())")
    until(one.page, "true")
    assert [status for request, status in answered if asked.get(request, "").endswith("/genres")] == [200, 304]
    assert again["items"]
    one.calm()
