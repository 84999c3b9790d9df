"""`mediaserver scan --problems`: the scan report, one file a line, whether a server runs or not."""

from __future__ import annotations

import argparse

from mediaserver.cli.surroundings import data_dir_of, fail, made_data_dir, settings_of
from mediaserver.core.clock import SystemClock
from mediaserver.library.report import Report
from mediaserver.storage import is_new, open_database

_AT_ONCE = 500


async def show(args: argparse.Namespace) -> int:
    """Reason, file and detail of each with tabs between, in the order in which they were found."""
    clock, settings = SystemClock(), settings_of(args)
    if is_new(settings.database.url, data_dir_of(args)):
        fail(f"nothing was scanned into {data_dir_of(args)}: another is named by --data-dir")
    database = await open_database(settings.database.url, made_data_dir(args), clock)
    try:
        report, last = Report(database, clock), 0
        while some := await report.problems(after_id=last, limit=_AT_ONCE):
            for one in some:
                print("\t".join(_plain(text) for text in (one.reason, f"{one.library}/{one.path}", one.detail)))
            last = some[-1].id
    finally:
        await database.close()
    return 0


def _plain(text: str) -> str:
    """A file's name must not command the terminal."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
