"""Folders of files into the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.library.report import Report
from mediaserver.library.scan import Scanner


@dataclass(frozen=True, slots=True)
class Library:
    scanner: Scanner
    report: Report
