"""The pages as the server hands them out: shell, sign-in, set-up, and the files that they need."""

from __future__ import annotations

import asyncio
import gzip
import html
import re

import aiohttp
import pytest

from mediaserver.http.pages.files import Static, web_folder
from mediaserver.http.pages.pages import SHELL, local_path
from tests.server import PASSWORD, Running, bearer

IMPORT = re.compile(r'^(?:import|export)[^"\n]*?(?:from )?"(\.[^"]+)"', re.M)


async def get(house: Running, path: str, headers: dict[str, str] | None = None) -> aiohttp.ClientResponse:
    async with house.client.get(house.base + path, headers=headers or {}, allow_redirects=False) as answer:
        await answer.read()
        return answer


def addresses(text: str) -> set[str]:
    return set(re.findall(r'(?:src|href)="(/static/[^"#]+)', text))


async def test_every_address_of_the_shell_can_be_opened_directly(house: Running) -> None:
    token = await house.sign_up()
    for pattern in SHELL:
        answer = await get(house, pattern.format(id=7), bearer(token))
        text = await answer.text()
        assert answer.status == 200, pattern
        assert answer.headers["Cache-Control"] == "no-store"
        assert 'id="view"' in text
        assert re.search(r'data-csrf="[\w=-]{10,}"', text)


async def test_a_stranger_is_led_to_the_sign_in_and_back(house: Running) -> None:
    await house.sign_up()
    answer = await get(house, "/albums/3?x=1%262")
    assert answer.status == 303
    assert answer.headers["Location"].startswith("/sign-in?next=")
    page = await get(house, answer.headers["Location"])
    assert 'data-following="/albums/3?x=1%262"' in html.unescape(await page.text())


async def test_somebody_signed_in_needs_no_sign_in_page(house: Running) -> None:
    await house.sign_up()
    body = {"name": "Admin", "password": PASSWORD}
    async with house.client.post(house.base + "/api/v1/session", json=body) as answer:
        cookie = {"Cookie": f"mediaserver_session={answer.cookies['mediaserver_session'].value}"}
    answer = await get(house, "/sign-in?next=/artists", cookie)
    assert (answer.status, answer.headers["Location"]) == (303, "/artists")
    shell = await (await get(house, "/", cookie)).text()
    assert 'data-user-name="Admin"' in shell
    assert 'data-is-admin="yes"' in shell


async def test_the_setup_page_knows_a_link_that_holds(house: Running) -> None:
    link = house.server.setup_link
    assert link is not None
    assert await (await get(house, "/sign-in")).text() != ""
    assert (await get(house, f"/setup?link={link}")).status == 200
    wrong = await get(house, "/setup?link=%22%3E%3Cscript%3E")
    assert wrong.status == 403
    assert "<script>" not in await wrong.text()
    await house.sign_up()
    assert (await get(house, f"/setup?link={link}")).status == 403


async def test_names_are_text_and_never_markup(house: Running) -> None:
    admin = await house.sign_up()
    token = await house.listener(admin, name='"><img src=x>')
    text = await (await get(house, "/", bearer(token))).text()
    assert "<img src=x>" not in text
    assert 'data-is-admin="no"' in text
    assert 'href="/admin"' not in text


async def test_pages_hold_no_script_or_style_of_their_own_and_no_foreign_address(house: Running) -> None:
    token = await house.sign_up()
    for path, headers in (("/", bearer(token)), ("/docs/api", bearer(token)), ("/sign-in", {}), ("/setup", {})):
        answer = await get(house, path, headers)
        text = await answer.text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|javascript:", text), path
        assert not re.search(r"(?:https?:)?//\w", text), path
        assert "default-src 'none'; script-src 'self'; style-src 'self';" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]


async def test_everything_that_the_pages_ask_for_is_there_for_strangers_and_kept(house: Running) -> None:
    token = await house.sign_up()
    asked = set()
    for path, headers in (("/", bearer(token)), ("/docs/api", bearer(token)), ("/sign-in", {})):
        asked |= addresses(await (await get(house, path, headers)).text())
    assert len(asked) > 30
    answers = await asyncio.gather(*(get(house, address) for address in asked))
    for answer in answers:
        assert answer.status == 200, answer.url
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    kinds = {answer.url.path.rsplit(".", 1)[1]: answer.content_type for answer in answers}
    assert kinds["js"] == "text/javascript"
    assert kinds["css"] == "text/css"
    assert kinds["svg"] == "image/svg+xml"
    assert kinds["webmanifest"] == "application/manifest+json"


@pytest.mark.parametrize(
    "path",
    [
        "x/nothing.js",
        "x/../templates/shell.html",
        "x/%2e%2e/templates/shell.html",
        "x/..%2ftemplates%2fshell.html",
        "x/",
    ],
)
async def test_nothing_else_of_the_disk_is_served(house: Running, path: str) -> None:
    await house.sign_up()
    async with house.client.get(f"{house.base}/static/{path}") as answer:
        assert answer.status in (401, 404)
        assert answer.content_type == "application/problem+json"


async def test_an_old_version_is_answered_but_not_kept(house: Running) -> None:
    answer = await get(house, "/static/0123456789ab/css/base.css")
    assert answer.status == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await get(house, "/favicon.ico")).content_type == "image/svg+xml"


async def test_scripts_travel_compressed_to_who_takes_it(house: Running) -> None:
    base = f"{house.base}/static/x/js/main.js"
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        async with client.get(base, headers={"Accept-Encoding": "gzip"}) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            packed = await answer.read()
        async with client.get(base, headers={"Accept-Encoding": "identity"}) as answer:
            assert gzip.decompress(packed) == await answer.read()


BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_an_address_that_leads_nowhere_is_told_in_words_to_a_browser_and_as_json_to_a_program(
    house: Running,
) -> None:
    token = await house.sign_up()
    for person in (bearer(token), {}):  # a stranger is told as well: no route is no secret
        answer = await get(house, "/nonsense/<b>", BROWSER | person)
        text = await answer.text()
        assert (answer.status, answer.content_type) == (404, "text/html")
        assert "<h1>This is not here</h1>" in text
        assert "nonsense" not in text
        assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("no-store", "Accept")
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    for accept in ({}, {"Accept": "*/*"}, {"Accept": "application/json"}):
        answer = await get(house, "/nonsense", accept | bearer(token))
        assert (answer.status, answer.content_type) == (404, "application/problem+json")
    answer = await get(house, "/api/v1/nonsense", BROWSER | bearer(token))
    assert (answer.status, answer.content_type) == (404, "application/problem+json")


async def test_a_failure_keeps_its_status_and_headers_when_it_is_shown_as_a_page(house: Running) -> None:
    answer = await get(house, "/static/x/nothing.js", BROWSER)
    assert answer.content_type == "application/problem+json"
    async with house.client.post(f"{house.base}/sign-in", headers=BROWSER) as posted:
        assert posted.content_type == "application/problem+json"


def test_every_import_of_every_module_exists() -> None:
    imports = [
        (module, name)
        for module in (web_folder() / "static" / "js").rglob("*.js")
        for name in IMPORT.findall(module.read_text(encoding="utf-8"))
    ]
    assert len(imports) > 50
    assert [f"{module.name} imports {name}" for module, name in imports if not (module.parent / name).is_file()] == []


def test_the_page_uses_nothing_that_plain_http_lacks() -> None:
    lost = re.compile(
        r"serviceWorker|crypto\.subtle|randomUUID|AudioWorklet|audioWorklet|navigator\.clipboard|wakeLock"
    )
    modules = list((web_folder() / "static" / "js").rglob("*.js"))
    assert len(modules) > 20
    assert [module.name for module in modules if lost.search(module.read_text(encoding="utf-8"))] == []


def test_an_address_of_a_file_that_is_not_there_is_a_fault_of_the_template() -> None:
    static = Static.found()
    assert static.address("js/main.js") == f"/static/{static.version}/js/main.js"
    for name in ("js/no-such.js", "../templates/shell.html"):
        with pytest.raises(KeyError):
            static.address(name)


@pytest.mark.parametrize(
    ("asked", "gone_to"),
    [
        ("/albums/3?x=1", "/albums/3?x=1"),
        ("", "/"),
        ("//example.org", "/"),
        ("/\\example.org", "/"),
        ("https://example.org", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/example.org", "/"),
        ("/sign-in?next=/", "/"),
        ("/api/v1/session", "/"),
    ],
)
def test_the_way_back_is_a_path_of_this_server(asked: str, gone_to: str) -> None:
    assert local_path(asked) == gone_to
