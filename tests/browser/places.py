"""Every page and what opens over it, as one walks through the house: by the page's own links, without loading anew."""

from __future__ import annotations

from collections.abc import Iterator

from playwright.sync_api import Page

from tests.browser.running import until

FOLLOW = """path => {
  const link = document.createElement("a");
  link.href = path;
  document.body.append(link);
  link.click();
  link.remove();
}"""
PAGES = {
    "albums": ("/albums", ".card"),
    "artists": ("/artists", ".card"),
    "genres": ("/genres", ".chip"),
    "search": ("/search?q=a", ".track"),
    "queue": ("/queue", ".queue-row"),
    "settings": ("/settings", ".rows .words"),
    "admin": ("/admin", ".rows .words"),
    "health": ("/admin/health", ".health .rows .words"),
    "listening": ("/admin/listening", ".quality-view .rows .words"),
    "report": ("/admin/report", ".report .rows .words"),
}
DETAILS = {  # where the first link of a page leads
    "album": ("/albums", ".card a.main", ".track"),
    "artist": ("/artists", ".card a.main", ".hero.round"),
    "genre": ("/genres", ".chip", ".card"),
}


def follow(page: Page, path: str, ready: str) -> None:
    page.evaluate(FOLLOW, path)
    page.wait_for_selector(ready)


def still(page: Page) -> None:
    """Until whatever came in has come: colours and places are judged at rest."""
    page.evaluate(
        "() => Promise.all(document.getAnimations().filter(a => a.playState === 'running' && "
        "a.effect.getTiming().iterations === 1).map(a => a.finished.catch(() => {})))"
    )


def wear(page: Page, scheme: str) -> None:
    """Until the page wears what the system wants now, "light" or "dark"."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    until(page, f"document.documentElement.dataset.theme === '{scheme}'")
    still(page)


def detail(page: Page, name: str, *, which: int = 0) -> None:
    path, link, ready = DETAILS[name]
    follow(page, path, link)
    address = page.locator(link).nth(which).get_attribute("href")
    assert address
    follow(page, address, ready)


def play(page: Page) -> None:
    """The first album, from its page."""
    detail(page, "album")
    page.locator(".hero .button.primary").click()
    until(page, "document.getElementById('sound').currentTime > 0.1")


def walk(page: Page, *, over: bool = True) -> Iterator[str]:
    """Goes to one place after the other and tells its name; `over` also opens menus, dialogs and the phone's player."""
    play(page)
    for name in DETAILS:
        detail(page, name)
        still(page)
        yield name
    for name, (path, ready) in PAGES.items():
        follow(page, path, ready)
        still(page)
        yield name
        if name == "settings":
            page.get_by_role("radio", name="Smart").check()
            still(page)
            yield "settings, levelled"
    if not over:
        return
    follow(page, "/admin", ".rows .words")
    page.get_by_role("button", name="Add somebody").click()
    still(page)
    yield "dialog"
    page.keyboard.press("Escape")
    detail(page, "album")
    page.locator(".track [aria-haspopup]").first.click()
    still(page)
    yield "menu"
    page.keyboard.press("Escape")
    if page.get_by_role("button", name="Show the player").is_visible():
        page.get_by_role("button", name="Show the player").click()
        still(page)
        yield "player"
    page.locator(".quality-key").click()
    still(page)
    yield "quality menu"
    page.keyboard.press("Escape")
    if page.get_by_role("button", name="Close the player").is_visible():
        page.get_by_role("button", name="Close the player").click()
