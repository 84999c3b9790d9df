"""Events as they are told outside: numbered, and kept for a while for who was away.

An id is EPOCH-NUMBER. The epoch is another one after every start, for what was told before is not known any more.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Literal

from mediaserver.accounts.permits import Viewer
from mediaserver.core.units import UserId

Kind = Literal["scan", "library", "device", "health"]
KINDS: tuple[Kind, ...] = ("scan", "library", "device", "health")
LATEST_WINS: frozenset[str] = frozenset({"scan", "health"})
"""Kinds that tell how something stands: an older one is worth nothing beside a newer."""
KEPT = 256

_ID = re.compile(r"([0-9a-f]{8})-(0|[1-9][0-9]{0,15})", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """One event. Immutable and shared by all connections, which therefore may share its encoded form too."""

    number: int
    kind: Kind
    data: Any
    """For administrators."""
    public: Any = None
    """For everybody else; None where it is not for them."""
    owner: UserId | None = None
    """The one other person who may have `data`."""

    def shown_to(self, viewer: Viewer) -> Any:
        """What this person may know of it; None for nothing."""
        return self.data if viewer.is_admin or self.owner == viewer.user_id else self.public


class Waiting:
    """Events in their order, of which the newest alone is kept where the latest wins."""

    def __init__(self) -> None:
        self._events: OrderedDict[int, Told] = OrderedDict()
        self._latest: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._events)

    def put(self, told: Told) -> None:
        if told.kind in LATEST_WINS:
            self._events.pop(self._latest.get(told.kind, -1), None)
            self._latest[told.kind] = told.number
        self._events[told.number] = told

    def take(self) -> Told:
        """The oldest."""
        return self._events.popitem(last=False)[1]

    def clear(self) -> None:
        self._events.clear()

    def all(self) -> list[Told]:
        return list(self._events.values())


class Ring:
    """The newest KEPT events."""

    def __init__(self, kept: int = KEPT) -> None:
        self.epoch = secrets.token_hex(4)
        self.number = 0
        """Of the newest event."""
        self._kept = kept
        self._gone = 0
        """Of the newest event that is not kept any more, though it is not replaced either."""
        self._events = Waiting()

    def id(self, number: int) -> str:
        return f"{self.epoch}-{number}"

    def put(self, kind: Kind, data: Any, *, public: Any = None, owner: UserId | None = None) -> Told:
        """The next event."""
        self.number += 1
        told = Told(self.number, kind, data, public, owner)
        self._events.put(told)
        if len(self._events) > self._kept:
            self._gone = self._events.take().number
        return told

    def lose(self) -> None:
        """Something happened that was not told: nobody can go on where he was."""
        self.number += 1
        self._gone = self.number
        self._events.clear()

    def since(self, last_id: str) -> list[Told] | None:
        """What was told after the event of this id; None where that cannot be told whole."""
        match = _ID.fullmatch(last_id)
        if match is None or match[1] != self.epoch or not self._gone <= int(match[2]) <= self.number:
            return None
        return [told for told in self._events.all() if told.number > int(match[2])]
