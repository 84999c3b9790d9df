"""axe-core, which judges a page by the rules of WCAG and of good practice; npm brings it (scripts/test)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from playwright.sync_api import Page

SCRIPT = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
_RUN = """async options => {
  const { violations } = await axe.run(document, options);
  return violations.flatMap(({ impact, id, nodes }) =>
    nodes.map(one => `${impact} ${id}: ${one.html.slice(0, 160)} (${one.failureSummary.slice(0, 160)})`));
}"""
needed = pytest.mark.skipif(not SCRIPT.exists(), reason="left out: axe-core: run `npm ci` in tests/browser")


def is_there() -> bool:
    return SCRIPT.exists()


def faults(page: Page, *, only: Sequence[str] = (), but: Sequence[str] = ()) -> list[str]:
    """What is wrong with the page as it stands, of any impact; by the rules `only`, or by all `but` some."""
    if not page.evaluate("typeof axe === 'object'"):
        # Not as a script of the page: its content policy forbids that, and must.
        page.evaluate(f"() => {{ {SCRIPT.read_text(encoding='utf-8')} }}")
    options: dict[str, object] = {"resultTypes": ["violations"], "preload": False}
    if only:
        options["runOnly"] = list(only)
    else:
        options["rules"] = {rule: {"enabled": False} for rule in but}
    found: list[str] = page.evaluate(_RUN, options)
    return found
