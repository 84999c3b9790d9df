"""Whose turn it is at the workers: waiting work is taken in turns by who asks, and not at all once nobody waits."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from mediaserver.core.errors import Unavailable


class Turns:
    """Waiting keys in one line for each asker; one is taken from each line in turn. Pure."""

    def __init__(self) -> None:
        self._lines: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()

    def add(self, who: str, key: str) -> None:
        """At the end of their line; a new line stands behind the others. A key may stand in several."""
        self._lines.setdefault(who, OrderedDict())[key] = None

    def remove(self, key: str) -> None:
        """From every line."""
        for who in [who for who, line in self._lines.items() if key in line]:
            del self._lines[who][key]
            if not self._lines[who]:
                del self._lines[who]

    def take(self) -> str | None:
        """The next key, which leaves every line; None where nothing waits."""
        if not self._lines:
            return None
        who, line = next(iter(self._lines.items()))
        key = next(iter(line))
        self._lines.move_to_end(who)
        self.remove(key)
        return key


class Unwanted(Unavailable):
    """Nobody waited for it any more when its turn came."""


@dataclass(frozen=True, slots=True, eq=False)
class Asker:
    who: str
    """Whose line it stands in: the grant of a signed address."""
    is_there: Callable[[], bool]
    """False once they have hung up."""


class Gate:
    """Lets `places` pieces of work through at a time."""

    def __init__(self, places: int) -> None:
        self._free = places
        self._turns = Turns()
        self._askers: dict[str, list[Asker]] = {}
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def count(self, who: str) -> int:
        """How many pieces they wait for, however often each was asked for."""
        return sum(any(asker.who == who for asker in askers) for askers in self._askers.values())

    def ask(self, key: str, asker: Asker) -> None:
        """From now on they wait for `key`, until `leave`."""
        self._askers.setdefault(key, []).append(asker)
        if key in self._waiting:
            self._turns.add(asker.who, key)

    def leave(self, key: str, asker: Asker) -> None:
        """They have it, or want it no more. What nobody wants any more loses its turn."""
        askers = self._askers[key]
        askers.remove(asker)
        if not askers:
            del self._askers[key]
            if key in self._waiting:
                self._refuse(key)

    async def enter(self, key: str) -> None:
        """Return when its turn has come; `exit` follows. Raises Unwanted where nobody waits for it by then."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[key] = turn
        for asker in self._askers.get(key, ()):
            self._turns.add(asker.who, key)
        if key not in self._askers:
            self._refuse(key)
        self._call()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.exit()  # it was called and ended at once
            elif self._waiting.pop(key, None) is not None:
                self._turns.remove(key)
            raise

    def exit(self) -> None:
        """What was let through is done."""
        self._free += 1
        self._call()

    def _call(self) -> None:
        while self._free and (key := self._turns.take()) is not None:
            if not any(asker.is_there() for asker in self._askers.get(key, ())):
                self._refuse(key)
                continue
            turn = self._waiting.pop(key)
            if not turn.done():  # cancelled, and its task has not gone on yet
                self._free -= 1
                turn.set_result(None)

    def _refuse(self, key: str) -> None:
        self._turns.remove(key)
        turn = self._waiting.pop(key)
        if not turn.done():
            turn.set_exception(Unwanted("nobody waits for it any more"))
