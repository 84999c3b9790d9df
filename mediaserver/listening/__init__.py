"""What people do: how well their plays went, and what they want kept ready."""

from __future__ import annotations

from dataclasses import dataclass

from mediaserver.core.clock import Clock
from mediaserver.listening.allowance import Allowance
from mediaserver.listening.pins import Pins
from mediaserver.listening.qoe import Qoe
from mediaserver.listening.watch import Watch
from mediaserver.storage.database import Database


@dataclass(frozen=True, slots=True)
class Listening:
    qoe: Qoe
    allowance: Allowance
    watch: Watch
    pins: Pins


def build(database: Database, clock: Clock) -> Listening:
    """The room's services; who starts jobs runs `watch.run`."""
    qoe = Qoe(database, clock)
    return Listening(qoe, Allowance(clock), Watch(qoe, clock), Pins(database, clock))
