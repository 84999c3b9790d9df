"""`mediaserver discover`: which servers are in this network."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from mediaserver.cli.surroundings import FAILURE
from mediaserver.core import text
from mediaserver.discovery.find import Found, servers

_HEAD = ("NAME", "ADDRESS", "HOST", "VERSION", "TLS", "ID")
_WIDEST = 63


async def run(args: argparse.Namespace) -> int:
    """A table, or with --json a list of objects. Returns 1 where no server answered. Raises Unavailable."""
    found = await servers(args.timeout)
    if args.json:
        print(json.dumps([_as_json(one) for one in found], indent=2))  # in ASCII: no character reaches the terminal
    elif found:
        print(table([_row(one) for one in found]))
    if not found:
        print(f"mediaserver: no server answered in this network within {args.timeout:g} s", file=sys.stderr)
        return FAILURE
    return 0


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as their widest cell on a terminal, with two spaces between."""
    from rich.cells import cell_len

    shown = [_HEAD, *rows]
    widths = [max(cell_len(row[column]) for row in shown) for column in range(len(_HEAD))]
    return "\n".join(
        "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    )


def visible(told: str) -> str:
    """What another machine said, made harmless: what does not print, as colours or a change of direction, is spelt out.

    At most 63 characters, and - for nothing.
    """
    shown = text.visible(told)
    return (shown if len(shown) <= _WIDEST else shown[: _WIDEST - 1] + "…") or "-"


def _row(one: Found) -> tuple[str, ...]:
    tls = "yes" if one.has_tls else "no"
    return (visible(one.name), one.url, visible(one.host), visible(one.version), tls, visible(one.id))


def _as_json(one: Found) -> dict[str, Any]:
    return {
        "name": one.name,
        "url": one.url,
        "host": one.host,
        "addresses": list(one.addresses),
        "port": one.port,
        "path": one.path,
        "version": one.version,
        "tls": one.has_tls,
        "id": one.id,
    }
