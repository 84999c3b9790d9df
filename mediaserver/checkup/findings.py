"""What is found when one looks: a row of the doctor's table and of the health page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "bad"]


@dataclass(frozen=True, slots=True)
class Finding:
    area: str
    """What it belongs to, in a word: `disk`."""
    name: str
    state: State
    """`bad` keeps the server from serving, or loses something; `warning` may soon, or makes it slow."""
    told: str
    """What there is; names no secret."""
    remedy: str = ""
    """What mends it: a command, or a sentence with its full stop. "" where nothing need be done."""

    @property
    def is_command(self) -> bool:
        return bool(self.remedy) and not self.remedy.endswith(".")


def worst(found: Iterable[Finding]) -> State:
    states = {one.state for one in found}
    return "bad" if "bad" in states else "warning" if "warning" in states else "ok"


def size(number_bytes: float) -> str:
    """`1.4 GB`, `612 MB`: as disks are sold, 1 kB = 1000 bytes."""
    for unit, least in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number_bytes >= least:
            number = number_bytes / least
            return f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"
    return f"{number_bytes:.0f} bytes"
